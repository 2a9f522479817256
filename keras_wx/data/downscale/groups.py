"""Seasons, months and areas: what a frame's statistics are of."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from keras_wx.errors import DataError

SEASONS = ("DJF", "MAM", "JJA", "SON")


def season_number(times: np.ndarray) -> np.ndarray:
    """Meteorological seasons since that of December 1969; a multiple of 4 is one of winter."""
    return (times.astype("datetime64[M]").astype(int) + 1) // 3


def groups_of(
    by: Iterable[str], times: np.ndarray | None, area: str | None = None
) -> np.ndarray | None:
    """The group that each frame's statistics are of.

    Args:
        by: of `"season"`, `"month"` and `"area"`, in the order in which the parts are joined.
        times: datetime64 of the frames, of any shape; None for what does not change.
        area: what the data say, `dataset.attrs["area"]`.

    Returns:
        Names such as `"DJF/A0"`, in the shape of `times` or a scalar array without them; None
        where there is only one group.

    Raises:
        DataError: for data that do not say which area they are of.
    """
    parts = []
    for kind in by:
        if kind == "area":
            if not area:
                raise DataError(
                    "The sample has statistics of each area, and the data do not say theirs. "
                    "dataset.attrs['area'] = 'A0' says it."
                )
            parts.append(np.full(np.shape(times), area))
        elif kind == "season":
            parts.append(np.array(SEASONS)[season_number(times) % 4])
        else:
            month = times.astype("datetime64[M]").astype(int) % 12 + 1
            parts.append(np.char.zfill(month.astype(str), 2))
    if not parts:
        return None
    groups = parts[0]
    for part in parts[1:]:
        groups = np.char.add(np.char.add(groups, "/"), part)
    return np.asarray(groups)
