"""Physical values <-> network numbers, each frame by the statistics of its own group."""

from __future__ import annotations

import numpy as np

from keras_wx.data.downscale.groups import groups_of
from keras_wx.errors import DataError
from keras_wx.spec import Variable
from keras_wx.transforms import Log, Transform, steps_of


def to_network(
    variable: Variable, values: np.ndarray, times: np.ndarray | None, area: str | None = None
) -> np.ndarray:
    """Network numbers of a variable.

    Args:
        variable: whose transform and statistics are taken.
        values: physical, `(*times, y, x)`, or `(y, x)` of what does not change.
        times: datetime64 of each frame, of any shape, or None.
        area: what the data say, `dataset.attrs["area"]`.

    Returns:
        float32, in the shape of `values`.

    Raises:
        DataError: for negative values of which a logarithm is to be taken.
        PresetError: for a group without statistics.
    """
    refuse_negative(variable, values, times)
    return _by_group(variable, values, times, area, lambda transform, part: transform(part))


def to_physical(
    variable: Variable, numbers: np.ndarray, times: np.ndarray | None, area: str | None = None
) -> np.ndarray:
    """The inverse of `to_network`; for the arguments see there."""
    return _by_group(
        variable, numbers, times, area, lambda transform, part: transform.inverse(part)
    )


def _by_group(variable: Variable, values, times, area, apply) -> np.ndarray:
    groups = groups_of(variable.statistics_by, times, area)
    if groups is None:
        return np.asarray(apply(variable.transform, values), np.float32)
    result = np.empty(np.shape(values), np.float32)
    for group in np.unique(groups):
        result[groups == group] = apply(variable.transform_of(str(group)), values[groups == group])
    return result


def refuse_negative(variable: Variable, values: np.ndarray, times: np.ndarray | None) -> None:
    """A logarithm of values that go below zero is a mistake, and no floor should hide it.

    What is nearer to zero than the floor is rounding, as spectral models have it. For the arguments
    see `to_network`.
    """
    before: list[Transform] = []
    for step in steps_of(variable.transform):
        if isinstance(step, Log):
            for earlier in before:
                values = earlier(values)
            negative = values < -step.floor
            if negative.any():
                place = tuple(np.argwhere(negative)[0])
                when = "" if times is None else f" at {times[place[:-2]]:.19}"
                raise DataError(
                    f"Variable {variable.name!r}{when} is {values[place]:g} {variable.units}, and "
                    "its transform takes the logarithm. Expected values of at least 0. "
                    "dataset.clip(min=0) makes them 0, where negative ones are noise."
                )
            return
        before.append(step)
