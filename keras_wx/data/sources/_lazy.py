"""Frames that a function reads when they are used, without a task graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing


class _Frames(BackendArray):
    def __init__(
        self, read: Callable[[np.ndarray], np.ndarray], shape: tuple[int, int, int], dtype: str
    ):
        self._read = read
        self.shape = shape
        self.dtype = np.dtype(dtype)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._outer
        )

    def _outer(self, key: tuple) -> np.ndarray:
        time, y, x = key
        wanted = np.arange(self.shape[0])[time]
        # One axis at a time: an index is a number, a slice or a list for each by itself.
        frames = self._read(np.atleast_1d(wanted))[:, y][..., x]
        return frames if wanted.ndim else frames[0]


def lazy_frames(
    read: Callable[[np.ndarray], np.ndarray],
    shape: tuple[int, int, int],
    attrs: dict,
    *,
    chunk: int,
    dtype: str = "float32",
) -> xr.Variable:
    """A field of many frames of which only those that are asked for are ever read.

    An archive of some 10,000 pieces makes a dask graph that takes longer to search than a piece
    takes to read.

    Args:
        read: indices of frames -> `(frames, y, x)` of `dtype`. It may be called from any thread.
        shape: `(time, y, x)`.
        attrs: attributes of the field.
        chunk: frames that are best read together.
        dtype: of the field.

    Returns:
        A variable with dims `(time, y, x)`, which `.chunk(time=...)` turns into dask arrays.
    """
    return xr.Variable(
        ("time", "y", "x"),
        indexing.LazilyIndexedArray(_Frames(read, shape, dtype)),
        attrs,
        {"preferred_chunks": {"time": chunk, "y": shape[1], "x": shape[2]}},
    )
