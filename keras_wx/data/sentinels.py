"""Numbers that stand for a missing value in files that do not say so."""

from __future__ import annotations

import numpy as np

from keras_wx.errors import DataError

_SENTINELS = (-999.0, -9999.0, -99999.0, -999999.0, -32768.0)


def refuse_sentinels(name: str, values: np.ndarray, times: np.ndarray | None = None) -> None:
    """Raises where the lowest value is one that stands for "missing": a transform would take it
    for clear air, or for very cold one.

    Args:
        name: of the variable.
        values: physical values, NaN where missing.
        times: datetime64 along their first axis, None where that is not time.

    Raises:
        DataError: naming the number, the time and the remedy.
    """
    if values.dtype.kind != "f" or not values.size:
        return
    lowest = np.fmin.reduce(values, axis=None)
    if lowest not in _SENTINELS:
        return
    wrong = values == lowest
    when = ""
    if times is not None:
        first = int(wrong.reshape(len(wrong), -1).any(axis=1).argmax())
        when = f", the first at {times[first]:.19}"
    raise DataError(
        f"Variable {name!r} is {lowest:g} at {int(wrong.sum()):,} points{when}: a number that "
        "stands for a missing value, which the file does not declare as one. Expected NaN where "
        f"values are missing: dataset[{name!r}] = "
        f"dataset[{name!r}].where(dataset[{name!r}] != {lowest:g}) makes it so."
    )
