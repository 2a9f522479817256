"""Numbers that stand for a missing value in files that do not say so."""

from __future__ import annotations

import numpy as np

from keras_wx.errors import DataError

_LOWEST = np.float32([-999, -9999, -99999, -999999, -32768])
_HIGHEST = np.float32([9.969209968386869e36, 1e20, 1e30])
"""The first is what the netCDF library fills with where nothing is written."""


def refuse_sentinels(name: str, values: np.ndarray, times: np.ndarray | None = None) -> None:
    """Raises where the lowest or the highest value is one that stands for "missing": a transform
    would take it for clear air, or for very cold one.

    Args:
        name: of the variable.
        values: physical values, NaN where missing.
        times: datetime64 along their first axis, None where that is not time.

    Raises:
        DataError: naming the number, the time and the remedy.
    """
    if values.dtype.kind != "f" or not values.size:
        return
    lowest, highest = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    if np.float32(lowest) in _LOWEST:
        found, valid = lowest, f"!= {lowest:g}"
    elif np.float32(highest) in _HIGHEST:
        found, valid = highest, "< 1e19"
    else:
        return
    wrong = values == found
    when = ""
    if times is not None:
        first = int(wrong.reshape(len(wrong), -1).any(axis=1).argmax())
        when = f", the first at {times[first]:.19}"
    raise DataError(
        f"Variable {name!r} is {found:g} at {int(wrong.sum()):,} points{when}: a number that "
        "stands for a missing value, which the file does not declare as one. Expected NaN where "
        f"values are missing: dataset[{name!r}] = "
        f"dataset[{name!r}].where(dataset[{name!r}] {valid}) makes it so."
    )
