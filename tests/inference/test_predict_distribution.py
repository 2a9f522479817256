"""`predict` with a probabilistic head, beside draws from the same laws by SciPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import xarray as xr
from scipy import special, stats

import keras_wx
from keras_wx.errors import DataError, ModelError
from keras_wx.losses import CloudDistribution

PRESET = "unet3plus_curtain_era5_prob_small"
ROWS, HOLE, BUFFER = 128, 16, 8
DRAWS = 20_000


class Gates:
    """A model that says of each gate what follows from the state there: tiles see no difference."""

    name = "gates"
    distribution = CloudDistribution
    stochastic = True
    drops_out = False
    variables = ()
    preset = keras_wx.info(PRESET)

    def predict_on_batch(self, x):
        wave = np.sin(40 * x[..., 1:4]) + np.array([0.8, 0.3, 0.0])
        return (wave * [3.0, 0.8, 1.0] - [0.0, 0.0, 1.5]).astype("float32")


@pytest.fixture(scope="module")
def curtain() -> xr.Dataset:
    return keras_wx.open_dataset(
        "synthetic_curtain", columns=96, rows=ROWS, events=1, seed=5
    ).load()


@pytest.fixture(scope="module")
def drawn(curtain) -> tuple[np.ndarray, np.ndarray]:
    """Draws in dBZ of the gates that are not measured, `(draw, gate)`, and where these are.

    As the networks blend: mask * number + (1 - mask) * measured number.
    """
    sample = Gates.preset.sample
    data = keras_wx.data.conform(curtain, sample)
    channels = [v.transform(data[v.name].values) for v in sample.inputs]
    mask = np.clip(1 - (np.arange(ROWS) - HOLE + 1) / (BUFFER + 1), 0, 1)[:, None]
    mask = np.broadcast_to(mask, channels[0].shape)
    where = mask > 0
    parameters = Gates().predict_on_batch(np.stack([*channels, mask], -1)[None])[0]
    logit, location, log_scale = parameters[where].astype(float).T
    law = stats.logistic(location, np.exp(log_scale) + 0.01)
    u = (np.arange(DRAWS)[:, None] + 0.5) / DRAWS
    cloud = special.expit(logit)
    above = np.clip((1 - u) / cloud, None, 1) * law.sf(-0.5)
    number = np.where(1 - u < cloud, law.isf(above), -1)
    number = mask[where] * number + (1 - mask[where]) * channels[0][where]
    return np.maximum((number + 0.5) * 60 - 60, -60), where.T


def of_gates(field, where):
    """Time and height last, and of them the gates in the order of `drawn`."""
    return np.swapaxes(field.values, -1, -2)[..., where.T]


def test_the_forecast_is_the_median(curtain, drawn):
    found = keras_wx.predict(Gates(), curtain)
    draws, where = drawn
    assert list(found.data_vars) == ["reflectivity"]
    assert found.reflectivity.dims == ("time", "height")
    assert "median" in found.reflectivity.attrs["comment"]
    assert "seed" not in found.attrs
    expected = np.median(draws, axis=0)
    np.testing.assert_allclose(of_gates(found.reflectivity, where), expected, atol=0.05)
    above = ~where
    np.testing.assert_array_equal(
        found.reflectivity.values[above], curtain.reflectivity.values[above]
    )


def test_statistics_in_closed_form(curtain, drawn):
    draws, where = drawn
    thresholds = (-70, -60, -20, 0)
    found = keras_wx.predict(Gates(), curtain, quantiles=(0.1, 0.5, 0.9), thresholds=thresholds)
    buffer = np.broadcast_to((found.blind_zone.values < 1), where.shape).T[where.T]
    assert 0.2 < buffer.mean() < 0.5

    quantile = of_gates(found.reflectivity_quantile, where)
    expected = np.quantile(draws, (0.1, 0.5, 0.9), axis=0)
    # Where the law has hardly anything, a little of it is many dB.
    close = np.abs(quantile - expected) < 0.1
    assert close.mean() > 0.999
    for level, threshold in enumerate(thresholds):
        share = of_gates(found.reflectivity_probability[level], where)
        np.testing.assert_allclose(share, (draws >= threshold).mean(0), atol=2e-4)
    cloud = of_gates(found.cloud_probability, where)
    np.testing.assert_allclose(cloud, (draws > -60).mean(0), atol=2e-4)
    np.testing.assert_allclose(of_gates(found.reflectivity_mean, where), draws.mean(0), atol=0.05)
    spread = of_gates(found.reflectivity_std, where)
    np.testing.assert_allclose(spread, draws.std(0), atol=0.1)
    assert spread.max() > 20

    measured = curtain.reflectivity.values[~where]
    for name in ("reflectivity", "reflectivity_mean"):
        np.testing.assert_array_equal(found[name].values[~where], measured)
    assert (found.reflectivity_std.values[~where] == 0).all()
    np.testing.assert_array_equal(found.reflectivity_probability.values[2][~where], measured >= -20)
    np.testing.assert_array_equal(found.cloud_probability.values[~where], measured > -60)


def test_names_and_dims_are_those_of_summarise(curtain):
    found = keras_wx.predict(Gates(), curtain, thresholds=(-20,))
    ensemble = keras_wx.predict(Gates(), curtain, members=3)
    summary = keras_wx.summarise(ensemble, thresholds=(-20,))
    assert set(found) - set(summary) == {"reflectivity", "cloud_probability"}
    for name, field in summary.items():
        assert found[name].dims == field.dims
        assert found[name].attrs.get("units") == field.attrs.get("units")
    for dim in ("quantile", "threshold"):
        np.testing.assert_array_equal(found[dim], summary[dim])


def test_members_are_draws_that_hang_together(curtain, drawn):
    draws, where = drawn
    found = keras_wx.predict(Gates(), curtain, members=150, seed=1)
    assert found.reflectivity.dims == ("realization", "time", "height")
    assert found.attrs["seed"] == 1
    members = of_gates(found.reflectivity, where)
    error = (members.mean(0) - draws.mean(0)) / (draws.std(0) + 0.1)
    assert np.abs(error).max() < 5 / np.sqrt(150)
    assert np.abs(members.std(0) - draws.std(0)).max() < 0.25 * draws.std(0).max()
    assert np.abs((members > -60).mean(0) - (draws > -60).mean(0)).max() < 0.25
    above = ~where
    for member in found.reflectivity.values[:3]:
        np.testing.assert_array_equal(member[above], curtain.reflectivity.values[above])
    again = keras_wx.predict(Gates(), curtain, members=2, seed=1)
    np.testing.assert_array_equal(again.reflectivity, found.reflectivity[:2])
    other = keras_wx.predict(Gates(), curtain, members=2, seed=2)
    assert (other.reflectivity != again.reflectivity).any()


@pytest.mark.parametrize("members", [1, 3])
def test_tiles_and_stores_make_no_difference(curtain, tmp_path, members):
    options = {"members": members} if members > 1 else {"thresholds": (-20, 0)}
    whole = keras_wx.predict(Gates(), curtain, **options)
    stored = keras_wx.predict(
        Gates(), curtain, tile=(ROWS, 32), batch_size=2, path=tmp_path / "a.zarr", **options
    )
    assert stored.attrs == whole.attrs
    assert "blind_zone" in stored.coords
    assert set(stored) == set(whole)
    xr.testing.assert_allclose(stored.load(), whole, atol=2e-3)


def test_a_network_with_dropout_and_a_law(curtain):
    keras.utils.set_random_seed(1)
    model = keras_wx.load(PRESET, weights=None, filters=2, deep_supervision=False, dropout=0.4)
    few = curtain.isel(time=slice(32))
    found = keras_wx.predict(model, few, members=4)
    assert (found.reflectivity.std("realization").values[:, :HOLE] > 0).any()
    with pytest.raises(ModelError, match=r"one draw of it.*switch_dropout"):
        keras_wx.predict(model, few, quantiles=(0.5,))
    keras_wx.layers.switch_dropout(model, False)
    law = keras_wx.predict(model, few, quantiles=(0.5,))
    np.testing.assert_array_equal(law.reflectivity_quantile[0], law.reflectivity)
    model.stochastic = False
    with pytest.raises(ModelError, match="deterministic"):
        keras_wx.predict(model, few, members=2)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"members": 2, "quantiles": (0.5,)}, ModelError, "from one pass.*members=2"),
        ({"quantiles": (50,)}, DataError, "from 0 to 1"),
    ],
)
def test_what_a_law_refuses(curtain, options, error, message):
    with pytest.raises(error, match=message):
        keras_wx.predict(Gates(), curtain, **options)


def test_a_model_of_values_has_no_closed_form(curtain):
    with pytest.raises(ModelError, match=r"repeat gives values.*summarise"):
        keras_wx.predict(keras_wx.load("repeat"), curtain, thresholds=(0,))


def test_it_is_verified_as_the_others_are(curtain):
    median = keras_wx.verify(keras_wx.predict(Gates(), curtain), curtain)
    members = keras_wx.verify(keras_wx.predict(Gates(), curtain, members=20), curtain)
    assert np.isfinite(median.mae)
    assert np.isfinite(members.crps)
