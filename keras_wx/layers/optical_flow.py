"""Optical flow in the graph: the motion of Lucas and Kanade, from coarse to fine."""

from __future__ import annotations

import math

from keras import ops

from keras_wx.layers.advection import points, sample

SCALES = (4.0, 2.0, 1.0)
"""Standard deviations, in grid points, of the smoothing under which motion is looked for: large
displacements under the first, the details under the last."""
WINDOW = 6.0
"""Standard deviation, in grid points, of the neighbourhood that shares one motion."""
ITERATIONS = 2
"""Corrections at each scale."""
TRUST = 0.1
"""How much gradient, in parts of the domain's mean, makes the local motion count as much as that of
the domain."""


def motion(pictures):
    """The displacement from one picture to the next, the same between all of them.

    Args:
        pictures: `(batch, height, width, time)`.

    Returns:
        `(batch, height, width, 2)`, in grid points along height and width.
    """
    y, x = points(pictures)
    velocity = ops.zeros_like(pictures[..., :2])
    for sigma in SCALES:
        smooth = _smoothed(pictures, sigma)
        before, after = smooth[..., :-1], smooth[..., 1:]
        for iteration in range(ITERATIONS):
            there = y + velocity[..., 0], x + velocity[..., 1]
            known = _inside(*there, pictures)
            arrived = sample(after, *there)
            dy, dx = (known * slope for slope in _slopes((arrived + before) / 2))
            change = known * (arrived - before)
            products = ops.stack(
                [
                    ops.mean(a * b, axis=-1)
                    for a, b in ((dy, dy), (dx, dx), (dy, dx), (dy, change), (dx, change))
                ],
                axis=-1,
            )
            everywhere = ops.mean(products, axis=(1, 2), keepdims=True)
            if sigma == SCALES[0] and iteration == 0:
                velocity = velocity + _newton(everywhere, 1e-3 * _energy(everywhere))
            else:
                local = _smoothed(products, WINDOW)
                velocity = velocity + _newton(local, TRUST * _energy(everywhere))
        velocity = _smoothed(velocity, WINDOW / 2)
    return velocity


def _inside(y, x, field, margin: int = 0):
    """1 for the points that lie at least `margin` inside of the border, else 0."""
    last = [ops.cast(size - 1 - margin, field.dtype) for size in ops.shape(field)[1:3]]
    inside = (y >= margin) & (y <= last[0]) & (x >= margin) & (x <= last[1])
    return ops.cast(inside, field.dtype)[..., None]


def _smoothed(field, sigma: float):
    """Gaussian mean over the points inside the domain."""
    radius = math.ceil(2.5 * sigma)
    kernel = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(-radius, radius + 1)]
    kernel = [k / sum(kernel) for k in kernel]

    def along_both(values):
        return _correlated(_correlated(values, kernel, axis=0), kernel, axis=1)

    return along_both(field) / along_both(ops.ones_like(field[:1, ..., :1]))


def _slopes(field):
    """Central differences along height and width; 0 at the border."""
    inner = _inside(*points(field[:1]), field, margin=1)
    return [inner * _correlated(field, [-0.5, 0.0, 0.5], axis) for axis in (0, 1)]


def _correlated(field, kernel: list[float], axis: int):
    """Every channel with a kernel along height (axis 0) or width (1); outside is 0."""
    shape = (-1, 1, 1, 1) if axis == 0 else (1, -1, 1, 1)
    weights = ops.reshape(ops.convert_to_tensor(kernel, dtype=field.dtype), shape)
    weights = ops.tile(weights, (1, 1, field.shape[-1], 1))
    return ops.depthwise_conv(field, weights, padding="same")


def _energy(products):
    return products[..., 0] + products[..., 1]


def _newton(products, damping):
    """The solution of the damped normal equations of Lucas and Kanade."""
    yy, xx, yx, yt, xt = (products[..., k] for k in range(5))
    yy, xx = yy + damping + 1e-12, xx + damping + 1e-12
    determinant = yy * xx - yx * yx
    return ops.stack([yx * xt - xx * yt, yx * yt - yy * xt], axis=-1) / determinant[..., None]
