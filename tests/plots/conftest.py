"""A shower that drifts over a grid with a corner that no radar sees."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

START = np.datetime64("2016-09-28T15:00", "ns")
STEP = np.timedelta64(5, "m").astype("timedelta64[ns]")
NY, NX = 60, 40


def shower(step: int) -> np.ndarray:
    y, x = np.mgrid[:NY, :NX]
    field = 55.0 * np.exp(-((y - 30) ** 2 + (x - 8 - 1.5 * step) ** 2) / 60.0) - 5.0
    field[:10, :10] = np.nan
    return field


@pytest.fixture
def truth() -> xr.Dataset:
    """20 frames from 15:00."""
    frames = np.stack([shower(i) for i in range(20)])
    return xr.Dataset(
        {"reflectivity": (("time", "y", "x"), frames, {"units": "dBZ"})},
        coords={
            "time": START + np.arange(20) * STEP,
            "y": ("y", 1000.0 * np.arange(NY), {"units": "m"}),
            "x": ("x", 1000.0 * np.arange(NX), {"units": "m"}),
        },
    )


@pytest.fixture
def forecast(truth) -> xr.Dataset:
    """Persistence for 12 frames from 15:10 and from 15:15."""
    frames = np.stack([[shower(i)] * 12 for i in (2, 3)])
    return xr.Dataset(
        {"reflectivity": (("init_time", "lead_time", "y", "x"), frames, {"units": "dBZ"})},
        coords={
            "init_time": START + np.array([2, 3]) * STEP,
            "lead_time": np.arange(1, 13) * STEP,
            "y": truth.y,
            "x": truth.x,
        },
        attrs={"model": "persistence"},
    )
