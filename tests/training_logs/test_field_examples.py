"""Pictures of fine fields during a training."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx import spec
from keras_wx.plots.style import pretty_units
from keras_wx.training.logs import examples


class Half:
    """Draws half of the last channel, plus a member's own number."""

    name, optimizer, non_trainable_variables, variables = "half", None, (), ()

    def __init__(self, stochastic):
        self.stochastic = stochastic

    def sample(self, x, members):
        shifts = np.arange(members).reshape(-1, 1, 1, 1, 1)
        return x[None, ..., -1:] / 2 + shifts

    def predict_on_batch(self, x):
        return x[..., -1:] / 2


@pytest.fixture
def samples():
    times = np.datetime64("2001-02-01", "ns") + np.arange(8) * np.timedelta64(1, "D")
    fields = np.arange(8.0)[:, None, None] + np.zeros((8, 6, 8))
    fields[5] += 3  # the highest mean
    data = xr.Dataset(
        {"air": (("time", "y", "x"), fields.astype("float32"), {"units": "K"})},
        {"time": times, "y": np.arange(6.0), "x": np.arange(8.0)},
    )
    air = {"name": "air", "units": "K", "grid": "fine"}
    sample = spec.Sample.model_validate(
        {
            "layout": "channels",
            "grids": {"fine": {"dims": ["y", "x"], "shape": [4, 4]}},
            "variables": [
                {**air, "role": "input", "steps": [-1, 0],
                 "transform": {"linear": {"low": 0, "high": 10}}},
                {**air, "role": "target", "steps": [1, 1],
                 "transform": {"linear": {"low": 0, "high": 10, "clip": False}}},
            ],
        }
    )  # fmt: skip
    return keras_wx.samples(data, sample, split=None, batch_size=3)


@pytest.mark.parametrize("stochastic", [False, True])
def test_pictures(samples, stochastic, monkeypatch):
    shown = []

    def drawn(forecast, truth, **options):
        shown.append((forecast, truth))
        return original(forecast, truth, **options)

    original = examples.downscaled
    monkeypatch.setattr(examples, "downscaled", drawn)
    found = examples.examples_of(samples, 2)
    assert isinstance(found, examples.FieldExamples)
    # The frame of the highest target is one step after its window begins to forecast.
    assert found.captions[0].startswith("2001-02-05")
    pictures = found.draw(Half(stochastic))
    assert len(pictures) == 2
    assert all(p.dtype == np.uint8 and p.shape[2] == 3 and p.std() > 0 for p in pictures)
    forecast, truth = shown[0]
    assert truth.air.shape == (1, 4, 4)
    np.testing.assert_allclose(truth.air, 8, atol=1e-4)
    assert forecast.air.shape[0] == (examples.MEMBERS if stochastic else 1)
    # Half of the 4 K at step 0, in network numbers; members are 10 K apart.
    np.testing.assert_allclose(forecast.air[0], 2, atol=1e-4)
    assert pretty_units(forecast.air.attrs["units"]) == "K"
