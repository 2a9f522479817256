"""Frames of one variable as network numbers, read block by block and kept in memory."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable

import numpy as np
import xarray as xr

from keras_wx.data.sentinels import refuse_sentinels
from keras_wx.errors import DataError
from keras_wx.transforms import Transform

BLOCK_BYTES = 4 * 1024**2
"""Chunks smaller than this are read several at a time."""

# HDF5 and netCDF-C are not thread-safe, and Keras may call from several threads.
_READING = threading.Lock()


class FrameStore:
    """Reads frames in blocks that follow the file's chunks, and keeps the latest blocks.

    Missing values stay NaN: what stands in for them is for the reader to say.

    Args:
        field: dims `(time, y, x)`, or `(y, x)` for what does not change, physical units, lazy or
            in memory. The columns of a curtain, `(time, height)`, are frames one pixel wide.
        transform: physical to network numbers.
        cache_bytes: memory for blocks, as float32. It holds two blocks at least, since a window
            may lie in both: larger chunks are read in parts.

    Attributes:
        field: the frames as they are in the source, `(time, y, x)`, physical units.
        coords: dimension in space -> its coordinates, of those that have some.
        shape: `(frames, y, x)`.
        times: datetime64 of every frame, None for what does not change.
        missing: see `missing_frames`.
        edges: frames at which blocks begin, and the number of frames.
        reads: how many blocks have been read so far.
    """

    def __init__(self, field: xr.DataArray, transform: Transform, *, cache_bytes: int):
        self.name = field.name
        self.still = "time" not in field.dims
        if self.still:
            field = field.expand_dims("time")
        self.times = field["time"].values if "time" in field.coords else None
        self.field = field.variable
        self.coords = {dim: field[dim].variable for dim in field.dims[1:] if dim in field.coords}
        self.transform = transform
        self._cache_bytes = cache_bytes
        self.shape = field.shape if field.ndim == 3 else (*field.shape, 1)
        self.missing = missing_frames(field)
        self.may_be_missing = self.missing is None or bool(self.missing.any())
        self._frame_bytes = _frame_bytes(field)
        self.edges = block_edges(field, largest=cache_bytes // 2)
        self._edges = self.edges.tolist()
        self._blocks: OrderedDict[int, np.ndarray] = OrderedDict()
        self._kept_bytes = 0
        self.reads = 0
        self._guard = threading.Lock()

    def pieces(self, start: int, stop: int) -> list[np.ndarray]:
        """Frames `start` to `stop` (exclusive), in order, as views of the blocks they lie in.

        Returns:
            Read-only arrays `(frames, y, x)`, float32 network numbers, NaN where missing.
        """
        if self.still:
            start, stop = 0, 1
        # A list and bisect: several times faster than an array and searchsorted for one number.
        edges = self._edges
        first = bisect_right(edges, start) - 1
        pieces = [self._block(first)[start - edges[first] : stop - edges[first]]]
        for i in range(first + 1, bisect_left(edges, stop)):
            pieces.append(self._block(i)[: stop - edges[i]])
        return pieces

    def read(self, start: int, stop: int) -> np.ndarray:
        """Frames `start` to `stop` (exclusive) as one array `(frames, y, x)`."""
        pieces = self.pieces(start, stop)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def blocks_of(self, frames: np.ndarray) -> np.ndarray:
        """Indices of the blocks in which some frames lie, increasing, each once."""
        return np.unique(self.block_of(frames))

    def block_of(self, frames: np.ndarray) -> np.ndarray:
        """Index of the block in which each frame lies."""
        return np.searchsorted(self.edges, frames, side="right") - 1

    @property
    def capacity(self) -> int:
        """Number of blocks that stay in memory together."""
        return max(2, self._cache_bytes // (self._frame_bytes * int(np.diff(self.edges).max())))

    def fits(self, blocks: np.ndarray) -> bool:
        """Whether all these blocks stay in memory together."""
        frames = int(np.diff(self.edges)[blocks].sum())
        return frames * self._frame_bytes <= self._cache_bytes

    def scan(self, blocks: Iterable[int], summarise: Callable[[np.ndarray], np.ndarray]) -> dict:
        """Applies a function to the physical values of blocks, and keeps them on the way.

        Returns:
            Index of the block -> what `summarise` made of its `(frames, y, x)`.
        """
        results = {}
        for i in blocks:
            with _READING:
                physical = self._read_physical(i)
            results[int(i)] = summarise(physical)
            self._keep(int(i), self._network(physical, i))
        return results

    def _block(self, i: int) -> np.ndarray:
        block = self._kept(i)
        if block is None:
            with _READING:
                # Another thread may have read it while this one waited.
                block = self._kept(i)
                if block is None:
                    block = self._network(self._read_physical(i), i)
                    self._keep(i, block)
        return block

    def _kept(self, i: int) -> np.ndarray | None:
        with self._guard:
            if i in self._blocks:
                self._blocks.move_to_end(i)
                return self._blocks[i]
            return None

    def _keep(self, i: int, block: np.ndarray) -> None:
        with self._guard:
            if i not in self._blocks:
                self._blocks[i] = block
                self._kept_bytes += block.nbytes
            while self._kept_bytes > self._cache_bytes and len(self._blocks) > 2:
                self._kept_bytes -= self._blocks.popitem(last=False)[1].nbytes

    def _read_physical(self, i: int) -> np.ndarray:
        start, stop = self.edges[i], self.edges[i + 1]
        self.reads += 1
        try:
            physical = self.field[start:stop].values.reshape(-1, *self.shape[1:])
        except (OSError, RuntimeError) as error:
            raise DataError(
                f"Cannot read {self.name!r}, frames {start} to {stop - 1}: {error}. The file may "
                "be damaged or cut off."
            ) from error
        if not self.may_be_missing and physical.dtype.kind == "f" and np.isnan(physical).any():
            raise DataError(
                f"Variable {self.name!r} has NaN in frames {start} to {stop - 1}, although it is "
                "packed in the file as integers none of which means missing. If NaN came in after "
                f"reading, dataset[{self.name!r}].encoding.clear() forgets the packing."
            )
        return physical

    def _network(self, physical: np.ndarray, i: int) -> np.ndarray:
        times = None if self.times is None else self.times[self.edges[i] :]
        refuse_sentinels(self.name, physical, times)
        block = np.ascontiguousarray(self.transform(physical), dtype=np.float32)
        self._refuse_infinite(block, physical, i)
        block.flags.writeable = False
        return block

    def _refuse_infinite(self, block: np.ndarray, physical: np.ndarray, i: int) -> None:
        """NaN means missing and is dealt with; of infinity a network would learn NaN."""
        if np.isfinite(physical.sum() + block.sum()):  # the usual case, for half of the work
            return
        wrong = np.isinf(physical) | ~(np.isfinite(block) | np.isnan(physical))
        if not wrong.any():
            return
        frame, y, x = np.argwhere(wrong)[0].tolist()
        when = "" if self.times is None else f" at {self.times[self.edges[i] + frame]:.19}"
        file = self.field.encoding.get("source")
        raise DataError(
            f"Variable {self.name!r}{when} is {physical[frame, y, x]} at row {y}, column {x}"
            f"{f' of {file}' if file else ''}, which the transform {self.transform.to_config()} "
            f"makes {block[frame, y, x]}. Expected finite values, or NaN where they are missing: "
            "dataset.where(numpy.isfinite(dataset)) makes NaN of infinity."
        )


def missing_frames(field: xr.DataArray) -> np.ndarray | None:
    """Whether each frame has missing values; None where only reading would tell.

    A file of packed integers has none if it names no integer that means missing.
    """
    packed = np.dtype(field.encoding.get("dtype", field.dtype)).kind in "iub"
    if field.variable._in_memory:
        return np.isnan(field.values).any(axis=tuple(range(1, field.ndim)))
    if packed and not {"_FillValue", "missing_value"} & set(field.encoding):
        return np.zeros(len(field), bool)
    return None


def block_edges(field: xr.DataArray, *, largest: int = 512 * 1024**2) -> np.ndarray:
    """Frames at which blocks begin, and the number of frames.

    Blocks are whole chunks, several where they are small, parts where they are larger than
    `largest` (in bytes, as float32).
    """
    frames = field.sizes["time"]
    if field.chunks is not None:
        chunks = np.cumsum(field.chunks[0]).tolist()
    else:
        stored = _chunk_frames(field)
        chunks = [*range(stored, frames, stored), frames]
    most = max(1, largest // _frame_bytes(field))
    least = max(1, min(BLOCK_BYTES, largest // 2) // _frame_bytes(field))
    edges = [0]
    for edge in chunks:
        while edge - edges[-1] > most:
            edges.append(edges[-1] + most)
        if edge - edges[-1] >= least or edge == frames:
            edges.append(edge)
    return np.array(edges)


def _frame_bytes(field: xr.DataArray) -> int:
    return 4 * math.prod(field.shape[1:])


def _chunk_frames(field: xr.DataArray) -> int:
    # Dimensions may have been renamed since they were read; time is the outermost of any archive.
    preferred = field.encoding.get("preferred_chunks", {})
    return max(1, int(preferred.get("time", next(iter(preferred.values()), 1))))
