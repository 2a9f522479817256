"""The form in which a field may be averaged, and work that waits until its result is read."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from keras_wx.data.units import is_reflectivity

_BLOCK_BYTES = 32 * 2**20


def to_additive(values, units: str):
    """dBZ as the reflectivity factor Z: powers add, their logarithms do not. Others unchanged."""
    return (
        np.power(np.float32(10.0), values / np.float32(10.0)) if is_reflectivity(units) else values
    )


def from_additive(values, units: str):
    """The inverse of `to_additive`."""
    return np.float32(10.0) * np.log10(values) if is_reflectivity(units) else values


def deferred(data: xr.DataArray) -> xr.DataArray:
    """The same array such that arithmetic on it reads nothing yet.

    xarray reads a lazily opened array whole at the first operation; dask reads it block by block.
    Arrays in memory stay as they are.
    """
    if data.chunks is not None or data.variable._in_memory or "time" not in data.dims:
        return data
    frame_bytes = 4 * math.prod(n for dim, n in data.sizes.items() if dim != "time")
    stored = data.encoding.get("preferred_chunks", {}).get("time", 1)
    frames = max(1, _BLOCK_BYTES // frame_bytes // stored) * stored
    return data.chunk(time=min(frames, data.sizes["time"]))
