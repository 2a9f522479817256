"""Small datasets and samples that the tests of samples share."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.spec import Sample

STEP = np.timedelta64(5, "m")


def make_times(frames: int, jumps: tuple[int, ...] = (), start: str = "2016-01-01") -> np.ndarray:
    """Times every five minutes, with an hour more before each frame in `jumps`."""
    steps = np.full(frames, STEP)
    steps[0] = np.timedelta64(0)
    steps[list(jumps)] += np.timedelta64(60, "m")
    return np.datetime64(start, "ns") + np.cumsum(steps)


def make_dataset(
    frames: int = 40,
    shape: tuple[int, int] = (6, 6),
    *,
    jumps: tuple[int, ...] = (),
    seed: int = 0,
    dtype: str = "float32",
) -> xr.Dataset:
    """Random reflectivity; every pixel of every frame is another number, from 0 to 60 dBZ."""
    values = np.random.default_rng(seed).uniform(0, 60, (frames, *shape)).astype(dtype)
    coords = {
        "time": make_times(frames, jumps),
        "y": ("y", 1000.0 * np.arange(shape[0]), {"units": "m"}),
        "x": ("x", 1000.0 * np.arange(shape[1]), {"units": "m"}),
    }
    field = xr.Variable(("time", "y", "x"), values, {"units": "dBZ"})
    return xr.Dataset({"reflectivity": field}, coords)


def make_sample(
    shape: tuple[int | None, int | None] = (6, 6),
    *,
    past: int = 3,
    future: int = 2,
    fill: float | None = None,
    transform: dict | list | None = None,
    **fields,
) -> Sample:
    """Reflectivity in, reflectivity out, in gray levels from 0 to 60 dBZ."""
    variable = {
        "name": "reflectivity",
        "units": "dBZ",
        "grid": "radar",
        "fill": fill,
        "transform": transform or {"linear": {"low": 0, "high": 60}},
    }
    return Sample.model_validate(
        {
            "step": "5min",
            "grids": {"radar": {"shape": shape, "spacing_km": 1.0}},
            "variables": [
                variable | {"role": "input", "steps": (1 - past, 0)},
                variable | {"role": "target", "steps": (1, future)},
            ],
            **fields,
        }
    )
