"""Which dimensions are space, and how far apart their points are."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from keras_wx.data.units import conversion
from keras_wx.errors import DataError

EARTH_RADIUS_KM = 6371.0
SPACING_TOLERANCE = 0.05
"""Relative difference below which two spacings count as equal."""

POSITIONS = ("lat", "lon", "latitude", "longitude")
"""Names of coordinates that are degrees, where they say no units."""

_NAMES = {
    "y": ("y", "lat", "latitude", "rlat", "northing", "south_north", "nav_lat", "j", "row"),
    "x": ("x", "lon", "longitude", "rlon", "easting", "west_east", "nav_lon", "i", "column"),
}
_STANDARD_NAMES = {
    "y": ("projection_y_coordinate", "latitude", "grid_latitude"),
    "x": ("projection_x_coordinate", "longitude", "grid_longitude"),
}


def spatial_dims(data: xr.DataArray | xr.Dataset) -> tuple[str, str]:
    """Names of the two horizontal dimensions, `(y, x)` or `(lat, lon)`.

    They are recognised by the CF attributes of their coordinates (`axis`, `standard_name`, degrees
    north and east) and, without those, by their own names.

    Raises:
        DataError: when no dimension looks like one of them.
    """
    found = {}
    for axis in ("y", "x"):
        matches = [dim for dim in data.dims if dim != "time" and _axis_of(data, dim) == axis]
        if len(matches) != 1:
            raise DataError(
                f"Expected one dimension along {axis}, named like {', '.join(_NAMES[axis][:3])} or "
                f"with the CF attribute axis: {axis.upper()}. Received dimensions "
                f"{[str(d) for d in data.dims]}"
                + (f", of which {matches} match." if matches else ".")
                + " dataset.rename({'old': 'y', ...}) names them."
            )
        found[axis] = matches[0]
    return found["y"], found["x"]


def _axis_of(data: xr.DataArray | xr.Dataset, dim: str) -> Literal["y", "x"] | None:
    attrs = data[dim].attrs if dim in data.coords else {}
    for axis, degrees in (("y", "degrees_north"), ("x", "degrees_east")):
        if (
            str(attrs.get("axis", "")).lower() == axis
            or attrs.get("standard_name") in _STANDARD_NAMES[axis]
            or attrs.get("units") == degrees
        ):
            return axis
    return next((axis for axis, names in _NAMES.items() if str(dim).lower() in names), None)


def spacing_km(
    data: xr.DataArray, dims: tuple[str, str] | None = None
) -> tuple[float, float] | None:
    """Distance of neighbouring grid points in km along y and x, or None without coordinates.

    On a latitude-longitude grid: the distance on a sphere of radius 6371 km, for x along the middle
    latitude.

    Args:
        data: field with two horizontal dimensions.
        dims: their names, if they are known.

    Raises:
        DataError: for coordinates that are not evenly spaced, or in units that are no length.
    """
    ydim, xdim = dims or spatial_dims(data)
    if any(dim not in data.coords or data.sizes[dim] < 2 for dim in (ydim, xdim)):
        return None
    dy, dx = (abs(_even_step(data[dim])) for dim in (ydim, xdim))
    if is_geographic(data, ydim):
        middle = np.deg2rad(middle_of(data[ydim].values))
        return km_per_degree() * dy, km_per_degree() * float(np.cos(middle)) * dx
    return tuple(step * unit_km(data[dim]) for step, dim in ((dy, ydim), (dx, xdim)))


def is_geographic(data: xr.DataArray, ydim: str) -> bool:
    """Whether the horizontal coordinates are degrees of latitude and longitude."""
    units = str(data[ydim].attrs.get("units", "")).lower()
    return units.startswith("degree") or (not units and str(ydim).lower() in ("lat", "latitude"))


def middle_of(values: np.ndarray) -> float:
    """The middle of a coordinate's range."""
    return float(values[0] + values[-1]) / 2


def km_per_degree() -> float:
    """Length of one degree of latitude."""
    return EARTH_RADIUS_KM * float(np.pi) / 180


def unit_km(coordinate: xr.DataArray) -> float:
    """Kilometres in one unit of a projection coordinate; without units it is read as metres."""
    units = coordinate.attrs.get("units", "m")
    factors = conversion(units, "km")
    if factors is None:
        raise DataError(
            f"Coordinate {coordinate.name!r}: expected units of length (m, km) or degrees, "
            f"received {units!r}. open_dataset('radar', ..., spacing_km=...) takes the place of "
            "the coordinates."
        )
    return factors[0]


def _even_step(coordinate: xr.DataArray) -> float:
    values = coordinate.values.astype("float64")
    steps = np.diff(values)
    mean = float(steps.mean())
    if not np.abs(steps - mean).max() <= 0.01 * abs(mean):
        raise DataError(
            f"Coordinate {coordinate.name!r}: expected evenly spaced values. Received steps from "
            f"{steps.min():g} to {steps.max():g}."
        )
    return mean


def same_spacing(first: float, second: float) -> bool:
    """Whether two spacings agree within `SPACING_TOLERANCE`."""
    return abs(first - second) <= SPACING_TOLERANCE * second
