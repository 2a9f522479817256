"""Small curtains and samples that the tests of curtains share."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.spec import Sample, read_sample

STEP = np.timedelta64(4, "s")
SPACING = 100.0


def make_curtain(
    columns: int = 60, rows: int = 12, *, jumps: tuple[int, ...] = (), seed: int = 0
) -> xr.Dataset:
    """Random reflectivity from -80 to 30 dBZ and temperature, dims `(time, height)`."""
    random = np.random.default_rng(seed)
    steps = np.full(columns, STEP)
    steps[0] = np.timedelta64(0)
    steps[list(jumps)] += np.timedelta64(1, "h")
    dims = ("time", "height")
    return xr.Dataset(
        {
            "reflectivity": (
                dims,
                random.uniform(-80, 30, (columns, rows)).astype("float32"),
                {"units": "dBZ"},
            ),
            "temperature": (
                dims,
                random.uniform(220, 280, (columns, rows)).astype("float32"),
                {"units": "K"},
            ),
        },
        coords={
            "time": np.datetime64("2020-01-01", "ns") + np.cumsum(steps),
            "height": ("height", (np.arange(rows) + 0.5) * SPACING, {"units": "m"}),
        },
    )


def make_curtain_sample(
    shape: tuple[int | None, int | None] = (12, 8),
    *,
    state: bool = True,
    mask: bool = True,
    blind_zone: dict | None = None,
    fill: float | None = None,
    spacing: str | None = "100m",
    **fields,
) -> Sample:
    """Reflectivity and temperature in and out, the latter as an auxiliary target."""
    grid = {"dims": ["height", "time"], "shape": shape}
    if spacing:
        grid["spacing"] = {"height": spacing}
    cloud = {
        "name": "reflectivity",
        "units": "dBZ",
        "grid": "curtain",
        "transform": {"cloud": {"low": -60, "high": 30}},
        "fill": fill,
    }
    warmth = {
        "name": "temperature",
        "units": "K",
        "grid": "curtain",
        "transform": {"linear": {"low": 180, "high": 300, "to": [-0.5, 1], "clip": False}},
    }
    variables = [cloud | {"role": "input"}]
    if state:
        variables.append(warmth | {"role": "input"})
    if mask:
        variables.append({"name": "blind_zone", "units": "1", "role": "mask", "grid": "curtain"})
    variables.append(cloud | {"role": "target"})
    if state:
        variables.append(warmth | {"role": "target", "auxiliary": True})
    return read_sample(
        {
            "step": "4s",
            "grids": {"curtain": grid},
            "variables": variables,
            "blind_zone": blind_zone or {"height": 300, "buffer": 2, "train_buffer": [1, 3]},
            **fields,
        }
    )
