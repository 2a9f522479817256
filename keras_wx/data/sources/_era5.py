"""ERA5 above one place: temperature, humidity and wind on levels, and how high these are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import xarray as xr

from keras_wx.data.sources._files import PathLike, open_files
from keras_wx.errors import DataError

GRAVITY = 9.80665
LOWEST_LEVELS = 20
"""Those that the published training data took: 1000 to 300 hPa."""

_SHORT = {
    "temperature": "t",
    "specific_humidity": "q",
    "eastward_wind": "u",
    "northward_wind": "v",
}
_LEVELS = ("pressure_level", "level", "isobaricInhPa", "model_level", "hybrid")
_TIMES = ("valid_time", "time")
_PLACE = {"latitude": ("latitude", "lat"), "longitude": ("longitude", "lon")}


class Levels(NamedTuple):
    """Profiles at the grid point nearest to a place, each `(time, level)`."""

    values: dict[str, np.ndarray]
    heights: np.ndarray
    times: np.ndarray


def era5_above(
    path: PathLike | Iterable[PathLike], place: tuple[float, float], altitude: float, top: float
) -> Levels:
    """Reads ERA5 on pressure or model levels, as the Climate Data Store delivers it.

    Args:
        path: NetCDF files with `t`, `q`, `u`, `v` and, for true heights, the geopotential `z`.
        place: latitude and longitude in degrees.
        altitude: of the surface at the place, in metres above sea level.
        top: height in metres over which the levels are spread where there is no geopotential: the
            lowest 20 evenly, as the published training data were made.

    Raises:
        DataError: for files of another layout, or of another region.
    """
    files = open_files(path, decode=_with_time)
    level = _first(files.dims, _LEVELS, "levels")
    north, east = (_first(files.coords, names, axis) for axis, names in _PLACE.items())
    missing = set(_SHORT.values()) - set(files.data_vars)
    if missing:
        raise DataError(
            f"era5: expected the variables {', '.join(_SHORT.values())} on levels. Missing: "
            f"{', '.join(sorted(missing))}"
        )
    column = _nearest(files, {north: place[0], east: place[1]}, east)
    # The level with the greatest number is the lowest: of pressure and of the model alike.
    column = column.sortby(level, ascending=False).drop_duplicates("time")
    if "z" in column:
        heights = column["z"].transpose("time", level).values / GRAVITY - altitude
    else:
        column = column.isel({level: slice(LOWEST_LEVELS)})
        evenly = np.linspace(0, top, column.sizes[level])
        heights = np.broadcast_to(evenly, (column.sizes["time"], evenly.size))
    values = {
        name: column[short].transpose("time", level).values.astype(float)
        for name, short in _SHORT.items()
    }
    return Levels(values, heights.astype(float), column["time"].values)


def _with_time(raw: xr.Dataset) -> xr.Dataset:
    dataset = xr.decode_cf(raw)
    name = _first(dataset.dims, _TIMES, "times")
    return dataset if name == "time" else dataset.rename({name: "time"})


def _first(present: Iterable, names: tuple[str, ...], what: str) -> str:
    found = next((name for name in names if name in present), None)
    if found is None:
        raise DataError(
            f"era5: expected {what} named {' or '.join(names)}. Received "
            f"{sorted(map(str, present))}"
        )
    return found


def _nearest(files: xr.Dataset, place: dict[str, float], east: str) -> xr.Dataset:
    """The grid point within one grid length of a place, across the date line too."""
    chosen = {}
    for name, wanted in place.items():
        grid = np.atleast_1d(files[name].values.astype(float))
        apart = grid - wanted
        apart = abs((apart + 180) % 360 - 180) if name == east else abs(apart)
        spacing = abs(grid[1] - grid[0]) if grid.size > 1 else 1.0
        if apart.min() > spacing:
            raise DataError(
                f"era5: expected a region around {name} {wanted:g}. Received {grid.min():g} to "
                f"{grid.max():g}."
            )
        if name in files.dims:
            chosen[name] = int(apart.argmin())
    return files.isel(chosen)
