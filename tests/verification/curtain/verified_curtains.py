"""Small curtains for the tests."""

from __future__ import annotations

import numpy as np
import xarray as xr

START = np.datetime64("2017-01-05T03:00", "ns")
STEP = np.timedelta64(4, "s").astype("timedelta64[ns]")
CLEAR = -60.0


def curtain(values, *, start=START, spacing=100.0, units="dBZ") -> xr.Dataset:
    """A curtain `(time, height)`, a column every 4 s."""
    values = np.asarray(values, np.float32)
    return xr.Dataset(
        {"reflectivity": (("time", "height"), values, {"units": units})},
        coords={
            "time": start + np.arange(values.shape[0]) * STEP,
            "height": ("height", spacing * (np.arange(values.shape[1]) + 0.5), {"units": "m"}),
        },
        attrs={"source": "made up"},
    )


def mask_of(shape: tuple[int, int], hole: int | np.ndarray, buffer: int = 0) -> np.ndarray:
    """1 in the lowest `hole` gates, and a ramp over the next `buffer`."""
    above = np.arange(shape[1]) - np.broadcast_to(hole, shape[:1])[:, None] + 1
    return np.clip(1 - above / (buffer + 1), 0, 1) if buffer else (above <= 0).astype(float)


def reconstruction(values, hole: int | np.ndarray, *, buffer: int = 0, **options) -> xr.Dataset:
    """What `predict` returns: `([realization,] time, height)` and the mask."""
    values = np.asarray(values, np.float32)
    made = curtain(values.reshape(-1, *values.shape[-2:])[0], **options)
    dims = ("realization", "time", "height")[-values.ndim :]
    made["reflectivity"] = (dims, values, {"units": "dBZ"})
    mask = mask_of(values.shape[-2:], hole, buffer)
    made = made.assign_coords(blind_zone=(("time", "height"), mask))
    return made.assign_attrs(model="made_up")


def clouds(shape, seed=0, *, missing=0.0) -> np.ndarray:
    """Reflectivity of which two fifths are clear, and a share is missing."""
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(shape) < 0.4, CLEAR, rng.normal(-15, 12, shape))
    values[rng.random(shape) < missing] = np.nan
    return values
