"""A shower in three events."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from made_up_models import EVENTS, FRAMES, STEP


@pytest.fixture
def radar() -> xr.Dataset:
    """A shower in each of three events of nine frames, a day or two apart; 2 km, 5 min."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:10, :12]
    frames, times = [], []
    for number, start in enumerate(EVENTS):
        for i in range(FRAMES):
            shower = 45 - 3.0 * (y - 5) ** 2 - 2.0 * (x - 2 - i * (1 + 0.2 * number)) ** 2
            frames.append(np.maximum(shower + rng.normal(0, 3, y.shape), 0))
            times.append(np.datetime64(start, "ns") + i * STEP)
    metres = {
        dim: (dim, 2000.0 * np.arange(size), {"units": "m"}) for dim, size in (("y", 10), ("x", 12))
    }
    field = (("time", "y", "x"), np.stack(frames), {"units": "dBZ"})
    return xr.Dataset({"reflectivity": field}, {"time": times, **metres}, {"source": "made up"})
