"""A fine and a coarse dataset as one: dimensions, names, units, calendars and times that agree."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr

from keras_wx.data.additive import deferred
from keras_wx.data.downscale.onto import Onto
from keras_wx.data.geometry import is_geographic, spatial_dims
from keras_wx.data.sources._axes import find_time
from keras_wx.data.sources._grid import DEGREES
from keras_wx.data.timeaxis import check_increasing, time_step
from keras_wx.data.units import conversion, same_units
from keras_wx.errors import DataError
from keras_wx.spec import format_step

COARSE = "coarse_"
STANDARD = ("standard", "gregorian", "proleptic_gregorian")
"""Calendars whose dates are those of datetime64."""
_FINER = 0.75
"""What part of the fine spacing a coarse one that is meant so never is."""
_DAY = np.timedelta64(1, "D").astype("m8[ns]")


def joined(
    fine: xr.Dataset,
    coarse: xr.Dataset,
    *,
    beyond_fine: bool = False,
    convert_units: bool = False,
) -> xr.Dataset:
    """One dataset of two grids.

    Args:
        fine: dims `(time, lat, lon)` or `(time, y, x)`, see `conventional`.
        coarse: the same; its dimensions get `coarse_` in front, and so do names that the fine
            one has too.
        beyond_fine: keep the times that the coarse fields alone have; fine ones are missing then.
        convert_units: bring variables of one name to the units of the fine one.

    Raises:
        DataError: for times or units that do not agree, and a coarse grid that is too small.
    """
    coarse = _in_units_of(fine, coarse, convert_units)
    fine, coarse = _at_common_times(fine, coarse, beyond_fine)
    ydim, xdim = _grid_dims(coarse)
    for axis, dim in zip("YX", (ydim, xdim), strict=True):
        if dim in coarse.coords:
            coarse[dim].attrs = coarse[dim].attrs | {"axis": axis}
    names = [*(name for name in coarse.data_vars if name in fine.variables), ydim, xdim]
    # Positions of every point would clash with the axes of the fine grid.
    kept = {*coarse.data_vars, "time", ydim, xdim}
    coarse = coarse.drop_vars([name for name in coarse.variables if name not in kept])
    coarse = coarse.rename({name: COARSE + str(name) for name in names})
    first = next(iter(coarse.data_vars.values()))
    target = next(iter(fine.data_vars.values()))
    Onto(first, target, "nearest")
    _refuse_exchanged(first, target)
    return fine.assign(coarse.data_vars).assign_attrs(coarse.attrs | fine.attrs)


def checked(pair: xr.Dataset) -> xr.Dataset:
    """A dataset that is a pair already, as `joined` makes it.

    Raises:
        DataError: for fields of one grid alone, and a coarse grid that is too small.
    """
    pair = find_time(pair, None)
    fields = {name: f for name, f in pair.items() if f.ndim >= 2 and f.dtype.kind in "iuf"}
    coarse = [n for n, f in fields.items() if str(f.dims[-1]).startswith(COARSE)]
    fine = [n for n, f in fields.items() if n not in coarse]
    if not coarse or not fine:
        raise DataError(
            "coarse: expected a file or dataset of the coarse fields, or a first one that holds "
            f"both, with dims such as {COARSE}lat and {COARSE}lon. Received: coarse=None, and "
            f"{ {str(name): field.dims for name, field in fields.items()} }"
        )
    refuse_calendars(pair, pair)
    check_increasing(pair["time"].values)
    Onto(pair[coarse[0]], pair[fine[0]], "nearest")
    return pair


def _refuse_exchanged(coarse: xr.DataArray, fine: xr.DataArray) -> None:
    """Raises for a coarse grid that is the finer one of the two."""
    axes = [[field[dim] for dim in field.dims[-2:]] for field in (coarse, fine)]
    units = [[axis.attrs.get("units") for axis in both] for both in axes]
    if units[0] != units[1]:
        return
    apart = [[float(np.abs(np.diff(axis.values)).mean()) for axis in both] for both in axes]
    if all(there < _FINER * here for there, here in zip(*apart, strict=True)):
        raise DataError(
            "coarse: expected a grid at least as wide as the fine one. Received points "
            f"{apart[0][0]:g} x {apart[0][1]:g} apart, and fine ones {apart[1][0]:g} x "
            f"{apart[1][1]:g} (y, x). Are fine= and coarse= exchanged?"
        )


def conventional(dataset: xr.Dataset, variables: Iterable[str] | None = None) -> xr.Dataset:
    """Fields of a dataset with dims `(time, lat, lon)` or `(time, y, x)`; statics without time.

    Args:
        dataset: in the CF conventions, decoded.
        variables: names of those that are kept; None takes all that are fields.

    Raises:
        DataError: for a dataset without fields, or without one of those that are asked for.
    """
    dataset = find_time(dataset, None)
    names = list(dataset.data_vars) if variables is None else [*variables]
    missing = [name for name in names if name not in dataset.data_vars]
    if missing:
        raise DataError(
            f"No variable {missing[0]!r} in the data, which have "
            f"{', '.join(sorted(map(str, dataset.data_vars))) or 'none'}."
        )
    fields = {}
    for name in names:
        field = dataset[name]
        if variables is None and (field.ndim < 2 or field.dtype.kind not in "iuf"):
            continue
        fields[name] = _conventional(field)
    if not any("time" in field.dims for field in fields.values()):
        raise DataError(
            "Expected fields along time. The data have "
            f"{ {str(name): field.dims for name, field in dataset.items()} }"
        )
    return xr.Dataset(fields, attrs=dataset.attrs)


def refuse_calendars(fine: xr.Dataset, coarse: xr.Dataset) -> None:
    """Raises for datasets in another calendar than the standard one, naming both."""
    names = [_calendar(dataset) for dataset in (fine, coarse)]
    if all(name in STANDARD for name in names):
        return
    differ = "differ" if names[0] != names[1] else "are not the standard one"
    raise DataError(
        f"The calendars of the pair {differ}: fine {names[0]!r}, coarse {names[1]!r}. Expected "
        "the standard calendar of both. xarray.open_dataset(...).convert_calendar('standard', "
        "align_on='date') changes one, and what it gives is taken in place of a file."
    )


def _conventional(field: xr.DataArray) -> xr.DataArray:
    ydim, xdim = spatial_dims(field)
    others = [d for d in field.dims if d not in ("time", ydim, xdim)]
    if any(field.sizes[dim] > 1 for dim in others):
        raise DataError(
            f"Variable {field.name!r}: expected dims ('time', {ydim!r}, {xdim!r}), received "
            f"{field.dims}. dataset.isel(...) selects one of {others}."
        )
    field = field.squeeze(others, drop=True).transpose(..., ydim, xdim)
    degrees = is_geographic(field, ydim)
    named = ("lat", "lon") if degrees else ("y", "x")
    field = field.rename(
        {old: new for old, new in zip((ydim, xdim), named, strict=True) if old != new}
    )
    if degrees:
        for dim in named:
            field[dim].attrs = field[dim].attrs | DEGREES[dim]
    return field.drop_vars([key for key, c in field.coords.items() if c.ndim == 0])


def _grid_dims(dataset: xr.Dataset) -> tuple[str, str]:
    return next(iter(dataset.data_vars.values())).dims[-2:]


def _calendar(dataset: xr.Dataset) -> str:
    for variable in dataset.variables.values():
        if variable.dtype == object and variable.ndim <= 1 and variable.size:
            name = getattr(np.ravel(variable.values)[0], "calendar", None)
            if name:
                return name
    return "standard"


def _in_units_of(fine: xr.Dataset, coarse: xr.Dataset, convert: bool) -> xr.Dataset:
    changed = {}
    for name in coarse.data_vars:
        if name not in fine.data_vars:
            continue
        units = [str(data[name].attrs.get("units", "")).strip() for data in (fine, coarse)]
        if same_units(*units):
            continue
        factors = conversion(units[1], units[0])
        if not convert or factors is None:
            help_ = (
                "convert_units=True converts the coarse ones."
                if factors
                else f"dataset[{str(name)!r}].attrs['units'] says them, where they are wrong."
            )
            raise DataError(
                f"The units of {str(name)!r} differ within the pair: fine {units[0]!r}, coarse "
                f"{units[1]!r}. {help_}"
            )
        new = (deferred(coarse[name]) * factors[0] + factors[1]).astype("float32")
        changed[name] = new.assign_attrs(coarse[name].attrs | {"units": units[0]})
    return coarse.assign(changed)


def _at_common_times(
    fine: xr.Dataset, coarse: xr.Dataset, beyond: bool
) -> tuple[xr.Dataset, xr.Dataset]:
    times = [data["time"].values.astype("datetime64[ns]") for data in (fine, coarse)]
    for values in times:
        check_increasing(values)
    steps = [time_step(values) for values in times]
    if None not in steps and steps[0] != steps[1]:
        raise DataError(
            f"The steps of the pair differ: fine {format_step(steps[0])}, coarse "
            f"{format_step(steps[1])}. Expected one. resample(time='1D').mean() of the one with "
            "the shorter step makes days of it."
        )
    if (steps[0] or steps[1]) is not None and np.timedelta64(steps[0] or steps[1]) >= _DAY:
        # A daily mean may be said to be of noon, or of the midnight before.
        times = [values.astype("M8[D]").astype("M8[ns]") for values in times]
    common, *places = np.intersect1d(*times, return_indices=True)
    if not len(common):
        spans = [
            f"{values[0]:.16} to {values[-1]:.16}" if len(values) else "none" for values in times
        ]
        raise DataError(
            f"The pair has no time in common: fine {spans[0]}, coarse {spans[1]}. Times have to "
            "be the same to the second; of days, only the date."
        )
    fine = fine.assign_coords(time=("time", times[0], fine["time"].attrs))
    coarse = coarse.assign_coords(time=("time", times[1], coarse["time"].attrs))
    if not beyond:
        return tuple(
            data.isel(time=_as_slice(place))
            for data, place in zip((fine, coarse), places, strict=True)
        )
    along = {
        name: deferred(field).astype("float32").reindex(time=coarse["time"])
        for name, field in fine.items()
        if "time" in field.dims
    }
    return fine.drop_dims("time").assign(along), coarse


def _as_slice(places: np.ndarray) -> np.ndarray | slice:
    """What backends read at once, where the places follow each other."""
    first, last = int(places[0]), int(places[-1])
    return slice(first, last + 1) if last - first + 1 == len(places) else places
