"""Reconstructions that are known by heart, and a curtain for them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx import spec
from keras_wx.baselines import Baseline

ROWS, HOLE = 24, 4
"""Gates of 100 m; the blind zone reaches up to 400 m."""
COLUMNS = 256
"""Of an event."""
EVENTS = 3
STEP = np.timedelta64(4, "s")


def preset_of(name="made_up", *, height=400, inputs=("reflectivity",)):
    """A preset that reads some of the variables and fills in reflectivity."""
    dbz = {"transform": {"cloud": {"low": -60, "high": 30}}, "units": "dBZ"}
    kelvin = {"transform": {"linear": {"low": 180, "high": 300}}, "units": "K"}
    units = {"reflectivity": dbz, "temperature": kelvin}
    sample = {
        "step": "4s",
        "grids": {"curtain": {"dims": ["height", "time"], "shape": [ROWS, 64]}},
        "blind_zone": {"height": height, "buffer": 2},
        "variables": [
            *({"name": v, "role": "input", "grid": "curtain", **units[v]} for v in inputs),
            {"name": "blind_zone", "units": "1", "role": "mask", "grid": "curtain"},
            {"name": "reflectivity", "role": "target", "grid": "curtain", **dbz},
        ],
    }
    data = {"name": name, "title": name, "task": "inpaint", "architecture": "x", "sample": sample}
    return spec.validate(data, "test")


class Clear:
    """Stands for a trained model: nothing but clear air in the blind zone."""

    stochastic = False
    variables = ()

    def __init__(self, name="clear", **preset):
        self.name = name
        self.preset = preset_of(name, **preset)

    def predict_on_batch(self, x):
        return np.where(x[..., -1:] == 1, -1, x[..., :1])


class Noisy(Baseline):
    """The truth with noise in network numbers, more of it in every second column."""

    stochastic = True

    def __init__(self):
        super().__init__("noisy")
        self.preset = preset_of("noisy")

    def forecast(self, x):
        width = np.where(np.arange(x.shape[2]) % 2, 0.02, 0.3)
        noise = [self.rng.next(each).normal(0, width, each.shape[:2]) for each in x]
        filled = np.clip(x[..., 0] + np.stack(noise), -1, 1)
        return np.where(x[..., -1] == 1, filled, x[..., 0])[..., None]


def curtain(seed=0) -> xr.Dataset:
    """Clouds of many sizes in three events, a day apart."""
    rng = np.random.default_rng(seed)
    fields, times = [], []
    for number in range(EVENTS):
        noise = rng.normal(size=(COLUMNS, ROWS))
        smooth = sum(np.roll(noise, shift, axis=0) for shift in range(-4, 5)) / 3
        fields.append(np.where(smooth > 0, np.minimum(10 * smooth - 20, 25), -60))
        start = np.datetime64("2017-01-05", "ns") + np.timedelta64(number, "D")
        times.append(start + np.arange(COLUMNS) * STEP)
    dims = ("time", "height")
    dbz = np.concatenate(fields).astype("float32")
    return xr.Dataset(
        {
            "reflectivity": (dims, dbz, {"units": "dBZ"}),
            "temperature": (dims, np.full(dbz.shape, 250, "float32"), {"units": "K"}),
        },
        coords={
            "time": np.concatenate(times),
            "height": ("height", 100.0 * (np.arange(ROWS) + 0.5), {"units": "m"}),
        },
        attrs={"title": "made up"},
    )
