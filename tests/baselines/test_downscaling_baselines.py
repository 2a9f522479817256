"""Interpolation and quantile mapping against xarray and cases by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.baselines.quantile_mapping import QuantileMapping
from keras_wx.errors import DataError, ModelError


def make_pair(name="air", units="K", days=40, seed=0, coarse_name=None) -> xr.Dataset:
    """Skewed fine fields, and coarse ones that are their means over 3 x 3 points."""
    rng = np.random.default_rng(seed)
    fine = rng.gamma(0.5, 4, (days, 12, 15)).astype("float32")
    coarse = fine.reshape(days, 4, 3, 5, 3).mean(axis=(2, 4))
    lat, lon = 40 + np.arange(12.0), 10 + np.arange(15.0)
    north, east = {"units": "degrees_north"}, {"units": "degrees_east"}
    attrs = {"units": units}
    return xr.Dataset(
        {
            name: (("time", "lat", "lon"), fine, attrs),
            coarse_name or f"coarse_{name}": (
                ("time", "coarse_lat", "coarse_lon"),
                coarse,
                attrs,
            ),
        },
        coords={
            "time": np.datetime64("2001-01-01", "ns") + np.arange(days) * np.timedelta64(1, "D"),
            "lat": ("lat", lat, north),
            "lon": ("lon", lon, east),
            "coarse_lat": ("coarse_lat", lat.reshape(4, 3).mean(axis=1), north),
            "coarse_lon": ("coarse_lon", lon.reshape(5, 3).mean(axis=1), east),
        },
    )


@pytest.mark.parametrize("options", [{}, {"name": "rain_rate", "units": "mm h-1"}])
def test_bilinear_equals_xarray_inside(options):
    pair = make_pair(**options)
    name = options.get("name", "air")
    got = keras_wx.predict(keras_wx.load("bilinear"), pair)
    points = {"coarse_lat": pair.lat, "coarse_lon": pair.lon}
    expected = pair[f"coarse_{name}"].interp(points)
    inside = {"lat": slice(1, -1), "lon": slice(1, -1)}
    np.testing.assert_allclose(got[name][:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], rtol=1e-5)
    assert got[name].isel(inside).notnull().all()
    assert got[name].units == pair[name].units
    np.testing.assert_array_equal(got.time, pair.time)


def test_a_pair_by_its_grids():
    pair = make_pair("rain", "mm h-1", coarse_name="tp")
    got = keras_wx.predict(keras_wx.load("bilinear"), pair)
    twin = keras_wx.predict(keras_wx.load("bilinear"), pair.rename(tp="coarse_rain"))
    xr.testing.assert_identical(got.rain, twin.rain)
    with pytest.raises(DataError, match="coarse_air"):
        keras_wx.predict(keras_wx.load("bilinear"), pair.assign(other=pair.rain))


def test_bicubic_is_sharper_and_can_be_kept_from_negative_rain():
    pair = make_pair("rain", "mm h-1")
    pair["coarse_rain"] = pair.coarse_rain.where(pair.coarse_rain > 2.5, 0)
    cubic = keras_wx.predict(keras_wx.load("bicubic"), pair).rain
    lines = keras_wx.predict(keras_wx.load("bilinear"), pair).rain
    assert float(cubic.var()) > float(lines.var())
    assert float(cubic.min()) < 0
    kept = keras_wx.predict(keras_wx.load("bicubic", minimum=0), pair).rain
    xr.testing.assert_identical(kept, cubic.clip(min=0))


def test_quantile_mapping_by_hand():
    """Coarse 0, 0, 1, 2, 3 and fine 0, 0, 0, 4, 8 in equal steps of probability."""
    model = QuantileMapping(coarse=[0, 0, 1, 2, 3], fine=[0, 0, 0, 4, 8])
    x = np.array([0, 0.5, 1, 1.5, 2, 2.25, 3, 3.5, -1.0]).reshape(1, 3, 3, 1)
    expected = [0, 0, 0, 2, 4, 5, 8, 8.5, -1]
    np.testing.assert_allclose(model.predict(x).ravel(), expected)


def test_quantiles_are_those_of_the_training_part():
    pair = make_pair()
    pair.attrs["split_train"] = "2001-01-01/2001-01-30"
    model = keras_wx.load("quantile_mapping", quantiles=50)
    model.fit(keras_wx.samples(pair, model.preset, split="train", batch_size=7, shuffle=True))
    train = pair.sel(time=slice("2001-01-01", "2001-01-30"))
    levels = np.linspace(0, 1, 51)
    np.testing.assert_allclose(model.fine, np.quantile(train.air, levels), rtol=1e-6)
    coarse = keras_wx.predict(keras_wx.load("bilinear"), train).air
    np.testing.assert_allclose(model.coarse, np.quantile(coarse, levels), rtol=1e-6)
    # What it learnt from comes back with the distribution of the fine field.
    mapped = keras_wx.predict(model, train).air
    np.testing.assert_allclose(
        np.quantile(mapped, [0.1, 0.5, 0.9, 0.99]),
        np.quantile(train.air, [0.1, 0.5, 0.9, 0.99]),
        rtol=0.05,
    )


def test_missing_targets_do_not_count():
    x = np.arange(8.0).reshape(2, 2, 2, 1)
    weight = np.ones((2, 2, 2))
    weight[1] = 0
    model = QuantileMapping(quantiles=3).fit(x, 10 * x, weight)
    np.testing.assert_allclose(model.fine, [0, 10, 20, 30])
    with pytest.raises(ModelError, match="no value"):
        QuantileMapping().fit(x, x, 0 * weight)


def test_a_fitted_mapping_is_saved_with_its_quantiles(tmp_path):
    pair = make_pair(days=3)
    model = keras_wx.load("quantile_mapping", quantiles=4)
    with pytest.raises(ModelError, match=r"model\.fit"):
        keras_wx.predict(model, pair)
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 1))
    model.fit(x, x**3)
    again = keras_wx.load(keras_wx.save(model, tmp_path))
    xr.testing.assert_equal(keras_wx.predict(again, pair), keras_wx.predict(model, pair))


@pytest.mark.parametrize(
    "config", [{"coarse": [0, 1]}, {"coarse": [0, 1], "fine": [0]}, {"quantiles": 0}]
)
def test_quantiles_that_are_none(config):
    with pytest.raises(ModelError):
        QuantileMapping(**config)
