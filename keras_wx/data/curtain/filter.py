"""Which windows of a curtain are worth training on: those with a solid piece of cloud to see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from keras_wx.data.frames import FrameStore
from keras_wx.data.selection import Selection
from keras_wx.errors import DataError
from keras_wx.spec import CloudFilter


def cloudy(
    selection: Selection, cloud: CloudFilter, target: FrameStore, rows: np.ndarray
) -> Selection:
    """The windows of a selection that the filter takes.

    Args:
        selection: windows without a jump in time.
        cloud: the filter.
        target: the variable that it looks at.
        rows: number of blind rows of each column.

    Raises:
        DataError: when no window is left.
    """
    starts, frames, size = selection.starts, selection.frames, cloud.size
    used = target.blocks_of(np.unique(starts[:, None] + np.arange(frames)))
    towers = np.zeros((target.shape[0], -(-target.shape[1] // 8)), np.uint8)
    for block in used:
        part = slice(target.edges[block], target.edges[block + 1])
        found = target.scan([block], lambda physical: physical[..., 0] > cloud.above)[int(block)]
        towers[part] = _towers(found & (np.arange(found.shape[1]) >= rows[part, None]), size)
    # A square is a tower that begins in the same row in as many columns as it is high.
    squares = towers.copy()
    for shift in range(1, size):
        squares[:-shift] &= towers[shift:]
    here = squares.any(axis=1)
    before = np.concatenate([[0], np.cumsum(here)])
    last = starts + frames - size + 1
    kept = before[np.maximum(last, starts)] > before[starts]
    if not kept.any():
        raise DataError(
            f"No window is left: in none of {len(starts):,} is a square of {size} x {size} gates "
            f"above the blind zone that are all above {cloud.above:g}. filter=CloudFilter(size=1) "
            "takes windows with one such gate."
        )
    return replace(
        selection,
        starts=starts[kept],
        init=selection.init[kept],
        dry=selection.dry + int((~kept).sum()),
    )


def _towers(cloud: np.ndarray, size: int) -> np.ndarray:
    """From which gates on `size` gates upwards are cloud, eight gates a byte.

    Args:
        cloud: bool, shape `(columns, height)`.
    """
    high = np.zeros_like(cloud)
    if cloud.shape[1] >= size:
        windows = np.lib.stride_tricks.sliding_window_view(cloud, size, axis=1)
        high[:, : windows.shape[1]] = windows.all(axis=-1)
    return np.packbits(high, axis=1)
