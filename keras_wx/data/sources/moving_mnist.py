"""Moving-MNIST: digits that move and bounce, the data of the ConvLSTM paper's first experiment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from keras_wx.data.sources._mnist import ATTRS, DIGIT, digit_pools
from keras_wx.data.sources._motion import bounce, random_velocity
from keras_wx.data.sources._sequences import part_sizes, seeded, sequence_dataset
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset

IMAGE = 64
SPEED = (3.0, 5.0)
"""Least and largest speed of a digit in pixels a frame."""


@register_dataset("moving_mnist")
def moving_mnist(
    *,
    digits: int = 2,
    seed: int = 0,
    sequences: Sequence[int] = (10_000, 2_000, 3_000),
    frames: int = 20,
    subset: int = 500,
    held_out: bool = False,
    path: str | os.PathLike | None = None,
) -> xr.Dataset:
    """Handwritten digits that move through a 64x64 image and bounce off its borders.

    Each digit starts anywhere and moves in any direction, at a speed of 3 to 5 pixels a frame; it
    is reflected at the borders. Digits lie at whole pixels, and where they overlap the brighter one
    is seen. A sequence depends on `seed`, its part and its number in the part alone; it is drawn
    when it is read, and nothing is stored.

    Args:
        digits: number of digits in an image. The paper trains on 2 and also tests on 3.
        seed: equal seeds give equal data.
        sequences: number of sequences to train on, for validation and for test.
        frames: length of a sequence.
        subset: number of different digits, the first of the file. The paper takes 500.
        held_out: whether validation and test show other digits than training, the `subset` that
            follows in the file. In the paper's protocol they show the same.
        path: a file of MNIST digits: the original IDX files, gzipped or not, or an `.npz` such as
            Keras' `mnist.npz`; None takes the 1,000 digits that are installed with the package. Or
            a file of finished sequences, `mnist_test_seq.npy` of the University of Toronto: it
            becomes one part, `"test"`, and the other options do not apply to it.

    Returns:
        `intensity` from 0 to 1, dims `(time, y, x)`, a frame a minute and a break after each
        sequence, so that windows of `frames` are whole sequences; splits as attributes.

    Raises:
        DataError: for sizes that make no data, and for files that hold none.

    References:
        Shi et al. (2015), Convolutional LSTM Network, arXiv:1506.04214, section 4.1, for the
        protocol. Srivastava et al. (2015), Unsupervised Learning of Video Representations using
        LSTMs, arXiv:1502.04681, for the idea and the file of finished sequences.

    Example:

    ```python
    images = keras_wx.open_dataset("moving_mnist")
    train = keras_wx.samples(images, keras_wx.info("convlstm_mnist_3layer"), split="train")
    ```
    """
    if path is not None and Path(path).suffix == ".npy":
        return _finished_sequences(Path(path).expanduser())
    parts = part_sizes(sequences, digits=digits, frames=frames)
    pools = digit_pools(path, subset=subset, held_out=held_out)

    def draw(rng: np.random.Generator, part: str) -> np.ndarray:
        chosen = rng.choice(pools[part], digits)
        start = rng.uniform(0, IMAGE - DIGIT, (digits, 2))
        corners = bounce(start, random_velocity(rng, digits, SPEED), frames, 0, IMAGE - DIGIT)
        return _paste(chosen, corners.astype(int))

    return sequence_dataset(
        seeded(draw, seed, parts),
        parts=parts,
        frames=frames,
        size=IMAGE,
        attrs=ATTRS
        | {
            "title": f"Moving-MNIST, {digits} digits",
            "source": f"keras_wx moving_mnist, seed {seed}",
        },
    )


def _paste(digits: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Images `(frames, 64, 64)` with digits at whole pixels; the brighter one is seen.

    Args:
        digits: uint8 `(digits, 28, 28)`.
        corners: row and column of each upper left corner, `(frames, digits, 2)`.
    """
    images = np.zeros((len(corners), IMAGE, IMAGE), np.uint8)
    for image, places in zip(images, corners.tolist(), strict=True):
        for digit, (row, column) in zip(digits, places, strict=True):
            window = image[row : row + DIGIT, column : column + DIGIT]
            np.maximum(window, digit, out=window)
    return images


def _finished_sequences(path: Path) -> xr.Dataset:
    """Sequences from a file `(frames, sequences, y, x)`, which is mapped and not read."""
    try:
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"Cannot read {path}: {error}") from error
    if images.ndim != 4 or images.dtype != np.uint8 or images.shape[2] != images.shape[3]:
        raise DataError(
            f"{path}: expected sequences as uint8 (frames, sequences, size, size). "
            f"Received: {images.dtype} {images.shape}"
        )
    return sequence_dataset(
        lambda number: images[:, number],
        parts={"test": images.shape[1]},
        frames=images.shape[0],
        size=images.shape[2],
        attrs=ATTRS | {"title": "Moving-MNIST, finished sequences", "source": path.name},
    )
