"""`predict` with Keras models: compiled once, padded, tiled, drawn at random, on either backend."""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import xarray as xr
from small_models import preset_of, radar_of, random_radar

import keras_wx

STEP = np.timedelta64(6, "m").astype("timedelta64[ns]")


def hko_radar(frames=6, shape=(9, 11)) -> xr.Dataset:
    """At the step and spacing of convlstm_hko."""
    values = np.random.default_rng(1).uniform(0, 50, (frames, *shape))
    radar = radar_of(values, step=STEP)
    for axis in ("y", "x"):
        radar[axis] = (axis, 3.5 * radar[axis].values, {"units": "m"})
    return radar


def convlstm(**overrides):
    keras.utils.set_random_seed(1)
    return keras_wx.load(
        "convlstm_hko",
        weights=None,
        compile=False,
        filters=[4, 4],
        **{"output_frames": 3} | overrides,
    )


@pytest.fixture(scope="module")
def model():
    return convlstm()


def by_hand(model, frames, pad):
    """The forecast of the last five `frames` without predict: gray levels, padding, crop."""
    gray = np.clip((frames[-5:] + 10) / 70, 0, 1)
    # The preset fills with -10 dBZ, which is black.
    gray = np.pad(gray, ((0, 0), (0, pad[0]), (0, pad[1])), constant_values=0.0)
    y = keras.ops.convert_to_numpy(model(gray[None, ..., None].astype(np.float32)))
    return y[0, :, : frames.shape[1], : frames.shape[2], 0] * 70 - 10


def test_a_grid_that_the_patch_does_not_divide_is_padded_and_cropped(model):
    radar = hko_radar()
    forecast = keras_wx.predict(model, radar)["reflectivity"]
    assert forecast.shape == (1, 3, 9, 11)
    expected = by_hand(model, radar["reflectivity"].values, pad=(1, 1))
    np.testing.assert_allclose(forecast[0], expected, atol=1e-3)


def test_a_domain_smaller_than_the_one_grid_of_a_model_is_padded():
    model, radar = convlstm(grid=(16, 12)), hko_radar()
    forecast = keras_wx.predict(model, radar)["reflectivity"]
    expected = by_hand(model, radar["reflectivity"].values, pad=(7, 1))
    np.testing.assert_allclose(forecast[0], expected, atol=1e-3)


def test_a_domain_larger_than_the_one_grid_of_a_model_is_tiled():
    """Full peepholes have a weight a grid point. Away from any other tile, each is itself."""
    model, radar = convlstm(grid=(8, 6), peephole="full"), hko_radar(shape=(16, 12))
    forecast = keras_wx.predict(model, radar, overlap=0)["reflectivity"][0]
    frames = radar["reflectivity"].values
    for y in (0, 8):
        for x in (0, 6):
            part = (slice(None), slice(y, y + 8), slice(x, x + 6))
            np.testing.assert_allclose(
                forecast.values[part], by_hand(model, frames[part], (0, 0)), atol=1e-3
            )
    assert np.isfinite(keras_wx.predict(model, radar)["reflectivity"]).all()


def test_many_start_times_give_what_single_ones_give(model):
    radar = hko_radar(9)
    many = keras_wx.predict(model, radar, init_times="all", batch_size=3)
    assert many.sizes["init_time"] == 5
    single = [keras_wx.predict(model, radar, init_times=t) for t in many.init_time.values]
    xr.testing.assert_allclose(many, xr.concat(single, "init_time", data_vars="minimal"), atol=1e-4)


def test_a_longer_horizon_begins_like_the_shorter_one(model):
    radar = hko_radar()
    long = keras_wx.predict(model, radar, output_frames=5)
    short = keras_wx.predict(model, radar)
    assert long.sizes["lead_time"] == 5
    assert long.attrs["model"] == short.attrs["model"] == "convlstm_hko"
    xr.testing.assert_allclose(long.isel(lead_time=slice(3)), short, atol=1e-4)


class RepeatLast(keras.layers.Layer):
    """The last frame, three times, and how often Python came by."""

    def __init__(self, **options):
        super().__init__(**options)
        self.calls = 0

    def call(self, x):
        self.calls += 1
        return keras.ops.repeat(x[:, -1:], 3, axis=1)


def network(*layers):
    frames = keras.Input((2, None, None, 1))
    y = frames
    for layer in layers:
        y = layer(y)
    model = keras.Model(frames, y)
    model.preset = preset_of()
    return model


def test_a_model_is_compiled_once_for_all_calls_of_one_shape():
    repeat = RepeatLast()
    model, radar = network(repeat), random_radar(9)
    keras_wx.predict(model, radar, init_times="all", batch_size=3)
    calls = repeat.calls
    for _ in range(3):
        keras_wx.predict(model, radar, init_times="all", batch_size=3)
        keras_wx.predict(model, radar.isel(time=slice(7)), init_times="all", batch_size=3)
    assert repeat.calls == calls


class AlwaysDropout(keras.layers.Dropout):
    def call(self, x):
        return super().call(x, training=True)


def test_an_ensemble_of_a_stochastic_model():
    model = network(RepeatLast(), AlwaysDropout(0.5))
    model.stochastic = True
    radar = radar_of(np.full((5, 20, 20), 10.0))
    before = [np.array(v) for v in model.variables]
    options = {"members": 4, "init_times": "all", "batch_size": 3}
    forecast = keras_wx.predict(model, radar, seed=7, **options)
    field = forecast["reflectivity"]
    assert field.dims == ("realization", "init_time", "lead_time", "y", "x")
    assert field.shape == (4, 4, 3, 20, 20)
    assert forecast.attrs["seed"] == 7
    # Dropout of one half leaves 0 or twice the value.
    assert set(np.unique(field)) == {0, 20}
    np.testing.assert_allclose(field.mean(("lead_time", "y", "x")), 10, atol=2)
    members = field.values.reshape(16, -1)
    assert len(np.unique(members, axis=0)) == 16

    xr.testing.assert_identical(forecast, keras_wx.predict(model, radar, seed=7, **options))
    other = keras_wx.predict(model, radar, seed=8, **options)
    assert (other["reflectivity"] != field).any()
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(np.array(variable), value)
    assert "realization" not in keras_wx.predict(model, radar).dims


SCRIPT = """
import sys, keras, keras_wx, xarray as xr
from test_predict_networks import convlstm, hko_radar
model = convlstm()
model.load_weights(sys.argv[1])
assert keras.backend.backend() == "jax"
keras_wx.predict(model, hko_radar(9), init_times="all", batch_size=3).to_netcdf(sys.argv[2])
"""


@pytest.mark.slow
def test_both_backends_give_the_same_forecast(model, tmp_path):
    pytest.importorskip("jax")
    model.save_weights(tmp_path / "model.weights.h5")
    subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "model.weights.h5", tmp_path / "jax.nc"],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        cwd=os.path.dirname(__file__),
        check=True,
    )
    ours = keras_wx.predict(model, hko_radar(9), init_times="all", batch_size=3)
    with xr.open_dataset(tmp_path / "jax.nc") as theirs:
        xr.testing.assert_allclose(ours, theirs.load(), atol=1e-3)
