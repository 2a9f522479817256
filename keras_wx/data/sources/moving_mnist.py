"""Moving-MNIST: digits that move and bounce, the data of the ConvLSTM paper's first experiment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from keras_wx.data.sources._mnist import SIZE as DIGIT
from keras_wx.data.sources._mnist import read_digits, shipped_digits
from keras_wx.data.sources._sequences import sequence_dataset
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset

IMAGE = 64
SPEED = (3.0, 5.0)
"""Least and largest speed of a digit in pixels a frame."""
PARTS = ("train", "val", "test")


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

    Each digit starts anywhere, moves in any direction, at a speed of 3 to 5 pixels a frame, and is
    reflected at the borders; where digits overlap, the brighter one is seen. A sequence depends on
    `seed`, its part and its number in the part alone. It is drawn when it is read, and nothing is
    stored.

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
            becomes one part, `"test"`, and no other option applies to it.

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
        return _finished_sequences(path)
    parts = dict(zip(PARTS, sequences, strict=False))
    pools = digit_pools(path, subset=subset, held_out=held_out)
    check_sizes(digits=digits, frames=frames, sequences=sequences)

    def draw(number: int) -> np.ndarray:
        rng, part = sequence_rng(seed, parts, number)
        chosen = rng.choice(pools[part], digits)
        start = rng.uniform(0, IMAGE - DIGIT, (digits, 2))
        velocity = random_velocity(rng, digits, SPEED)
        corners = bounce(start, velocity, frames, 0, IMAGE - DIGIT).astype(int)
        return _paste(chosen, corners)

    return sequence_dataset(
        draw,
        parts=parts,
        frames=frames,
        size=IMAGE,
        attrs=attributes(f"Moving-MNIST, {digits} digits", f"keras_wx moving_mnist, seed {seed}"),
    )


def digit_pools(
    path: str | os.PathLike | None, *, subset: int, held_out: bool
) -> dict[str, np.ndarray]:
    """The digits that each part shows, uint8 `(subset, 28, 28)`.

    Raises:
        DataError: for a file with fewer digits.
    """
    images = shipped_digits() if path is None else read_digits(path)
    needed = subset * (2 if held_out else 1)
    if not 1 <= needed <= len(images):
        raise DataError(
            f"subset: expected from 1 to {len(images) // (2 if held_out else 1):,} digits, of "
            f"{len(images):,} in {'the shipped file' if path is None else path}, half of which "
            f"are for validation and test with held_out=True. Received: subset={subset}, "
            f"held_out={held_out}. path= takes a larger file."
        )
    train, others = images[:subset], images[needed - subset : needed]
    return {"train": train, "val": others, "test": others}


def check_sizes(*, digits: int, frames: int, sequences: Sequence[int]) -> None:
    """Refuses numbers that make no dataset."""
    if digits < 1 or frames < 1 or len(sequences) != 3 or min(sequences) < 0 or not any(sequences):
        raise DataError(
            "Expected at least one digit and one frame, and three numbers of sequences, for "
            f"training, validation and test. Received: digits={digits}, frames={frames}, "
            f"sequences={tuple(sequences)}"
        )


def sequence_rng(seed: int, parts: dict[str, int], number: int) -> tuple[np.random.Generator, str]:
    """Random numbers of one sequence, and the part in which it lies.

    They do not depend on how many sequences the other parts have.
    """
    for rank, (part, length) in enumerate(parts.items()):
        if number < length:
            return np.random.default_rng((seed, rank, number)), part
        number -= length
    raise IndexError(number)


def random_velocity(
    rng: np.random.Generator, digits: int, speed: tuple[float, float]
) -> np.ndarray:
    """Velocities `(digits, 2)` along y and x: any direction, a speed between two limits."""
    direction = rng.uniform(0, 2 * np.pi, digits)
    return rng.uniform(*speed, (digits, 1)) * np.stack([np.sin(direction), np.cos(direction)], -1)


def bounce(
    start: np.ndarray, velocity: np.ndarray, frames: int, low: float, high: float
) -> np.ndarray:
    """Positions of points that move straight on and are reflected at two walls.

    The reflected path is the straight one, folded like paper: a wave of triangles.

    Args:
        start: positions at the first frame, any shape.
        velocity: of the same shape, a frame.
        frames: number of frames.
        low: position of one wall.
        high: position of the other.

    Returns:
        Positions `(frames, *start.shape)`.
    """
    time = np.arange(frames).reshape(-1, *[1] * start.ndim)
    straight = start - low + velocity * time
    width = high - low
    return high - np.abs(straight % (2 * width) - width)


def attributes(title: str, source: str) -> dict[str, str]:
    """Global attributes of what is made of MNIST digits."""
    return {
        "title": title,
        "source": source,
        "license": "CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/",
        "attribution": "MNIST digits by Yann LeCun and Corinna Cortes",
    }


def _paste(digits: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Images with digits at whole pixels; the brighter one is seen.

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


def _finished_sequences(path: str | os.PathLike) -> xr.Dataset:
    """Sequences from a file `(frames, sequences, y, x)`, which is mapped and not read."""
    path = Path(path).expanduser()
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
        attrs=attributes("Moving-MNIST, finished sequences", path.name),
    )
