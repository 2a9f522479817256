"""Saliency and integrated gradients, against gradients by hand."""

from __future__ import annotations

from datetime import timedelta

import explain_cases as cases
import keras
import numpy as np
import pytest
import xarray as xr
from jax_process import run_under_jax

import keras_wx
from keras_wx import registry
from keras_wx.errors import DataError, ModelError, UnknownNameError
from keras_wx.explain import integrated_gradients, saliency
from keras_wx.explain.windows import read_windows
from keras_wx.inference.network import fixed_grid


@pytest.mark.parametrize(
    "check",
    [
        cases.check_saliency_of_forecasts,
        cases.check_saliency_of_curtains,
        cases.check_completeness,
    ],
)
def test_gradients_by_hand(check):
    check()


@pytest.mark.slow
def test_gradients_under_jax():
    run_under_jax(cases.__file__)


def test_a_part_of_a_curtain_is_explained():
    model, kernel = cases.convolution()
    data = cases.curtain()
    found = saliency(model, data, output={"time": data.time.values[5]})
    only = cases.hole() & (np.arange(cases.COLUMNS) == 5)
    by_hand = cases.gradient_by_hand(kernel, only)[..., 0]
    got = found.gradient.sel(variable="reflectivity").transpose("height", "time")
    np.testing.assert_allclose(got, by_hand, atol=1e-6)


def test_several_forecasts_and_where_no_frame_has_data():
    model, weights = cases.linear_nowcast()
    data = cases.radar()
    data.reflectivity[:, 0, 0] = np.nan
    found = saliency(model, data, init_times="all", output={"x": slice(0, 2000)})
    assert found.sizes["init_time"] == 5
    gradient = found.gradient.values[0]
    assert np.isnan(gradient[..., 0, 0]).all()
    assert np.isnan(found.saliency.values[..., 0, 0]).all()
    total = weights.sum(axis=1)[None, :, None]
    np.testing.assert_allclose(gradient[..., 1, :3], np.broadcast_to(total, (5, 2, 3)), rtol=1e-6)
    assert (gradient[..., 1, 3:] == 0).all()
    np.testing.assert_allclose(
        found.saliency.values[:, :, 1, :3], np.broadcast_to(abs(total), (5, 2, 3)), rtol=1e-6
    )


def test_attributions_of_a_linear_network():
    model, kernel = cases.convolution()
    found = integrated_gradients(model, cases.curtain(), steps=3, baseline={"temperature": 200.0})
    gradient = cases.gradient_by_hand(kernel, cases.hole())
    temperature = cases.curtain().temperature.values.T
    by_hand = gradient[..., 1] * (temperature - 200) / 120
    got = found.attribution.sel(variable="temperature").transpose("height", "time")
    np.testing.assert_allclose(got, by_hand, atol=1e-5)
    # No echo is -1 by its transform, and so is what stands in for what is not measured.
    echo = np.nan_to_num(1.5 * (cases.curtain().reflectivity.values.T + 60) / 90 - 0.5, nan=-1)
    got = found.attribution.sel(variable="reflectivity").transpose("height", "time")
    np.testing.assert_allclose(got, gradient[..., 0] * (echo + 1), atol=1e-5)
    np.testing.assert_allclose(found.residual, 0, atol=1e-4)


def test_the_mean_of_the_window_says_nothing_of_other_variables():
    model, kernel = cases.convolution()
    found = integrated_gradients(model, cases.curtain(), steps=2)
    temperature = (cases.curtain().temperature.values.T - 180) / 120
    gradient = cases.gradient_by_hand(kernel, cases.hole())[..., 1]
    got = found.attribution.sel(variable="temperature").transpose("height", "time")
    np.testing.assert_allclose(got, gradient * (temperature - temperature.mean()), atol=1e-5)


def test_dropout_is_off_and_on_again():
    model, weights = cases.linear_nowcast(rate=0.5)
    dropout = model.get_layer("dropout")
    found = saliency(model, cases.radar(), output={"lead_time": "5min"})
    np.testing.assert_allclose(found.gradient[0, 0, 0], weights[0, 0], rtol=1e-6)
    assert dropout.active
    dropout.active = False
    saliency(model, cases.radar())
    assert not dropout.active


