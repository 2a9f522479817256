"""Mean, standard deviation and range of the training part, and presets filled in with them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from keras_wx.data.conform import conform
from keras_wx.data.downscale.calendar import OF_TIMES, calendar_map
from keras_wx.data.downscale.fields import fine_field
from keras_wx.data.downscale.groups import groups_of
from keras_wx.data.downscale.numbers import refuse_negative
from keras_wx.data.frames import block_edges
from keras_wx.data.splits import Splits, frames_of
from keras_wx.errors import DataError
from keras_wx.spec import Preset, Sample, Variable
from keras_wx.transforms import IDENTITY, Chain, Statistical, Transform, steps_of

PresetOrSample = TypeVar("PresetOrSample", Preset, Sample)
_OF_THE_PART = ("splits", "gap", "regrid", "resample", "convert_units", "zr")


def fit_statistics(
    preset: PresetOrSample,
    dataset: xr.Dataset,
    *,
    splits: Splits | None = None,
    gap: str | timedelta | None = None,
    **conversions,
) -> PresetOrSample:
    """Fills in the `standard` and `minmax` transforms that have no numbers yet.

    Variables with `statistics_by` get numbers for each season, month or area that the training part
    reaches into, frames by their own time.

    Args:
        preset: a preset or its sample.
        dataset: dims `(time, y, x)`, variables in physical units; read block by block.
        splits, gap: as in `keras_wx.samples`; only the part `"train"` is read.
        conversions: `regrid`, `resample`, `convert_units` and `zr` as in `keras_wx.samples`.

    Returns:
        The same preset or sample, with numbers in these transforms.

    Raises:
        DataError: for data that do not fit, for a variable that is constant or all missing, and
            for negative values of which a logarithm is to be taken.

    Example:

    ```python
    preset = keras_wx.data.fit_statistics(preset, dataset)
    train = keras_wx.samples(dataset, preset, split="train")
    ```
    """
    sample = preset.sample if isinstance(preset, Preset) else preset
    data, part = _training_part(dataset, sample, splits, gap, conversions)
    found: dict[tuple, dict] = {}
    variables = []
    for variable in sample.variables:
        key = variable.name, variable.transform, variable.statistics_by
        if variable.needs_statistics and key not in found:
            field = _field_of(variable, data, part, sample)
            found[key] = _numbers(variable, field, part, data.attrs.get("area"))
        update = found[key] if variable.needs_statistics else {}
        variables.append(variable.model_copy(update=update))
    sample = sample.model_copy(update={"variables": tuple(variables)})
    if isinstance(preset, Preset):
        return preset.model_copy(update={"sample": sample})
    return sample


def of_the_part(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those options of `keras_wx.samples` that say what the training part is, and in which units:
    what `fit_statistics` takes."""
    return {key: options[key] for key in _OF_THE_PART if key in options}


def training_statistics(
    preset: Preset | Sample,
    dataset: xr.Dataset,
    *,
    splits: Splits | None = None,
    gap: str | timedelta | None = None,
    **conversions,
) -> dict[str, dict[str, float]]:
    """Mean, standard deviation, minimum and maximum of each variable in the training part.

    Args:
        preset: a preset or its sample.
        dataset: dims `(time, y, x)`, variables in physical units; read block by block.
        splits, gap: as in `keras_wx.samples`; only the part `"train"` is read.
        conversions: `regrid`, `resample`, `convert_units` and `zr` as in `keras_wx.samples`.

    Returns:
        Name of the variable -> `mean`, `std`, `min` and `max` in the units of the sample, missing
        values left out. The form of `statistics` of a weights variant.

    Raises:
        DataError: for data that do not fit, and for a variable that is all missing.
    """
    sample = preset.sample if isinstance(preset, Preset) else preset
    data, part = _training_part(dataset, sample, splits, gap, conversions)
    return {
        str(name): _moments(field, part, IDENTITY)[None].record() for name, field in data.items()
    }


