"""State variables of a weather model, put to the gates of a curtain."""

from __future__ import annotations

from collections.abc import Mapping

import dask.array as da
import numpy as np
import xarray as xr
from scipy.interpolate import CubicSpline

from keras_wx.data.sources._curtain import STATE
from keras_wx.errors import DataError

_LONGEST = 2
"""Usual steps of a model that one of its times stands for, or that lie between two, at most: a
single one may be missing."""


def state_on_curtain(
    levels: Mapping[str, np.ndarray],
    level_heights: np.ndarray,
    model_times: np.ndarray,
    heights: np.ndarray,
    times: np.ndarray,
    *,
    hold: bool = False,
    chunk: int | None = None,
) -> dict[str, xr.Variable]:
    """Cubic splines in height, and then linear in time or held until the next time of the model.

    Args:
        levels: name of a state variable -> its values, `(model_time, level)`.
        level_heights: metres above the surface, `(model_time, level)`, in any order.
        model_times: datetime64, increasing.
        heights: of the gates, in metres. Below the lowest level its value is held.
        times: datetime64 of the profiles.
        hold: whether a value counts until the next one.
        chunk: profiles of a dask chunk, for archives larger than memory. None computes at once.

    Returns:
        Name -> `(time, height)`, float32, with attributes.

    Raises:
        DataError: for profiles outside the model's times, in a gap between them, or above its top.
    """
    _refuse_uncovered(model_times, times, hold)
    if heights[-1] > level_heights.max(axis=1).min():
        raise DataError(
            f"The levels of the model reach up to {level_heights.max(axis=1).min():.0f} m, the "
            f"radar to {heights[-1]:.0f} m. Use a file with more levels."
        )
    position = np.interp(
        times.astype("datetime64[ns]").astype(float),
        model_times.astype("datetime64[ns]").astype(float),
        np.arange(len(model_times)),
    )
    position = np.floor(position) if hold else position
    order = np.argsort(level_heights, axis=1)
    sorted_heights = np.take_along_axis(level_heights, order, axis=1)
    fields = {}
    for name, values in levels.items():
        values = np.take_along_axis(values, order, axis=1)
        rows = np.stack(
            [
                CubicSpline(below, column)(np.maximum(heights, below[0]))
                for below, column in zip(sorted_heights, values, strict=True)
            ]
        )
        if chunk is None:
            field = _in_time(position, rows)
        else:
            blocks = da.from_array(position, chunks=chunk)
            field = blocks.map_blocks(
                _in_time,
                rows,
                dtype="float32",
                new_axis=1,
                chunks=(*blocks.chunks, (len(heights),)),
            )
        fields[name] = xr.Variable(("time", "height"), field, STATE[name])
    return fields


def _in_time(position: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows `(model_time, height)` at fractional numbers of the model's times."""
    first = position.astype(int)
    later = np.minimum(first + 1, len(rows) - 1)
    share = (position - first)[:, None]
    return (rows[first] * (1 - share) + rows[later] * share).astype("float32")


def _refuse_uncovered(model_times: np.ndarray, times: np.ndarray, hold: bool) -> None:
    steps = np.diff(model_times)
    usual = np.median(steps) if steps.size else np.timedelta64(0)
    step = usual if hold else np.timedelta64(0)
    if times[0] < model_times[0] or times[-1] > model_times[-1] + step:
        raise DataError(
            f"The state variables are known from {model_times[0]:.19} to {model_times[-1]:.19}, "
            f"the radar's profiles are from {times[0]:.19} to {times[-1]:.19}. Open files of the "
            "same days."
        )
    for gap in np.flatnonzero(steps > _LONGEST * usual):
        before, after = model_times[gap : gap + 2]
        within = times[(times > before + step) & (times < after)]
        if within.size:
            raise DataError(
                f"The state variables are not known between {before:.19} and {after:.19}, where "
                f"{within.size:,} of the radar's profiles are, the first at {within[0]:.19}. Open "
                "the files of these days too, or of the radar those of other days alone."
            )
