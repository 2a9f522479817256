"""Velocity where no echo shows it: that of the echo around."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_gradient_magnitude

SCALES = (32.0, 8.0, 2.0)
"""Standard deviations, in grid points, of the neighbourhoods whose echo is asked."""
TRUST = 0.03
"""How much echo, in parts of the domain's mean, counts as much as the next larger neighbourhood."""


def beyond_echo(velocity: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """The velocity of echo, carried on to where there is none.

    What makes a flow smooth ties it to the empty grid too, where nothing moves: ahead of echo some
    0.7 of its velocity is left, and a front that is carried along is squeezed. Here points without
    echo get the mean velocity of the echo near them, weighted by its squared gradient, which is
    where motion can be seen; where a neighbourhood has little of it, that of a larger one.

    Args:
        velocity: grid points a step along x and along y, `(2, y, x)`.
        gray: levels of the frame that it belongs to, `(y, x)`; 0 is no echo.

    Returns:
        The velocity `(2, y, x)`; unchanged where there is echo, and everywhere in a frame without
        gradients.

    References:
        Knutsson and Westin (1993), Normalized and Differential Convolution, CVPR 1993, 515-523.
    """
    import cv2

    weight = gaussian_gradient_magnitude(np.asarray(gray, np.float32), 1.0) ** 2
    if not weight.any():
        return velocity
    moments = np.moveaxis(np.concatenate([velocity * weight, weight[None]]), 0, -1)
    moments = moments.astype(np.float32)
    trust = TRUST * weight.mean()
    total = moments.sum(axis=(0, 1), dtype=np.float64)
    mean = np.float32(total[:2] / total[2])
    for scale in SCALES:
        near = cv2.GaussianBlur(moments, (0, 0), scale, borderType=cv2.BORDER_CONSTANT)
        mean = (near[..., :2] + trust * mean) / (near[..., 2:] + trust)
    return np.where(gray > 0, velocity, np.moveaxis(mean, -1, 0))
