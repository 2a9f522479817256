"""Files of a fine and a coarse field of which the tests of the command line make fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

FACTOR = 2


def fine_field(days: int = 40, shape=(12, 16), seed: int = 0) -> xr.Dataset:
    """Daily precipitation rates that are smooth in space, latitudes descending."""
    rng = np.random.default_rng(seed)
    noise = rng.gamma(1.0, 2.0, (days, *shape))
    smooth = sum(np.roll(noise, shift, axis) for axis in (1, 2) for shift in (-1, 0, 1)) / 6
    north, east = {"units": "degrees_north"}, {"units": "degrees_east"}
    times = np.datetime64("2003-11-10T12", "ns") + np.arange(days) * np.timedelta64(1, "D")
    return xr.Dataset(
        {"rain": (("time", "lat", "lon"), smooth.astype("float32"), {"units": "mm h-1"})},
        {
            "time": times,
            "lat": ("lat", 48.0 - 0.25 * np.arange(shape[0]), north),
            "lon": ("lon", 6.0 + 0.25 * np.arange(shape[1]), east),
        },
        {"source": "made up", "license": "CC0"},
    )


def coarse_field(fine: xr.Dataset) -> xr.Dataset:
    """Its means over blocks."""
    means = fine.coarsen(lat=FACTOR, lon=FACTOR).mean()
    for name in ("lat", "lon", "rain"):
        means[name].attrs = fine[name].attrs
    return means


def write_pair(folder: Path, **options) -> tuple[Path, Path]:
    """A fine and a coarse NetCDF file, each with the name `rain`."""
    fine = fine_field(**options)
    fine.to_netcdf(folder / "fine.nc")
    coarse_field(fine).to_netcdf(folder / "coarse.nc")
    return folder / "fine.nc", folder / "coarse.nc"
