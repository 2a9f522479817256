"""Axes of a file, renamed to `time, y, x` in metres or `time, lat, lon` in degrees."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import xarray as xr

from keras_wx.data.geometry import POSITIONS, is_geographic, spatial_dims, unit_km
from keras_wx.data.sources._grid import DEGREES, metre_attrs, metre_coordinates
from keras_wx.data.sources._quantity import Quantity
from keras_wx.data.timeaxis import whole_steps
from keras_wx.errors import DataError

_ROUNDING_MS = 10
"""Distance of a date from a whole second that counts as an error of rounding."""


def find_time(dataset: xr.Dataset, name: str | None) -> xr.Dataset:
    """The dataset with its times in the coordinate `time`.

    Args:
        dataset: a decoded file.
        name: of the times, if the user says it; else the one coordinate of dates is taken.

    Raises:
        DataError: when no times, or several, could be meant.
    """
    if name is None:
        dates = [
            str(key)
            for key, variable in dataset.variables.items()
            if variable.ndim <= 1 and _is_date(variable)
        ]
        # A forecast has the time of its start as well; the axis is the one that frames go along.
        axes = [key for key in dates if key in dataset.dims] or dates
        if "time" in axes:
            name = "time"
        elif len(axes) == 1:
            name = axes[0]
        else:
            _refuse_other_calendars(dataset)
            raise DataError(
                f"Expected one variable of dates along the frames. Found {axes or 'none'} among "
                f"{sorted(map(str, dataset.variables))}. time= names it; dates need units such as "
                "'minutes since 2016-01-01'."
            )
    elif name not in dataset.variables or not _is_date(dataset.variables[name]):
        _refuse_other_calendars(dataset)
        raise DataError(
            f"time={name!r}: expected a variable of dates, with units such as 'minutes since "
            f"2016-01-01'. The file has {sorted(map(str, dataset.variables))}."
        )
    dataset = dataset.set_coords(name)
    along = dataset[name].dims
    if along and along != (name,):
        dataset = dataset.swap_dims({along[0]: name})
    if name != "time":
        dataset = dataset.drop_vars("time", errors="ignore").rename({name: "time"})
    dataset = _at_whole_seconds(dataset)
    return dataset if along else dataset.expand_dims("time")


def with_conventional_axes(
    dataset: xr.Dataset, quantity: Quantity, spacing_km: tuple[float, float] | None
) -> xr.Dataset:
    """The field alone, with dims `(time, y, x)` or `(time, lat, lon)` and their coordinates.

    Args:
        dataset: a decoded file with times.
        quantity: which variable is the field.
        spacing_km: distance of grid points along y and x, in place of the file's coordinates.

    Raises:
        DataError: when the field has other axes.
    """
    positions = [
        key for key, v in dataset.data_vars.items() if v.ndim == 2 and str(key).lower() in POSITIONS
    ]
    dataset = dataset.set_coords(positions)
    field = dataset[quantity.variable]
    ydim, xdim = spatial_dims(field)
    field = field.squeeze(
        [d for d in field.dims if d not in ("time", ydim, xdim) and field.sizes[d] == 1]
    )
    if set(field.dims) != {"time", ydim, xdim}:
        raise DataError(
            f"Variable {quantity.variable!r}: expected dims ('time', {ydim!r}, {xdim!r}), received "
            f"{field.dims}. Open the file with xarray and select one level with isel()."
        )
    field = field.transpose("time", ydim, xdim)
    if spacing_km is not None:
        field = field.drop_vars([ydim, xdim], errors="ignore")
        field = _renamed(field, ydim, xdim, "y", "x")
        field = field.assign_coords(metre_coordinates(field.shape[1:], spacing_km))
    elif is_geographic(field, ydim) and not _is_rotated(field, ydim):
        field = _in_degrees(_renamed(field, ydim, xdim, "lat", "lon"))
    elif is_geographic(field, ydim):
        field = _renamed(field, ydim, xdim, "y", "x")
    else:
        field = _in_metres(_renamed(field, ydim, xdim, "y", "x"))
    field = field.drop_vars([key for key, c in field.coords.items() if c.ndim == 0])
    mapping = field.attrs.pop("grid_mapping", None) or field.encoding.pop("grid_mapping", None)
    # It describes the coordinates of the file, not those that the user gave.
    if mapping in dataset.variables and spacing_km is None:
        field = field.assign_coords({mapping: dataset.variables[mapping]})
        field.attrs["grid_mapping"] = mapping
    return field.to_dataset(name=quantity.name).assign_attrs(dataset.attrs)


def with_whole_steps(dataset: xr.Dataset, step: timedelta | None) -> xr.Dataset:
    """Times rounded to the step that the user names, where they scatter about it."""
    if step is None or "time" not in dataset.dims:
        return dataset
    time = dataset["time"]
    return dataset.assign_coords(time=time.copy(data=whole_steps(time.values, step)))


def _is_date(variable: xr.Variable) -> bool:
    return np.issubdtype(variable.dtype, np.datetime64)


def _refuse_other_calendars(dataset: xr.Dataset) -> None:
    for name, variable in dataset.variables.items():
        if variable.dtype == object and "calendar" in variable.encoding:
            raise DataError(
                f"Expected times in the standard calendar. {name!r} has the calendar "
                f"{variable.encoding['calendar']!r}: xarray.open_dataset(...).convert_calendar("
                "'standard') changes it."
            )


def _at_whole_seconds(dataset: xr.Dataset) -> xr.Dataset:
    """Fractions of days or hours come out some microseconds beside the second that is meant, and
    frames would not be equally far apart."""
    time = dataset["time"]
    if np.dtype(time.encoding.get("dtype", "i8")).kind != "f":
        return dataset
    seconds = time.dt.round("s")
    if (abs(time - seconds) > np.timedelta64(_ROUNDING_MS, "ms")).any():
        return dataset
    return dataset.assign_coords(time=seconds.assign_attrs(time.attrs))


def _is_rotated(field: xr.DataArray, ydim: str) -> bool:
    """Degrees from a shifted pole, as long as others, but no latitudes."""
    return field[ydim].attrs.get("standard_name") == "grid_latitude"


def _renamed(field: xr.DataArray, ydim: str, xdim: str, y: str, x: str) -> xr.DataArray:
    changed = {old: new for old, new in ((ydim, y), (xdim, x)) if old != new}
    # Latitude and longitude of every point may hold the name that an axis is to have.
    return field.drop_vars([n for n in changed.values() if n in field.coords]).rename(changed)


def _in_degrees(field: xr.DataArray) -> xr.DataArray:
    for dim, axis in (("lat", "Y"), ("lon", "X")):
        if dim in field.coords:
            field[dim].attrs |= DEGREES[dim] | {"axis": axis}
    return field


def _in_metres(field: xr.DataArray) -> xr.DataArray:
    for dim in ("y", "x"):
        if dim not in field.coords:
            continue
        coordinate = field[dim]
        # Numbers of rows and columns say nothing about distances.
        if "units" not in coordinate.attrs and (abs(np.diff(coordinate.values)) == 1).all():
            field = field.drop_vars(dim)
            continue
        metres = coordinate.values * (1000 * unit_km(coordinate))
        field = field.assign_coords({dim: (dim, metres, coordinate.attrs | metre_attrs(dim))})
    return field
