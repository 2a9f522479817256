"""MovingMNIST++: digits that move, turn, grow and shrink while the light changes."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import xarray as xr

from keras_wx.data.sources._mnist import ATTRS, DIGIT, digit_pools
from keras_wx.data.sources._motion import bounce, random_velocity
from keras_wx.data.sources._sequences import part_sizes, seeded, sequence_dataset
from keras_wx.registry import register_dataset

IMAGE = 64
SPEED = (0.0, 3.6)
"""Least and largest speed of a digit in pixels a frame."""
GROWTH = (1 / 1.1, 1.1)
"""Least and largest factor by which a digit grows from frame to frame."""
ROTATION = (-30.0, 30.0)
"""Least and largest angle in degrees by which a digit turns from frame to frame."""
DIMMING = (0.6, 1.0)
"""Least and largest factor by which the light changes from frame to frame."""
PERIOD = 5
"""Frames after which growth turns into shrinking, fading into brightening, and back."""
MARGIN = 10
"""Distance in pixels from the border at which the centre of a digit is reflected."""


@register_dataset("moving_mnist_plusplus")
def moving_mnist_plusplus(
    *,
    digits: int = 3,
    seed: int = 0,
    sequences: Sequence[int] = (10_000, 2_000, 3_000),
    frames: int = 20,
    subset: int = 500,
    held_out: bool = False,
    path: str | os.PathLike | None = None,
) -> xr.Dataset:
    """Handwritten digits that move, turn and change their size, under a light that changes.

    Each digit moves in any direction, at a speed of up to 3.6 pixels a frame, and turns by up to 30
    degrees a frame. It grows by a constant factor of 1/1.1 to 1.1 a frame for five frames, shrinks
    by it in the next five, and so on. The light, the same for all digits of a sequence, changes
    likewise by a factor of 0.6 to 1.0, and saturates at 1. Sequences are drawn when they are read,
    as those of `moving_mnist` are.

    The paper draws new sequences without end, from 50,000 digits: `seed` gives others, `path` and
    `subset` more digits.

    Args:
        digits: number of digits in an image.
        seed: equal seeds give equal data.
        sequences: number of sequences to train on, for validation and for test.
        frames: length of a sequence.
        subset: number of different digits, the first of the file.
        held_out: whether validation and test show other digits than training, the `subset` that
            follows in the file.
        path: a file of MNIST digits, as in `moving_mnist`.

    Returns:
        As `moving_mnist`.

    Raises:
        DataError: for sizes that make no data, and for files that hold none.

    References:
        Shi et al. (2017), Deep Learning for Precipitation Nowcasting, arXiv:1706.03458, section
        4.1. What the text leaves open is as in its code, `movingmnist_iterator.py`.

    Example:

    ```python
    images = keras_wx.open_dataset("moving_mnist_plusplus", seed=1)
    ```
    """
    parts = part_sizes(sequences, digits=digits, frames=frames)
    pools = digit_pools(path, subset=subset, held_out=held_out)
    # Each factor counts once more in the first PERIOD frames, once less in the next PERIOD.
    signs = 1 - 2 * (np.arange(1, frames) // PERIOD % 2)
    powers = np.concatenate([[0], np.cumsum(signs)])

    def draw(rng: np.random.Generator, part: str) -> np.ndarray:
        chosen = rng.choice(pools[part], digits)
        start = rng.uniform(MARGIN, IMAGE - MARGIN, (digits, 2))
        velocity = random_velocity(rng, digits, SPEED)
        centres = bounce(start, velocity, frames, MARGIN, IMAGE - MARGIN)
        sizes = rng.uniform(*GROWTH, digits) ** powers[:, None]
        angles = rng.uniform(*ROTATION, digits) * np.arange(frames)[:, None]
        light = rng.uniform(*DIMMING) ** powers
        return _paint(chosen, centres, sizes, angles, light)

    return sequence_dataset(
        seeded(draw, seed, parts),
        parts=parts,
        frames=frames,
        size=IMAGE,
        attrs=ATTRS
        | {
            "title": f"MovingMNIST++, {digits} digits",
            "source": f"keras_wx moving_mnist_plusplus, seed {seed}",
        },
    )


def _paint(
    digits: np.ndarray,
    centres: np.ndarray,
    sizes: np.ndarray,
    angles: np.ndarray,
    light: np.ndarray,
) -> np.ndarray:
    """Images `(frames, 64, 64)` of digits, interpolated linearly; the brighter one is seen.

    Args:
        digits: uint8 `(digits, 28, 28)`.
        centres: row and column of each centre, `(frames, digits, 2)`.
        sizes: factor by which each digit is larger, `(frames, digits)`.
        angles: in degrees, counterclockwise, `(frames, digits)`.
        light: factor of the intensity, `(frames,)`.
    """
    import cv2

    images = np.zeros((len(light), IMAGE, IMAGE), np.uint8)
    middle = ((DIGIT - 1) / 2,) * 2
    for frame, image in enumerate(images):
        for number, digit in enumerate(digits):
            warp = cv2.getRotationMatrix2D(middle, angles[frame, number], sizes[frame, number])
            warp[:, 2] += centres[frame, number, ::-1] - middle
            np.maximum(image, cv2.warpAffine(digit, warp, (IMAGE, IMAGE)), out=image)
    lit = images * light[:, None, None]
    return np.minimum(lit.round(), 255).astype(np.uint8)
