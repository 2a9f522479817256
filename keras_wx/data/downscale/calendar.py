"""Maps of the calendar and of positions, made of times and coordinates."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.data.downscale.groups import season_number
from keras_wx.data.geometry import is_geographic
from keras_wx.errors import DataError
from keras_wx.transforms import Linear, MinMax, Standard, Transform

_NAMES = {"latitude": ("latitude", "lat"), "longitude": ("longitude", "lon")}


def day_of_season(times: np.ndarray) -> np.ndarray:
    """0 at the first instant of a meteorological season, 1 at its end."""
    number = season_number(times)
    start, end = (_instant(3 * n - 1, "M") for n in (number, number + 1))
    return (_exact(times) - start) / (end - start)


def part_of_year(times: np.ndarray) -> np.ndarray:
    """0 on 1 January at midnight, 1 a year later."""
    year = times.astype("datetime64[Y]").astype(int)
    start, end = _instant(year, "Y"), _instant(year + 1, "Y")
    return (_exact(times) - start) / (end - start)


def year(times: np.ndarray) -> np.ndarray:
    """Years with fractions: 2005.5 in the middle of 2005."""
    return times.astype("datetime64[Y]").astype(int) + 1970 + part_of_year(times)


OF_TIMES = {
    "day_of_season": day_of_season,
    "day_of_year_sin": lambda times: np.sin(2 * np.pi * part_of_year(times)),
    "day_of_year_cos": lambda times: np.cos(2 * np.pi * part_of_year(times)),
    "year": year,
}
"""The maps that are the same everywhere."""


def calendar_map(name: str, times: np.ndarray, field: xr.DataArray) -> np.ndarray:
    """One map of the calendar for each time.

    Args:
        name: one of `keras_wx.spec.CALENDAR`, which has the units.
        times: datetime64, of any shape.
        field: on the grid of the maps, dims `(..., y, x)`; latitudes and longitudes are its
            coordinates, along its dimensions or two-dimensional.

    Returns:
        float32 `(*times, y, x)`, read-only: where nothing varies, it takes no memory.

    Raises:
        DataError: for latitudes or longitudes of a grid that has none.

    Example:

    ```python
    calendar_map("day_of_season", fine.time.values, fine["air"])
    ```
    """
    grid = field.shape[-2:]
    if name in OF_TIMES:
        values = OF_TIMES[name](np.asarray(times)).astype("float32")[..., None, None]
    else:
        values = _positions(name, field).astype("float32")
    return np.broadcast_to(values, (*np.shape(times), *grid))


def _positions(name: str, field: xr.DataArray) -> np.ndarray:
    ydim, xdim = field.dims[-2:]
    for known in (*_NAMES[name], *field.dims[-2:]):
        if known not in field.coords:
            continue
        coordinate = field[known]
        if set(coordinate.dims) == {ydim, xdim}:
            return coordinate.transpose(ydim, xdim).values
        along = {"latitude": ydim, "longitude": xdim}[name]
        if coordinate.dims == (along,) and is_geographic(field, ydim):
            return coordinate.values[:, None] if along == ydim else coordinate.values
    raise DataError(
        f"The sample has a map of {name}, and {field.name!r} has none: its dimensions are "
        f"({ydim}, {xdim}). dataset.assign_coords({name}=(('{ydim}', '{xdim}'), ...)) gives it."
    )


def in_convention(longitudes: np.ndarray, transform: Transform) -> np.ndarray:
    """Longitudes counted from 0 or from -180, as those are that a transform has its numbers from.

    Whole turns are added where they bring a longitude nearer to the middle of the transform's
    range. A transform without a range leaves them as they are.

    Args:
        longitudes: in degrees east.
        transform: of the map.
    """
    if isinstance(transform, Standard):
        middle = transform.mean
    elif isinstance(transform, Linear | MinMax):
        middle = (transform.low + transform.high) / 2
    else:
        return longitudes
    beside = longitudes - middle
    return longitudes - 360 * (beside > 180) + 360 * (beside < -180)


def _instant(number: np.ndarray, unit: str) -> np.ndarray:
    return np.asarray(number).astype(f"datetime64[{unit}]").astype("datetime64[s]")


def _exact(times: np.ndarray) -> np.ndarray:
    return np.asarray(times).astype("datetime64[s]")
