"""KAZR and ERA5: a cloud radar that looks up, in the Arctic, with the state of the air above it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import xarray as xr

from keras_wx.data.additive import deferred
from keras_wx.data.sources._curtain import DBZ, NO_ECHO, height_coordinate
from keras_wx.data.sources._era5 import era5_above
from keras_wx.data.sources._files import PathLike, open_files
from keras_wx.data.sources._state import state_on_curtain
from keras_wx.data.timeaxis import check_increasing, whole_steps
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset

STEP = timedelta(seconds=4)
_DAY = 21600
"""Profiles of a day, and of a chunk."""
_FIELD = "reflectivity_best_estimate"


@register_dataset("kazr_era5")
def kazr_era5(
    path: PathLike | Iterable[PathLike],
    era5: PathLike | Iterable[PathLike] | None = None,
    *,
    rows: int = 128,
    top: float = 10_000.0,
    snow_below: float | None = None,
    site: tuple[float, float] | None = None,
    chunks=None,
) -> xr.Dataset:
    """Ka-band reflectivity every 4 s from the surface to 10 km, with ERA5 above the same place.

    Reads ARM's ARSCL files (`kazrarscl1kollias`, `kazrarscl`) and ERA5 on levels. As in the
    published training data there are 128 rows, each with its nearest gate, ERA5 comes by cubic
    splines in height, and each hour counts until the next one. Gates without significant detection
    are no echo, -60 dBZ; rows below the lowest gate are NaN.

    Args:
        path: NetCDF file, folder, pattern, or list of files, in any order.
        era5: NetCDF files with `t`, `q`, `u`, `v` and the geopotential `z` for the same days.
            Without `z` the lowest 20 levels are spread evenly over the height, as published. None
            gives reflectivity alone.
        rows: number of heights.
        top: height of the upper edge of the highest row, in metres.
        snow_below: keep the profiles whose temperature in the lowest row is below this, in degrees
            Celsius; those left out are jumps in time that no window crosses. The paper's training
            data are below 2; -2 leaves out snow that may be wet.
        site: latitude and longitude of the radar, where its files do not say them.
        chunks: sizes of dask chunks, as in `xarray.open_dataset`; None takes whole days.

    Returns:
        `reflectivity` [dBZ] and, with ERA5, `temperature` [K], `specific_humidity` [kg kg-1],
        `eastward_wind` and `northward_wind` [m s-1], dims `(time, height)`, read when they are
        used.

    Raises:
        DataError: for files that are missing, damaged, of another layout or of other days.

    References:
        Kollias et al. 2016, Development and Applications of ARM Millimeter-Wavelength Cloud Radars,
        Meteorological Monographs 57, 17.1-17.19.
        Hersbach et al. 2020, The ERA5 global reanalysis, QJRMS 146, 1999-2049.
        King et al. 2024, doi:10.1175/AIES-D-23-0063.1.

    Example:

    ```python
    curtain = keras_wx.open_dataset("kazr_era5", path="nsakazr/*.nc", era5="era5_nsa/*.nc")
    ```
    """
    if rows < 2 or not top > 0:
        raise DataError(f"Expected two rows and a height. Received: rows={rows}, top={top:g}")
    if snow_below is not None and era5 is None:
        raise DataError("snow_below: the temperature is that of ERA5. era5= names its files.")
    radar = open_files(path, chunks={"time": _DAY} if chunks is None else chunks)
    if _FIELD not in radar or set(radar[_FIELD].dims) != {"time", "height"}:
        raise DataError(
            f"Expected ARSCL files of ARM: {_FIELD!r} with dims ('time', 'height'). Received "
            f"{dict(radar.sizes)} with {sorted(map(str, radar.data_vars))}"
        )
    heights = (np.arange(rows) + 0.5) * top / rows
    times = whole_steps(radar["time"].values, STEP)
    check_increasing(times)
    fields = {"reflectivity": _on_rows(radar[_FIELD], heights).variable}
    fields["reflectivity"].attrs = dict(DBZ)
    if era5 is not None:
        levels = era5_above(era5, _place(radar, site), _scalar(radar, "alt", 0.0), top)
        fields |= state_on_curtain(
            levels.values, levels.heights, levels.times, heights, times, hold=True, chunk=_DAY
        )
    dataset = xr.Dataset(
        fields,
        coords={"time": times, "height": height_coordinate(heights)},
        attrs={
            "title": "KAZR reflectivity" + (" with ERA5" if era5 is not None else ""),
            "source": radar.attrs.get("datastream", "ARM KAZR ARSCL"),
            "license": "ARM data: CC BY 4.0; ERA5: licence of the Copernicus programme",
            "citation": "Kollias et al. 2016; Hersbach et al. 2020",
        },
    )
    if snow_below is None:
        return dataset
    cold = dataset["temperature"].isel(height=0).values < snow_below + 273.15
    if not cold.any():
        raise DataError(f"snow_below: no profile is below {snow_below:g} degC at the surface.")
    return dataset.isel(time=np.flatnonzero(cold))


def _on_rows(field: xr.DataArray, heights: np.ndarray) -> xr.DataArray:
    """The nearest gate of each row. What the radar looked at and did not detect is no echo."""
    field = field.transpose("time", "height")
    gates = field["height"].values.astype(float)
    near = abs(gates[:, None] - heights).argmin(axis=0)
    reach = (np.diff(gates).max() + heights[1] - heights[0]) / 2
    echo = deferred(field.isel(height=near).drop_vars("height"))
    echo = xr.where(echo >= NO_ECHO, echo, NO_ECHO)  # of NaN too
    seen = xr.DataArray(abs(gates[near] - heights) <= reach, dims="height")
    return echo.where(seen).astype("float32").transpose("time", "height")


def _place(radar: xr.Dataset, site: tuple[float, float] | None) -> tuple[float, float]:
    found = site or (_scalar(radar, "lat"), _scalar(radar, "lon"))
    if None in found:
        raise DataError("The files do not say where the radar is. site=(71.3, -156.6) says it.")
    return found


def _scalar(radar: xr.Dataset, name: str, otherwise: float | None = None) -> float | None:
    """A number of the site, which some files repeat for every profile."""
    return float(np.ravel(radar[name].values)[0]) if name in radar.variables else otherwise
