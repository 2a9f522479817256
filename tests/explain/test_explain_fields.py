"""Explanations of downscaling: maps whose frames are channels, against finite differences."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx import explain, spec
from keras_wx.data import fit_statistics
from keras_wx.errors import ModelError, UnknownNameError
from keras_wx.models.diffusion import DDPM, DownscaleUNet

CHANNELS = ["air at step -2", "air at step -1", "coarse_air", "latitude"]
CONFIG = {
    "history": 2,
    "conditions": 2,
    "widths": [4],
    "blocks": 1,
    "encoder_attention": [],
    "decoder_attention": [],
    "groups": 2,
    "head_size": 4,
}


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    north, east = {"units": "degrees_north"}, {"units": "degrees_east"}
    times = np.datetime64("2001-02-01", "ns") + np.arange(12) * np.timedelta64(1, "D")

    def field(*size):
        return rng.normal(280, 5, (12, *size)).astype("float32")

    return xr.Dataset(
        {
            "air": (("time", "lat", "lon"), field(4, 6), {"units": "K"}),
            "coarse_air": (("time", "coarse_lat", "coarse_lon"), field(2, 3), {"units": "K"}),
        },
        {
            "time": times,
            "lat": ("lat", 50.0 - np.arange(4), north),
            "lon": ("lon", 10.0 + np.arange(6), east),
            "coarse_lat": ("coarse_lat", [49.5, 47.5], north),
            "coarse_lon": ("coarse_lon", [10.5, 12.5, 14.5], east),
        },
    )


@pytest.fixture(scope="module")
def preset(pair):
    fine = {"name": "air", "units": "K", "grid": "fine", "transform": {"standard": {}}}
    sample = {
        "step": "1d",
        "layout": "channels",
        "grids": {
            "fine": {"dims": ["lat", "lon"]},
            "coarse": {"dims": ["coarse_lat", "coarse_lon"], "onto": "fine", "method": "bilinear"},
        },
        "variables": [
            {**fine, "role": "input", "steps": [-2, -1]},
            {**fine, "name": "coarse_air", "role": "input", "grid": "coarse", "steps": [0, 0]},
            {"name": "latitude", "units": "degrees_north", "role": "calendar", "grid": "fine",
             "transform": {"linear": {"low": 40, "high": 60}}},
            {**fine, "role": "target", "steps": [0, 0]},
        ],
    }  # fmt: skip
    found = spec.validate(
        {
            "name": "small_unet",
            "title": "A small network",
            "task": "downscale",
            "architecture": "downscale_unet",
            "config": CONFIG,
            "sample": sample,
        },
        "small.yaml",
    )
    return fit_statistics(found, pair, splits=(1, 0, 0))


@pytest.fixture(scope="module")
def model(preset):
    keras.utils.set_random_seed(0)
    network = DownscaleUNet(**CONFIG, name="small_unet")
    rng = np.random.default_rng(1)
    network.set_weights([rng.normal(0, 0.3, w.shape) for w in network.get_weights()])
    network.preset = preset
    network.compile(loss="mse")
    return network


def test_saliency_by_finite_differences(model, pair, preset):
    point = {"lat": 48.0, "lon": 12.0}
    found = explain.saliency(model, pair, init_times=pair.time.values[5], output=point)
    assert found.gradient.dims == ("variable", "init_time", "lat", "lon")
    assert found.variable.values.tolist() == CHANNELS
    np.testing.assert_array_equal(found.lat, pair.lat)
    np.testing.assert_allclose(found.saliency, np.abs(found.gradient).max("variable"), rtol=1e-6)
    sample = preset.sample
    data = keras_wx.data.conform(pair, sample)
    from keras_wx.data.downscale import Fields

    x, _ = Fields(data, sample).x(np.array([5]), np.array([[0, 0]]), (4, 6))

    def at_point(x):
        return float(np.array(model(x, training=False))[0, 2, 2, 0])

    np.testing.assert_allclose(found.output, at_point(x), rtol=1e-4)
    for channel, row, column in ((0, 2, 2), (1, 1, 2), (2, 2, 3), (3, 0, 0)):
        step = np.zeros_like(x)
        step[0, row, column, channel] = 1e-2
        slope = (at_point(x + step) - at_point(x - step)) / 2e-2
        gradient = float(found.gradient[channel, 0, row, column])
        assert gradient == pytest.approx(slope, abs=2e-3, rel=0.02)


def test_integrated_gradients_add_up(model, pair):
    options = {"init_times": pair.time.values[5], "steps": 30}
    found = explain.integrated_gradients(model, pair, baseline={"air": 280.0}, **options)
    gained = found.attribution.sum(("variable", "lat", "lon"))
    expected = found.output - found.output_at_baseline
    np.testing.assert_allclose(gained, expected, atol=0.02 * float(np.abs(expected).max()) + 1e-3)
    with pytest.raises(UnknownNameError, match="coarse_air"):
        explain.integrated_gradients(model, pair, baseline={"coarse_are": 0.0}, **options)


def test_feature_maps(model, pair):
    names = [each.name for each in model._flatten_layers() if each.name.startswith("encoder_1")]
    found = explain.feature_maps(model, pair, names[0], init_times=pair.time.values[5])
    assert set(found.features.dims) >= {"lat", "lon", "feature"}


def test_permutation_shuffles_whole_variables(model, pair, preset):
    """A network that adds up the two lags: shuffling `air` moves both."""

    @keras.saving.register_keras_serializable(package="tests")
    class Lags(keras.Model):
        def call(self, x):
            return x[..., :1] - x[..., 1:2] + 0 * x[..., 2:3]

    lags = Lags()
    lags.preset = preset
    lags.compile(loss="mse")
    samples = keras_wx.samples(pair, preset, split=None, batch_size=4)
    found = explain.permutation_importance(lags, samples, repeats=2)
    assert found.variable.values.tolist() == ["air", "coarse_air", "latitude"]
    assert (found.importance.sel(variable="air") != 0).all()
    assert (found.importance.sel(variable=["coarse_air", "latitude"]) == 0).all()


def test_what_draws_has_no_gradient(pair, preset):
    ddpm = DDPM(**CONFIG, schedule={"name": "cosine", "steps": 5}, name="ddpm")
    ddpm.preset = preset
    for what in (explain.saliency, explain.integrated_gradients):
        with pytest.raises(ModelError, match="permutation_importance"):
            what(ddpm, pair)
    with pytest.raises(ModelError, match="draws its fields"):
        explain.feature_maps(ddpm, pair, "network")
