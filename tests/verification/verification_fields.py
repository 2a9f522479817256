"""Small forecasts and truths for the tests."""

from __future__ import annotations

import numpy as np
import xarray as xr

START = np.datetime64("2016-09-28T15:00", "ns")
STEP = np.timedelta64(5, "m").astype("timedelta64[ns]")


def truth_of(values, *, units="dBZ", name="reflectivity", start=START) -> xr.Dataset:
    """A dataset `(time, y, x)` in 5-minute steps, on a 1 km grid."""
    values = np.asarray(values)
    return xr.Dataset(
        {name: (("time", "y", "x"), values, {"units": units})},
        coords={"time": start + np.arange(values.shape[0]) * STEP, **_grid(values.shape[-2:])},
        attrs={"source": "made up"},
    )


def forecast_of(values, *, units="dBZ", name="reflectivity", start=START) -> xr.Dataset:
    """A forecast `([realization,] init_time, lead_time, y, x)`: a new one every 5 minutes."""
    values = np.asarray(values)
    dims = ("realization", "init_time", "lead_time", "y", "x")[-values.ndim :]
    n_init, n_lead = values.shape[-4:-2]
    init = start + np.arange(n_init) * STEP
    lead = np.arange(1, n_lead + 1) * STEP
    return xr.Dataset(
        {name: (dims, values, {"units": units})},
        coords={
            "init_time": init,
            "lead_time": lead,
            "valid_time": (("init_time", "lead_time"), np.add.outer(init, lead)),
            **_grid(values.shape[-2:]),
        },
        attrs={"model": "made_up"},
    )


def _grid(shape):
    metres = {"units": "m"}
    return {
        "y": ("y", 1000.0 * np.arange(shape[0]), metres),
        "x": ("x", 1000.0 * np.arange(shape[1]), metres),
    }


def random_fields(
    seed=0, *, inits=4, leads=3, size=(9, 7), missing=0.2, dtype=np.float64
) -> tuple[xr.Dataset, xr.Dataset]:
    """A forecast with some skill and its truth, each with its own missing pixels."""
    rng = np.random.default_rng(seed)
    times = inits + leads
    rain = np.maximum(rng.normal(15, 15, (times, *size)), 0)
    predicted = np.empty((inits, leads, *size))
    for i in range(inits):
        for j in range(leads):
            predicted[i, j] = np.maximum(rain[i + j + 1] + rng.normal(0, 8, size), 0)
    rain[rng.random(rain.shape) < missing] = np.nan
    predicted[rng.random(predicted.shape) < missing] = np.nan
    return forecast_of(predicted.astype(dtype)), truth_of(rain.astype(dtype))
