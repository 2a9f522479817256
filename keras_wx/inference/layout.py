"""How a model covers a domain: as a whole where it can, in tiles where it must."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from keras_wx.baselines import Baseline
from keras_wx.errors import ModelError
from keras_wx.inference.network import fixed_grid, grid_multiple
from keras_wx.inference.tiles import Tile, tiling

if TYPE_CHECKING:
    import keras

POINTS_AT_ONCE = 512 * 512
"""Grid points that a network is given at once, unless the caller says otherwise."""
TILE = (256, 256)
BATCH_SIZE = 8

Pair = int | tuple[int, int]


def cover(
    model: keras.Model | Baseline,
    domain: tuple[int, int],
    tile: Pair | None = None,
    overlap: Pair | None = None,
) -> list[Tile]:
    """The tiles that a model is run on; one, if it is run on the whole domain.

    Args:
        model: may have been built for one grid, and may need a multiple of its patches.
        domain: rows and columns.
        tile: wanted rows and columns; None takes the domain, or `TILE` for a network on a domain of
            more than `POINTS_AT_ONCE` points.
        overlap: least number of points that neighbours share; None takes a quarter of the tile.

    Raises:
        ModelError: for a tile that the model does not take, or an overlap as large as the tile.
    """
    fixed, multiple = fixed_grid(model), grid_multiple(model)
    wanted = pair("tile", tile, least=1)
    if wanted is None:
        large = not isinstance(model, Baseline) and math.prod(domain) > POINTS_AT_ONCE
        wanted = TILE if large else domain
    elif any(f not in (None, w) for f, w in zip(fixed, wanted, strict=True)):
        raise ModelError(
            f"tile: {model.name} was built for a grid of {fixed[0]} x {fixed[1]} and takes no "
            f"other. Received: tile={tile}"
        )
    size = tuple(
        f or math.ceil(min(w, d) / multiple) * multiple
        for f, w, d in zip(fixed, wanted, domain, strict=True)
    )
    shared = pair("overlap", overlap, least=0) or tuple(s // 4 for s in size)
    if any(o >= s for o, s in zip(shared, size, strict=True)):
        raise ModelError(
            f"overlap: expected less than the tile, {size[0]} x {size[1]}. "
            f"Received: overlap={overlap}"
        )
    return tiling(domain, size, shared)


def default_batch_size(tile: Tile) -> int:
    """Tiles in one call of the model: `BATCH_SIZE`, fewer where they are large."""
    points = tile.rows.size * tile.columns.size
    return max(1, min(BATCH_SIZE, POINTS_AT_ONCE // points))


def pair(name: str, value: Pair | None, least: int) -> tuple[int, int] | None:
    if value is None:
        return None
    pair = tuple(np.ravel(value).tolist())
    pair = pair * 2 if len(pair) == 1 else pair
    if len(pair) != 2 or not all(isinstance(v, int) and v >= least for v in pair):
        raise ModelError(
            f"{name}: expected a number of points, at least {least}, or one for rows and one for "
            f"columns. Received: {name}={value!r}"
        )
    return pair
