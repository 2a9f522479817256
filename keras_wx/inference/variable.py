"""Which variable of a dataset a baseline forecasts: it learnt none."""

from __future__ import annotations

import copy

import xarray as xr

from keras_wx.baselines import Baseline
from keras_wx.data.units import is_rain_rate


def for_variable_of(dataset: xr.Dataset, baseline: Baseline) -> Baseline:
    """The baseline with a preset that names the dataset's variable in place of its own.

    Args:
        dataset: whose variables say their units.
        baseline: with a preset.

    Returns:
        The baseline as it is where the dataset has the variable of the preset, or not exactly one
        other that the baseline forecasts; else a copy.
    """
    sample = baseline.preset.sample
    names = {variable.name for variable in sample.variables}
    if len(names) > 1 or names & set(dataset.data_vars):
        return baseline
    found = []
    for name, field in dataset.data_vars.items():
        units = str(field.attrs.get("units", ""))
        # All spellings of a rain rate are one to the preset; `conform` tells them apart.
        units = "mm h-1" if is_rain_rate(units) else units
        if baseline.forecasts(units):
            found.append({"name": name, "units": units})
    if len(found) != 1:
        return baseline
    variables = tuple(variable.model_copy(update=found[0]) for variable in sample.variables)
    new = copy.copy(baseline)
    new.preset = baseline.preset.model_copy(
        update={"sample": sample.model_copy(update={"variables": variables})}
    )
    return new