@dataclass
class _Moments:
    """Running mean and sum of squared deviations, merged pairwise so that they stay exact.

    References:
        Chan, Golub and LeVeque 1983, Algorithms for computing the sample variance, eq. 2.1.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def add(self, values: np.ndarray) -> None:
        values = values[~np.isnan(values)].astype(np.float64)
        if not values.size:
            return
        count, mean = values.size, values.mean()
        total, shift = self.count + count, mean - self.mean
        self.squares += np.square(values - mean).sum() + shift**2 * self.count * count / total
        self.mean += shift * count / total
        self.count = total
        self.low, self.high = min(self.low, values.min()), max(self.high, values.max())

    def record(self) -> dict[str, float]:
        std = np.sqrt(self.squares / self.count)
        numbers = {"mean": self.mean, "std": std, "min": self.low, "max": self.high}
        return {name: float(number) for name, number in numbers.items()}


def _training_part(
    dataset: xr.Dataset,
    sample: Sample,
    splits: Splits | None,
    gap: str | timedelta | None,
    conversions: dict,
) -> tuple[xr.Dataset, list[slice]]:
    data = conform(dataset, sample, **conversions)
    if "time" not in data.coords:
        return data, []
    times = data["time"].values
    return data, frames_of("train", times, sample, splits=splits, gap=gap, attrs=dataset.attrs)


def _field_of(
    variable: Variable, data: xr.Dataset, part: list[slice], sample: Sample
) -> xr.DataArray:
    """The variable in the data, or a map of the calendar at the points where it varies."""
    if variable.role != "calendar":
        return data[variable.name]
    fine, times = fine_field(data, sample), data["time"].values
    if variable.name in OF_TIMES:
        point = calendar_map(variable.name, times, fine)[:, 0, 0]
        return xr.DataArray(point, dims="time", coords={"time": times}, name=variable.name)
    positions = calendar_map(variable.name, times[0], fine)
    return xr.DataArray(positions, dims=fine.dims[-2:], name=variable.name)


def _numbers(
    variable: Variable, field: xr.DataArray, part: list[slice], area: str | None
) -> dict[str, Transform | dict]:
    """The fields of a variable that change: its transform or, of groups, its statistics."""
    steps = list(steps_of(variable.transform))
    for i, step in enumerate(steps):
        if not (isinstance(step, Statistical) and step.needs_statistics):
            continue
        before = _Before(variable, Chain(steps=tuple(steps[:i])))
        times = field["time"].values if "time" in field.dims else None
        groups = groups_of(variable.statistics_by, times, area)
        found = _moments(field, part, before, groups)
        fitted = {group: _fitted(step, moments, variable) for group, moments in found.items()}
        if groups is not None:
            return {"statistics": {group: dict(new) for group, new in sorted(fitted.items())}}
        steps[i] = fitted[None]
    chained = isinstance(variable.transform, Chain)
    return {"transform": Chain(steps=tuple(steps)) if chained else steps[0]}


@dataclass(frozen=True)
class _Before:
    """What comes before a step, of values that it can be taken of."""

    variable: Variable
    transform: Transform

    def __call__(self, values: np.ndarray) -> np.ndarray:
        refuse_negative(self.variable, values, None)
        return self.transform(values)


def _fitted(step: Statistical, moments: _Moments, variable: Variable) -> Statistical:
    found = moments.record()
    if not found["std"] > 0:
        raise DataError(
            f"Variable {variable.name!r} is {found['mean']:g} {variable.units} everywhere in the "
            "training part: a constant has no standard score, and no range."
        )
    return step.fitted(found)


def _moments(
    field: xr.DataArray,
    part: list[slice],
    transform: Callable[[np.ndarray], np.ndarray],
    groups: np.ndarray | None = None,
) -> dict[str | None, _Moments]:
    """Moments of what a transform makes of a field, of each group of frames.

    Args:
        field: dims `(time, ...)`, or none of time: then it counts as a whole.
        part: frames that count.
        transform: physical values to what the moments are of.
        groups: name of the group of each frame; None for one group, whose name is None.

    Raises:
        DataError: for a field without a valid value.
    """
    moments: dict[str | None, _Moments] = {None: _Moments()} if groups is None else {}
    if "time" not in field.dims:
        name = None if groups is None else str(groups)
        moments.setdefault(name, _Moments()).add(transform(field.values))
    else:
        field = field.transpose("time", ...)  # the columns of a curtain come last
        blocks = block_edges(field)
        for frames in part:
            edges = np.clip(blocks, frames.start, frames.stop)
            for start, stop in itertools.pairwise(edges):
                if start < stop:
                    values = transform(field.variable[start:stop].values)
                    for name, chosen in _each(groups, start, stop):
                        moments.setdefault(name, _Moments()).add(values[chosen])
    known = {name: found for name, found in moments.items() if found.count}
    if not known:
        raise DataError(f"Variable {field.name!r} has no valid value in the training part.")
    return known


def _each(groups: np.ndarray | None, start: int, stop: int) -> list[tuple]:
    """Each group among some frames, and which of them are of it."""
    if groups is None:
        return [(None, slice(None))]
    here = groups[start:stop]
    return [(str(group), here == group) for group in np.unique(here)]
