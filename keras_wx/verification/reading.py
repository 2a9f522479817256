"""Reading along the chunks of a file: each of them once, few of them in memory."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import numpy as np
import xarray as xr


def chunk_edges(field: xr.DataArray, dim: str) -> np.ndarray:
    """Positions along `dim` at which chunks begin, and its size.

    Chunks of dask or, without it, of the file; where neither has any, each position is one.
    """
    if dim not in field.dims:
        return np.array([0, 1])
    chunks = field.variable.chunksizes  # those of the DataArray mind its coordinates too
    if dim in chunks:
        return np.concatenate([[0], np.cumsum(chunks[dim])])
    # Dimensions may have been renamed since they were read; time is the outermost of any archive.
    stored = field.encoding.get("preferred_chunks", {})
    length = max(1, int(stored.get(dim, next(iter(stored.values()), 1))))
    return np.array([*range(0, field.sizes[dim], length), field.sizes[dim]])


def chunk_blocks(
    init_edges: np.ndarray, lead_edges: np.ndarray, most: int
) -> list[tuple[slice, slice]]:
    """Blocks of whole chunks, of at most `most` frames unless a single chunk has more.

    A block has all lead times, or those of a single chunk of start times.
    """
    chunk, leads = int(np.diff(init_edges).max()), int(lead_edges[-1])
    if chunk * leads <= most:
        rows, columns = _grouped(init_edges, most // leads), [slice(0, leads)]
    else:
        rows, columns = _grouped(init_edges, chunk), _grouped(lead_edges, most // chunk)
    return [(row, column) for row in rows for column in columns]


def _grouped(edges: np.ndarray, most: int) -> list[slice]:
    edges = edges.tolist()
    starts = [edges[0]]
    for begin, end in pairwise(edges):
        if end - starts[-1] > most and begin > starts[-1]:
            starts.append(begin)
    return [slice(*ends) for ends in pairwise([*starts, edges[-1]])]


class FrameReader:
    """Frames of a field by their position in time.

    Forecasts started one after the other share most of their truth, and a chunk of the file may
    hold more than one read asks for. The chunks read last are kept.

    Args:
        field: dims `time` and the grid, in memory or not.
        grid: the two dims of the grid.
        pixels: that are kept; a single read may need more.
    """

    def __init__(self, field: xr.DataArray, grid: tuple[str, str], pixels: int):
        self._field, self._dims = field, ("time", *grid)
        self._edges = chunk_edges(field, "time")
        self._pixels = pixels
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self._size = 0

    def read(self, positions: np.ndarray) -> np.ndarray:
        """The frames at `positions`, increasing: `(len(positions), y, x)`."""
        chunk_of = np.searchsorted(self._edges, positions, side="right") - 1
        needed = np.unique(chunk_of)
        missing = np.array([chunk for chunk in needed if chunk not in self._kept], int)
        # Neighbours together: a file gives them faster at once than one by one.
        for run in np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1):
            if run.size:
                self._load(run)
        for chunk in needed:
            self._kept.move_to_end(chunk)
        while self._size > self._pixels and len(self._kept) > len(needed):
            self._size -= self._kept.popitem(last=False)[1].size

        first = self._kept[needed[0]] if needed.size else self._empty()
        frames = np.empty((len(positions), *first.shape[1:]), first.dtype)
        for chunk in needed:
            here = chunk_of == chunk
            frames[here] = self._kept[chunk][positions[here] - self._edges[chunk]]
        return frames

    def _load(self, run: np.ndarray) -> None:
        edges = self._edges[run[0] : run[-1] + 2]
        part = self._values(slice(edges[0], edges[-1]))
        for chunk, frames in zip(run, np.split(part, edges[1:-1] - edges[0]), strict=True):
            self._kept[chunk] = frames
            self._size += frames.size

    def _empty(self) -> np.ndarray:
        return self._values(slice(0, 0))

    def _values(self, times: slice) -> np.ndarray:
        # load before transpose: on a file that is not in memory, transpose reads all of it.
        return self._field.isel(time=times).load().transpose(*self._dims).values
