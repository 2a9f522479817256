"""Radar frames of which the tests of the command line make files."""

from __future__ import annotations

import numpy as np
import xarray as xr

INPUT_FRAMES, OUTPUT_FRAMES = 3, 4
"""Of the tiny model."""


def radar_frames(frames: int, shape=(20, 24), start="2016-09-28T15:00", step=5, spacing_km=3.75):
    """A shower that moves right by a pixel a frame; -32 dBZ where there is no echo."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    centers = 4 + np.arange(frames)[:, None, None] % shape[1]
    distance2 = (y - shape[0] / 2) ** 2 + (x - centers) ** 2
    dbz = np.where(distance2 < 40, 45 - distance2, -32.0).astype("float32")
    metres = {
        dim: (
            dim,
            np.arange(size) * spacing_km * 1000.0,
            {"units": "m", "standard_name": f"projection_{dim}_coordinate"},
        )
        for dim, size in zip("yx", shape, strict=True)
    }
    times = np.datetime64(start, "ns") + np.arange(frames) * np.timedelta64(step, "m")
    field = xr.DataArray(
        dbz, dims=("time", "y", "x"), coords=metres | {"time": times}, attrs={"units": "dBZ"}
    )
    return field.to_dataset(name="reflectivity")
