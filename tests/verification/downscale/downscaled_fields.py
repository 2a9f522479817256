"""Small downscaled fields and their truth, for the tests."""

from __future__ import annotations

import numpy as np
import xarray as xr

DAY = np.timedelta64(1, "D").astype("timedelta64[ns]")
START = np.datetime64("2014-11-20", "ns")


def dataset_of(values, *, times=None, units="K", geographic=True, **attrs) -> xr.Dataset:
    """`([realization,] time, lat, lon)` in daily steps from 20 November, so that seasons change."""
    values = np.asarray(values)
    grid = ("lat", "lon") if geographic else ("y", "x")
    dims = ("realization", "time", *grid)[-values.ndim :]
    if times is None:
        times = START + np.arange(values.shape[-3]) * DAY
    rows, columns = values.shape[-2:]
    if geographic:
        coords = {
            "lat": ("lat", 60.0 - 0.5 * np.arange(rows), {"units": "degrees_north"}),
            "lon": ("lon", 5.0 + 0.5 * np.arange(columns), {"units": "degrees_east"}),
        }
    else:
        coords = {
            "y": ("y", 2000.0 * np.arange(rows), {"units": "m"}),
            "x": ("x", 3000.0 * np.arange(columns), {"units": "m"}),
        }
    return xr.Dataset({"air": (dims, values, {"units": units})}, {"time": times, **coords}, attrs)


def random_pair(
    seed=0, *, times=24, size=(7, 6), members=None, missing=0.0, mean=280.0, **options
) -> tuple[xr.Dataset, xr.Dataset]:
    """A forecast with some skill, and its truth, each with its own missing pixels."""
    rng = np.random.default_rng(seed)
    truth = mean + rng.normal(0, 3, (1, *size)) + rng.normal(0, 2, (times, *size))
    shape = (times, *size) if members is None else (members, times, *size)
    forecast = 0.5 + truth + rng.normal(0, 1.5, shape)
    truth[rng.random(truth.shape) < missing] = np.nan
    forecast[rng.random(forecast.shape) < missing / (members or 1)] = np.nan
    model = {"model": "made_up"}
    return dataset_of(forecast, **options, **model), dataset_of(truth, **options, source="made up")
