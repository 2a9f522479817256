"""Ensembles of stochastic baselines through `predict`."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from small_models import climb, preset_of, radar_of, random_radar

import keras_wx
from keras_wx.baselines import Baseline
from keras_wx.errors import ModelError


class Shaken(Baseline):
    """The last frame and one random number a forecast."""

    stochastic = True

    def forecast(self, x):
        shake = [self.rng.next(frames).normal() for frames in x]
        return np.repeat(x[:, -1:], 3, axis=1) + np.reshape(shake, (-1, 1, 1, 1, 1))


@pytest.fixture
def model():
    model = Shaken(name="shaken")
    model.preset = preset_of()
    return model


def test_members_differ_and_calls_do_not(model):
    radar = random_radar(8)
    options = {"members": 5, "init_times": "all"}
    forecast = keras_wx.predict(model, radar, seed=3, **options)
    field = forecast["reflectivity"]
    assert field.dims == ("realization", "init_time", "lead_time", "y", "x")
    assert field.sizes["realization"] == 5
    assert forecast.attrs["seed"] == 3
    shakes = (field - radar["reflectivity"][1:].values[:, None]).isel(lead_time=0, y=0, x=0)
    assert len(np.unique(shakes.values.round(4))) == 5 * 7
    xr.testing.assert_identical(forecast, keras_wx.predict(model, radar, seed=3, **options))
    other = keras_wx.predict(model, radar, seed=4, **options)["reflectivity"]
    assert (other != field).all()


@pytest.mark.parametrize("batch_size", [1, 3, 8, 100])
def test_the_batch_size_changes_nothing(model, batch_size):
    radar = random_radar(8)
    options = {"members": 3, "init_times": "all", "seed": 3}
    expected = keras_wx.predict(model, radar, **options)
    xr.testing.assert_identical(
        keras_wx.predict(model, radar, batch_size=batch_size, **options), expected
    )


def test_neither_other_members_nor_other_start_times_change_a_member(model):
    radar = random_radar(8)
    many = keras_wx.predict(model, radar, members=4, init_times="all", seed=3)["reflectivity"]
    few = keras_wx.predict(model, radar, members=2, init_times=3, seed=3)["reflectivity"]
    np.testing.assert_array_equal(few, many.sel(init_time=few.init_time)[:2])
    one = keras_wx.predict(model, radar, seed=3)["reflectivity"]
    np.testing.assert_array_equal(one, many[0, -1:])


def test_a_deterministic_baseline_has_no_members():
    with pytest.raises(ModelError, match=r"climb is deterministic.*members=2"):
        keras_wx.predict(climb(), random_radar(), members=2)


def test_members_of_steps():
    frames = 30 * np.random.default_rng(0).random((4, 12, 15))
    radar = radar_of(np.stack([np.roll(frames[0], shift, 1) for shift in range(4)]))
    model = keras_wx.load("steps", output_frames=4)
    field = keras_wx.predict(model, radar, members=6, seed=1)["reflectivity"]
    assert field.shape == (6, 1, 4, 12, 15)
    assert np.isfinite(field).all()
    assert len(np.unique(field.values.reshape(6, -1), axis=0)) == 6
    again = keras_wx.predict(model, radar, members=6, seed=1, batch_size=1)["reflectivity"]
    np.testing.assert_array_equal(again, field)
    dry = keras_wx.predict(model, radar * 0, members=3)["reflectivity"]
    np.testing.assert_array_equal(dry, 0)
