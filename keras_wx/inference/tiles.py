"""Domains in overlapping tiles, blended without seams. Plain NumPy."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Stretch(NamedTuple):
    """The part of one axis that a tile covers.

    Attributes:
        start: its first point in the domain.
        size: number of points of the tile. It may reach beyond the domain's end.
        weights: of the tile's points that lie inside the domain.
    """

    start: int
    size: int
    weights: np.ndarray

    @property
    def inside(self) -> slice:
        return slice(self.start, self.start + len(self.weights))


class Tile(NamedTuple):
    """A rectangle of the domain that a model is run on."""

    rows: Stretch
    columns: Stretch

    @property
    def inside(self) -> tuple[slice, slice]:
        """Rows and columns of the domain that it covers."""
        return self.rows.inside, self.columns.inside

    def cut(self, x: np.ndarray, fill: np.ndarray) -> np.ndarray:
        """The tile's part of a domain, padded where it reaches beyond the end.

        Args:
            x: `(time, y, x, channels)`.
            fill: what to pad each channel with, `(channels,)`; NaN repeats the edge.
        """
        part = x[:, *self.inside]
        height, width = part.shape[1:3]
        beyond = (0, self.rows.size - height), (0, self.columns.size - width)
        if beyond == ((0, 0), (0, 0)):
            return part
        padded = np.pad(part, ((0, 0), *beyond, (0, 0)), mode="edge")
        for channel in np.flatnonzero(~np.isnan(fill)):
            padded[:, height:, :, channel] = fill[channel]
            padded[:, :, width:, channel] = fill[channel]
        return padded

    def add(self, out: np.ndarray, y: np.ndarray) -> None:
        """Adds the tile's weighted share to a domain.

        Args:
            out: `(time, y, x, channels)`, changed in place.
            y: `(time, height, width, channels)` of the tile.
        """
        weights = np.outer(self.rows.weights, self.columns.weights).astype(np.float32)
        height, width = weights.shape
        out[:, *self.inside] += weights[:, :, None] * y[:, :height, :width]


def tiling(shape: tuple[int, int], tile: tuple[int, int], overlap: tuple[int, int]) -> list[Tile]:
    """Covers a domain with tiles of one size.

    The tiles lie evenly from edge to edge, so that neighbours overlap by at least `overlap` points.
    Each is weighted by a Hann window along each axis, taken in the middle of its n points, where it
    is nowhere zero: `w_k = sin^2(pi (k + 1/2) / n)`. The weights are normalised: those of all tiles
    add up to one at every point, and a point that one tile alone covers is that tile's.

    Args:
        shape: rows and columns of the domain.
        tile: rows and columns of a tile. Where it is larger than the domain, it is to be padded.
        overlap: least number of points that neighbours share, less than those of a tile.

    Returns:
        The tiles, row by row.
    """
    rows, columns = (_stretches(*axis) for axis in zip(shape, tile, overlap, strict=True))
    return [Tile(row, column) for row in rows for column in columns]


def _stretches(size: int, tile: int, overlap: int) -> list[Stretch]:
    if tile >= size:
        return [Stretch(0, tile, np.ones(size))]
    number = 1 + math.ceil((size - tile) / (tile - overlap))
    starts = np.linspace(0, size - tile, number).round().astype(int).tolist()
    window = np.sin(np.pi * (np.arange(tile) + 0.5) / tile) ** 2
    total = np.zeros(size)
    for start in starts:
        total[start : start + tile] += window
    return [Stretch(start, tile, window / total[start : start + tile]) for start in starts]
