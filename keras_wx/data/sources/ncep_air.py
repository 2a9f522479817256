"""NCEP/NCAR reanalysis: air temperature, with a coarse partner made of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import xarray as xr

from keras_wx.data.downscale.coarsen import block_means
from keras_wx.data.downscale.onto import interpolated
from keras_wx.data.sources._daily import daily_means
from keras_wx.data.sources._elevation import Elevation, with_elevation
from keras_wx.data.sources._files import PathLike, open_files
from keras_wx.data.sources._pair import COARSE, conventional, joined
from keras_wx.data.units import same_units
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset

_SHARES = (4 / 6, 5 / 6)
"""Where the record ends for training and for validation."""
_ATTRS = {
    "title": "NCEP air temperature",
    "source": "NCEP/NCAR Reanalysis 1, air temperature",
    "license": "US Government work, public domain; credit NOAA PSL",
    "citation": (
        "Kalnay et al. 1996, The NCEP/NCAR 40-Year Reanalysis Project, Bulletin of the American "
        "Meteorological Society 77, 437-471"
    ),
}


@register_dataset("ncep_air")
def ncep_air(
    path: PathLike | Iterable[PathLike],
    *,
    step: Literal["1d", "6h"] = "1d",
    factor: int = 3,
    series: bool = False,
    method: Literal["nearest", "bilinear"] = "bilinear",
    elevation: Elevation | None = None,
    chunks=None,
) -> xr.Dataset:
    """Air temperature on 2.5 degrees, and its means over blocks of 7.5 degrees.

    Reads the files of the NOAA Physical Sciences Laboratory, such as `air.sig995.2013.nc`. The
    coarse field is made of the fine one by averages that conserve it; rows and columns of the fine
    grid that fill no block are left out. The standard split is by time: four sixths of the record,
    one for validation, the last for the test.

    Args:
        path: NetCDF file, folder, pattern, or list of files in any order.
        step: `"1d"` for daily means, `"6h"` for the analyses themselves.
        factor: cells of a block along each axis.
        series: give the coarse field alone, under the name `air` and interpolated onto the fine
            grid: what a transfer network learns from.
        method: how a series is interpolated.
        elevation: file or field of terrain, which becomes `elevation` [m] on the fine grid.
        chunks: sizes of dask chunks, as in `xarray.open_dataset`.

    Returns:
        `air` [K], dims `(time, lat, lon)`, and `coarse_air` [K], dims
        `(time, coarse_lat, coarse_lon)`, read when they are used.

    Raises:
        DataError: for files of another layout, and days that are not whole.

    References:
        Kalnay et al. 1996, The NCEP/NCAR 40-Year Reanalysis Project, BAMS 77, 437-471.

    Example:

    ```python
    pair = keras_wx.open_dataset("ncep_air", path="air.sig995.*.nc", step="6h")
    ```
    """
    if step not in ("1d", "6h"):
        raise DataError(f"step: expected '1d' or '6h'. Received: step={step!r}")
    raw = conventional(open_files(path, chunks=chunks), ["air"])
    air = raw["air"]
    units = str(air.attrs.get("units", ""))
    if not same_units(units, "K"):
        raise DataError(f"Variable 'air': expected units 'K', received {units!r}.")
    air.attrs = {"units": "K", "standard_name": "air_temperature", "long_name": "air temperature"}
    if step == "1d":
        air = daily_means(air)
    coarse = block_means(air, factor)
    rows, columns = (size * factor for size in coarse.shape[-2:])
    air = air.isel(lat=slice(rows), lon=slice(columns))
    attrs = _ATTRS | _splits(air["time"].values)
    if series:
        dataset = interpolated(coarse, air, method).to_dataset(name="air")
    else:
        dataset = joined(air.to_dataset(), coarse.to_dataset(name="air"))
        dataset[f"{COARSE}air"].attrs["long_name"] = f"means over {factor} x {factor} cells"
    return with_elevation(dataset.assign_attrs(attrs), elevation)


def _splits(times: np.ndarray) -> dict[str, str]:
    """The standard split as whole days, where the record has enough of them."""
    days = np.unique(times.astype("datetime64[D]"))
    if len(days) < 6:
        return {}
    edges = [0, *(int(share * len(days)) for share in _SHARES), len(days)]
    return {
        f"split_{name}": f"{days[first]}/{days[stop - 1]}"
        for name, first, stop in zip(("train", "val", "test"), edges[:-1], edges[1:], strict=True)
    }
