"""Tiles of which the rim does not count, blended with Hann windows. Plain NumPy.

What a network says at the rim of a tile it says without knowing what lies beyond, so the rim (the
halo) is cropped, on every side that is not a border of the domain.

References:
    Xiang et al. 2025, arXiv 2512.05139, and its code, `torch_ddpm_downscale_halo_hann.py`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from keras_wx.errors import ModelError
from keras_wx.inference.tiles import Stretch, Tile

FLOOR = 1e-6
"""Least weight of a point: a Hann window is zero at its ends, which count at a border."""


class HaloTile(NamedTuple):
    """A tile, and the rows and columns of it that count."""

    tile: Tile
    core: tuple[slice, slice]

    @property
    def weights(self) -> np.ndarray:
        """Of the tile's points inside the domain."""
        (rows, columns), core = self.tile, self.core
        sizes = rows.size, columns.size, len(rows.weights), len(columns.weights)
        return _weights(*sizes, *((part.start, part.stop) for part in core))

    def blend(self, total: np.ndarray, y: np.ndarray) -> None:
        """Adds the tile's weighted values to sums over a domain.

        Args:
            total: `(y, x, channels)`, changed in place.
            y: `(height, width, channels)` of the tile.
        """
        weights = self.weights
        height, width = weights.shape
        total[self.tile.inside] += weights[:, :, None] * y[:height, :width]


class Band(NamedTuple):
    """Rows of a domain that are made together.

    Attributes:
        rows: of the domain.
        window: the rows that all tiles with a part in them reach over.
        starts: first rows of those tiles.
    """

    rows: slice
    window: slice
    starts: tuple[int, ...]

    @property
    def inside(self) -> slice:
        """The band's rows, counted from the window's first."""
        return slice(self.rows.start - self.window.start, self.rows.stop - self.window.start)


@dataclass(frozen=True)
class Stitching:
    """How a domain is covered.

    Tiles follow each other by `tile - overlap` points, and the last is shifted inwards to end where
    the domain ends. At a point that several tiles cover, the result is `sum(w y) / sum(w)` with
    `w = max(hann(i) hann(j), 1e-6)` inside the tile without its halo, and 0 in the halo.

    Args:
        domain: rows and columns.
        tile: rows and columns of a tile. Where it is larger than the domain, it is to be padded.
        overlap: points that neighbours share, at least twice the halo.
        halo: points that are cropped.

    Raises:
        ModelError: for an overlap or a halo with which no points, or not all, are covered.
    """

    domain: tuple[int, int]
    tile: tuple[int, int]
    overlap: tuple[int, int]
    halo: tuple[int, int]

    def __post_init__(self):
        for size, tile, overlap, halo in zip(
            self.domain, self.tile, self.overlap, self.halo, strict=True
        ):
            if tile < size and not 2 * halo <= overlap < tile:
                raise ModelError(
                    f"The stride from tile to tile, tile - overlap = {tile - overlap}, has to be 1 "
                    f"to tile - 2 halo = {tile - 2 * halo} points, so that what is left of the "
                    "tiles without their halo covers the domain. Expected "
                    f"2 halo <= overlap < tile. Received: tile={tile}, overlap={overlap}, "
                    f"halo={halo}"
                )

    def starts(self, axis: int) -> list[int]:
        """First points of the tiles along an axis."""
        size, tile = self.domain[axis], self.tile[axis]
        if tile >= size:
            return [0]
        stride = tile - self.overlap[axis]
        number = math.ceil((size - tile) / stride) + 1
        return [min(k * stride, size - tile) for k in range(number)]

    def bands(self, rows: int) -> list[Band]:
        """Divides the domain into bands of at most so many rows."""
        height = self.domain[0]
        edges = [*range(0, height, rows), height]
        return [self._band(*edge) for edge in itertools.pairwise(edges)]

    def _band(self, first: int, last: int) -> Band:
        starts = []
        for start in self.starts(0):
            core = self._core(start, 0)
            if start + core.start < last and start + core.stop > first:
                starts.append(start)
        return Band(
            slice(first, last),
            slice(starts[0], min(starts[-1] + self.tile[0], self.domain[0])),
            tuple(starts),
        )

    def count(self, band: Band) -> int:
        """Number of its tiles."""
        return len(band.starts) * len(self.starts(1))

    def tiles(self, band: Band) -> Iterator[HaloTile]:
        """The tiles with a part in a band, row by row, in places counted from its window."""
        columns = [
            (_stretch(start, self.tile[1], self.domain[1]), self._core(start, 1))
            for start in self.starts(1)
        ]
        for start in band.starts:
            row = _stretch(start, self.tile[0], self.domain[0])
            row = row._replace(start=start - band.window.start)
            for column, core in columns:
                yield HaloTile(Tile(row, column), (self._core(start, 0), core))

    def _core(self, start: int, axis: int) -> slice:
        size, tile, halo = self.domain[axis], self.tile[axis], self.halo[axis]
        inside = min(tile, size)
        return slice(0 if start == 0 else halo, inside if start + tile >= size else inside - halo)


def _stretch(start: int, tile: int, size: int) -> Stretch:
    return Stretch(start, tile, np.hanning(tile)[: min(tile, size)])


@cache
def _weights(height: int, width: int, rows: int, columns: int, *core: tuple) -> np.ndarray:
    """`(rows, columns)` of a tile of `height` x `width`, zero outside of the core."""
    window = np.outer(np.hanning(height)[:rows], np.hanning(width)[:columns])
    inside = tuple(slice(*ends) for ends in core)
    weights = np.zeros_like(window)
    weights[inside] = np.maximum(window[inside], FLOOR)
    weights.flags.writeable = False
    return weights
