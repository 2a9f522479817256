"""Models small enough to know their forecasts by heart, and data for them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx import spec
from keras_wx.baselines import Baseline

START = np.datetime64("2016-09-28T15:00", "ns")
STEP = np.timedelta64(5, "m").astype("timedelta64[ns]")


class Climb(Baseline):
    """The last frame, and `slope` more network numbers with every step."""

    def __init__(self, output_frames=3, slope=0.0, name=None):
        super().__init__(name)
        self.output_frames = output_frames
        self.slope = slope
        self.batches = []

    def forecast(self, x):
        self.batches.append(x)
        last = (next(iter(x.values())) if isinstance(x, dict) else x)[:, -1]
        return np.stack([last + self.slope * k for k in range(1, self.output_frames + 1)], axis=1)


def preset_of(
    *,
    frames=2,
    leads=3,
    transform=None,
    fill=0,
    names=("reflectivity",),
    units="dBZ",
    step="5min",
    spacing_km=1.0,
):
    """A preset that reads `frames` frames of the variables and forecasts the first of them."""
    common = {"units": units, "grid": "radar", "transform": transform, "fill": fill}
    inputs = [{"name": n, "role": "input", "steps": [1 - frames, 0], **common} for n in names]
    target = {"name": names[0], "role": "target", "steps": [1, leads], **common}
    data = {
        "name": "small",
        "title": "A small model",
        "task": "nowcast",
        "architecture": "small",
        "sample": {
            "step": step,
            "grids": {"radar": {"spacing_km": spacing_km}},
            "variables": [*inputs, target],
        },
    }
    return spec.validate(data, "small.yaml")


def climb(slope=0.0, **options) -> Climb:
    model = Climb(options.get("leads", 3), slope, name="climb")
    model.preset = preset_of(**options)
    return model


def radar_of(values, *, name="reflectivity", units="dBZ", start=START, step=STEP) -> xr.Dataset:
    """A dataset `(time, y, x)` on a 1 km grid."""
    values = np.asarray(values, np.float32)
    metres = {"units": "m"}
    return xr.Dataset(
        {name: (("time", "y", "x"), values, {"units": units})},
        coords={
            "time": start + np.arange(len(values)) * step,
            "y": ("y", 1000.0 * np.arange(values.shape[1]), metres),
            "x": ("x", 1000.0 * np.arange(values.shape[2]), metres),
        },
        attrs={"source": "made up", "license": "CC0", "history": "of the input"},
    )


def random_radar(frames=6, shape=(9, 7), seed=0) -> xr.Dataset:
    return radar_of(np.random.default_rng(seed).uniform(0, 50, (frames, *shape)))