def test_a_network_of_the_zoo_is_blind_in_the_hole():
    """Hidden channels have no influence there; outside of its reach nothing has."""
    from keras_wx.models.unet import UNet

    keras.utils.set_random_seed(0)
    model = UNet(3, 1, filters=2, depth=3, dropout=0.2, hidden_channels=1)
    model.preset = cases.CURTAIN
    found = saliency(model, cases.curtain(16))
    gradient = found.gradient.transpose("variable", "height", "time").values
    assert (gradient[0, : cases.BLIND] == 0).all()
    assert np.abs(gradient[0, cases.BLIND :]).max() > 0
    assert np.abs(gradient[1, : cases.BLIND]).max() > 0
    assert found.sizes["time"] == 16
    cut = saliency(model, cases.curtain(21))
    assert cut.sizes["time"] == 16
    xr.testing.assert_equal(cut.time, cases.curtain(16).time)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["convlstm", "convlstm_stack", "fclstm"])
def test_forecasters_of_the_zoo(name):
    preset = next(n for n in keras_wx.list_models() if keras_wx.info(n).architecture == name)
    model = keras_wx.load(preset, weights=None, **registry.models.get(name).tiny)
    for weight in model.weights:  # some begin as zeros: then nothing depends on anything
        values = np.random.default_rng(0).normal(size=weight.shape, scale=0.3)
        weight.assign(np.abs(values) if "variance" in weight.path else values)
    sample = model.preset.sample
    sample = sample.merged({"grids": {grid: {"spacing_km": None} for grid in sample.grids}})
    model.preset = model.preset.model_copy(update={"sample": sample})
    (given,) = sample.inputs
    rows, columns = (fixed or 8 for fixed in fixed_grid(model))
    data = cases.radar(given.frames + 1, rows, columns).rename(reflectivity=given.name)
    data[given.name].attrs["units"] = given.units
    step = np.timedelta64(sample.step or timedelta(minutes=5))
    data["time"] = data.time.values[0] + np.arange(data.sizes["time"]) * step
    found = saliency(model, data)
    assert found.gradient.shape == (1, 1, given.frames, rows, columns)
    assert np.isfinite(found.gradient).all()
    assert (abs(found.gradient).max(("x", "y")) > 0).all()


def test_against_differences():
    """A network with kinks: a step small enough stays on one side of nearly all of them."""
    from keras_wx.models.unet import UNet

    keras.utils.set_random_seed(0)
    model = UNet(3, 1, filters=2, depth=3, dropout=0.0)
    model.preset = cases.CURTAIN
    found = saliency(model, cases.curtain(16))
    row, column, step = 4, 7, 0.005
    x = np.repeat(read_windows(model, cases.curtain(16), None, {}).x, 2, axis=0)
    x[:, row, column, 0] += -step, step
    below, above = np.asarray(model(x))[:, : cases.BLIND].sum(axis=(1, 2, 3))
    assert above != below
    got = found.gradient[0, column, row]
    np.testing.assert_allclose(got, (above - below) / (2 * step), rtol=0.05)


def test_what_cannot_be_explained():
    model, _ = cases.convolution()
    data = cases.curtain()
    with pytest.raises(ModelError, match="Expected a network"):
        saliency(keras_wx.load("persistence"), cases.radar())
    with pytest.raises(ModelError, match="init_times: expected none"):
        saliency(model, data, init_times="all")
    with pytest.raises(DataError, match="one unbroken curtain"):
        saliency(model, data.isel(time=[0, 1, 2, 6, 7, 8, 9]))
    with pytest.raises(DataError, match="output: expected labels along"):
        saliency(model, data, output={"target": "snow"})
    with pytest.raises(DataError, match="nothing to explain in the blind zone"):
        saliency(model, data, output={"height": slice(1000, None)})
    with pytest.raises(UnknownNameError, match="Did you mean 'temperature'"):
        integrated_gradients(model, data, baseline={"temperatur": 250.0})
    with pytest.raises(ModelError, match="steps: expected at least 1"):
        integrated_gradients(model, data, steps=0)
