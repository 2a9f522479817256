"""Which variable of a dataset a baseline forecasts: it learnt none."""

from __future__ import annotations

import copy
import itertools

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
        other (of downscaling: one pair) that the baseline forecasts; else a copy.
    """
    sample = baseline.preset.sample
    if sample.is_downscaling:
        return _for_pair_of(dataset, baseline)
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
    return _renamed(baseline, {sample.variables[0].name: found[0]})


def _for_pair_of(dataset: xr.Dataset, baseline: Baseline) -> Baseline:
    """The same of a fine and a coarse variable: the one has the other's name with `coarse_` in
    front or, where no two have, each is the only one on its grid that has times."""
    sample = baseline.preset.sample
    if not baseline.any_variable or len(sample.variables) != 2:
        return baseline
    (coarse,), (fine,) = sample.inputs, sample.targets
    if coarse.name in dataset:
        return baseline
    fields = {str(n): f for n, f in dataset.data_vars.items() if "time" in f.dims and f.ndim == 3}
    pairs = [(n, f"coarse_{n}") for n in fields if f"coarse_{n}" in fields]
    if not pairs:
        sides: dict[bool, list[str]] = {False: [], True: []}
        for name, field in fields.items():
            sides[any(str(dim).startswith("coarse_") for dim in field.dims)].append(name)
        pairs = list(itertools.product(sides[False], sides[True]))
    if len(pairs) != 1:
        return baseline
    (names,) = pairs
    units = str(fields[names[0]].attrs.get("units", ""))
    new = ({"name": name, "units": units} for name in names)
    return _renamed(baseline, dict(zip((fine.name, coarse.name), new, strict=True)))


def _renamed(baseline: Baseline, changes: dict[str, dict[str, str]]) -> Baseline:
    """A copy of the baseline, with a preset in which variables have other names and units."""
    sample = baseline.preset.sample
    variables = tuple(v.model_copy(update=changes[v.name]) for v in sample.variables)
    new = copy.copy(baseline)
    new.preset = baseline.preset.model_copy(
        update={"sample": sample.model_copy(update={"variables": variables})}
    )
    return new
