"""Mean, standard deviation and range of the training part, and presets filled in with them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import numpy as np
import xarray as xr

from keras_wx.data.conform import conform
from keras_wx.data.frames import block_edges
from keras_wx.data.splits import Splits, frames_of
from keras_wx.errors import DataError
from keras_wx.spec import Preset, Sample, Variable
from keras_wx.transforms import IDENTITY, Chain, Standard, Transform

PresetOrSample = TypeVar("PresetOrSample", Preset, Sample)


def fit_statistics(
    preset: PresetOrSample,
    dataset: xr.Dataset,
    *,
    splits: Splits | None = None,
    gap: str | timedelta | None = None,
    **conversions,
) -> PresetOrSample:
    """Fills in the `standard` transforms that have no mean and standard deviation yet.

    Args:
        preset: a preset or its sample.
        dataset: dims `(time, y, x)`, variables in physical units; read block by block.
        splits, gap: as in `keras_wx.samples`; only the part `"train"` is read.
        conversions: `regrid`, `resample`, `convert_units` and `zr` as in `keras_wx.samples`.

    Returns:
        The same preset or sample, with numbers in these transforms.

    Raises:
        DataError: for data that do not fit, and for a variable that is constant or all missing.

    Example:

    ```python
    preset = keras_wx.data.fit_statistics(preset, dataset)
    train = keras_wx.samples(dataset, preset, split="train")
    ```
    """
    sample = preset.sample if isinstance(preset, Preset) else preset
    data, part = _training_part(dataset, sample, splits, gap, conversions)
    found: dict[tuple[str, Transform], Transform] = {}
    variables = []
    for variable in sample.variables:
        key = variable.name, variable.transform
        if key not in found:
            found[key] = _filled_in(variable, data, part)
        variables.append(variable.model_copy(update={"transform": found[key]}))
    sample = sample.model_copy(update={"variables": tuple(variables)})
    if isinstance(preset, Preset):
        return preset.model_copy(update={"sample": sample})
    return sample


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
    return {str(name): _moments(field, part, IDENTITY).record() for name, field in data.items()}


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


def _filled_in(variable: Variable, data: xr.Dataset, part: list[slice]) -> Transform:
    """The variable's transform with numbers, each of what the steps before it make of the data."""
    transform = variable.transform
    if variable.needs_statistics and variable.statistics_by:
        raise DataError(
            f"Variable {variable.name!r} wants statistics by {', '.join(variable.statistics_by)}, "
            "and fit_statistics takes one mean over all of the training part."
        )
    steps = list(transform.steps) if isinstance(transform, Chain) else [transform]
    for i, step in enumerate(steps):
        if isinstance(step, Standard) and step.needs_statistics:
            found = _moments(data[variable.name], part, Chain(steps=tuple(steps[:i]))).record()
            if not found["std"] > 0:
                raise DataError(
                    f"Variable {variable.name!r} is {found['mean']:g} {variable.units} everywhere "
                    "in the training part: a constant has no standard score."
                )
            steps[i] = Standard(mean=found["mean"], std=found["std"])
    return Chain(steps=tuple(steps)) if isinstance(transform, Chain) else steps[0]


def _moments(field: xr.DataArray, part: list[slice], transform: Transform) -> _Moments:
    moments = _Moments()
    if "time" not in field.dims:
        moments.add(transform(field.values))
    else:
        field = field.transpose("time", ...)  # the columns of a curtain come last
        blocks = block_edges(field)
        for frames in part:
            edges = np.clip(blocks, frames.start, frames.stop)
            for start, stop in itertools.pairwise(edges):
                if start < stop:
                    moments.add(transform(field.variable[start:stop].values))
    if not moments.count:
        raise DataError(f"Variable {field.name!r} has no valid value in the training part.")
    return moments
