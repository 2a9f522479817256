"""Models whose forecasts are known by heart, and the shape of the data that they fit."""

from __future__ import annotations

import numpy as np

from keras_wx import spec
from keras_wx.baselines import Baseline
from keras_wx.baselines.persistence import Persistence

LEADS = 3
STEP = np.timedelta64(5, "m")
EVENTS = ("2016-09-01T10:00", "2016-09-02T10:00", "2016-09-04T10:00")
FRAMES = 9


def preset_of(name="made_up", *, inputs=2, step="5min", spacing=2.0, units="dBZ", variable=None):
    """A preset that reads `inputs` frames and forecasts three."""
    field = {"name": variable or "reflectivity", "units": units, "grid": "radar"}
    sample = {
        "grids": {"radar": {"spacing_km": spacing}},
        "variables": [
            field | {"role": "input", "steps": [1 - inputs, 0], "fill": 0},
            field | {"role": "target", "steps": [1, LEADS], "fill": 0},
        ],
    }
    if step:
        sample["step"] = step
    data = {"name": name, "title": name, "task": "nowcast", "architecture": "x", "sample": sample}
    return spec.validate(data, "test")


class Network:
    """Stands for a trained model: the last frame, dimmed a little more with each lead time."""

    name = "network"
    stochastic = False
    variables = ()

    def __init__(self, factor=0.9, **sample):
        self.factor = factor
        self.preset = preset_of("network", **sample)

    def predict_on_batch(self, x):
        return x[:, -1:] * self.factor ** np.arange(1, LEADS + 1)[:, None, None, None]


class Breaks(Network):
    """Forecasts twice and then no more."""

    calls = 0

    def predict_on_batch(self, x):
        self.calls += 1
        if self.calls > 2:
            raise FloatingPointError("velocity is\ninfinite")
        return super().predict_on_batch(x)


class Noisy(Baseline):
    """The last frame with noise of 4 dBZ."""

    stochastic = True

    def __init__(self):
        super().__init__("noisy")
        self.preset = preset_of("noisy", step=None, spacing=None)

    def forecast(self, x):
        frames = np.repeat(x[:, -1:], LEADS, axis=1)
        noise = [self.rng.next(each).normal(0, 4, frames.shape[1:]) for each in x]
        return frames + np.stack(noise)


def persistence(name="persistence"):
    model = Persistence(LEADS)
    model.preset = preset_of(name, inputs=1, step=None, spacing=None)
    return model
