"""MNIST digits, from any of the files in which they are passed around."""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from keras_wx.errors import DataError

DIGIT = 28
"""Rows and columns of a digit."""
ATTRS = {
    "license": "CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/",
    "attribution": "MNIST digits by Yann LeCun and Corinna Cortes",
}
_SHIPPED = "mnist_1000_digits.npz"
_NAMES = ("x_train", "images", "x", "X", "x_test")
"""Names of images in NumPy archives, in the order in which they are looked for."""
_IDX_IMAGES = b"\x00\x00\x08\x03"  # unsigned bytes, three dimensions


def digit_pools(
    path: str | os.PathLike | None, *, subset: int, held_out: bool
) -> dict[str, np.ndarray]:
    """The digits that each part of a dataset shows, uint8 `(subset, 28, 28)`.

    Args:
        path: a file for `read_digits`; None for the one that is installed with the package.
        subset: number of digits.
        held_out: whether validation and test show others than training.

    Raises:
        DataError: for a file that cannot be read or has fewer digits.
    """
    images = _shipped_digits() if path is None else read_digits(path)
    sets = 2 if held_out else 1
    if not 1 <= subset * sets <= len(images):
        raise DataError(
            f"subset: expected from 1 to {len(images) // sets:,}, since "
            f"{'the file that ships' if path is None else path} has {len(images):,} digits and "
            f"held_out={held_out} takes {sets} times as many. Received: subset={subset}. path= "
            "reads a larger file."
        )
    others = images[subset * (sets - 1) : subset * sets]
    return {"train": images[:subset], "val": others, "test": others}


def read_digits(path: str | os.PathLike) -> np.ndarray:
    """Reads the images of an MNIST file.

    Args:
        path: the original `train-images-idx3-ubyte` or `t10k-images-idx3-ubyte`, gzipped or not, or
            a NumPy archive such as Keras' `mnist.npz`, of which the training images are taken.

    Returns:
        uint8 `(digits, 28, 28)`.

    Raises:
        DataError: for a file that is missing, damaged or holds no digits.
    """
    path = Path(path).expanduser()
    try:
        images = _from_npz(path) if zipfile.is_zipfile(path) else _from_idx(path.read_bytes())
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"Cannot read MNIST digits from {path}: {error}") from error
    if images.shape[1:] != (DIGIT, DIGIT) or images.dtype != np.uint8:
        raise DataError(
            f"{path}: expected digits as uint8 (number, {DIGIT}, {DIGIT}). "
            f"Received: {images.dtype} {images.shape}"
        )
    return images


def _shipped_digits() -> np.ndarray:
    with as_file(files("keras_wx.data") / "shipped" / _SHIPPED) as path:
        return read_digits(path)


def _from_npz(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as archive:
        name = next((name for name in _NAMES if name in archive), None)
        if name is None:
            raise ValueError(f"expected an array named like {_NAMES}, found {archive.files}")
        return archive[name]


def _from_idx(content: bytes) -> np.ndarray:
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    if not content.startswith(_IDX_IMAGES) or len(content) < 16:
        raise ValueError("it is neither a NumPy archive nor an IDX file of images")
    shape = np.frombuffer(content, ">u4", count=3, offset=4).tolist()
    pixels = np.frombuffer(content, np.uint8, offset=16)
    if pixels.size != np.prod(shape, dtype=np.int64):
        raise ValueError(f"{pixels.size:,} pixels do not make {shape}: it may be cut off")
    return pixels.reshape(shape)
