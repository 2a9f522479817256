"""The fields that stand for an ensemble, beside NumPy and hand-computed numbers."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.errors import DataError


@pytest.fixture
def ensemble() -> xr.Dataset:
    values = np.random.default_rng(3).normal(size=(7, 4, 5)).astype(np.float32)
    values[:, 0, 0] = np.nan
    field = ("realization", "time", "height"), values, {"units": "dBZ"}
    return xr.Dataset({"reflectivity": field}, {"realization": np.arange(7)}, {"model": "m"})


def test_it_is_what_numpy_finds(ensemble):
    values = ensemble.reflectivity.values.astype(np.float64)
    found = keras_wx.summarise(ensemble, quantiles=(0.1, 0.5), thresholds=(-0.5, 0.5))
    np.testing.assert_allclose(found.reflectivity_mean, values.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.reflectivity_std, values.std(0, ddof=1), rtol=1e-5)
    expected = np.quantile(values, (0.1, 0.5), axis=0)
    np.testing.assert_allclose(found.reflectivity_quantile, expected, rtol=1e-5, atol=1e-6)
    shares = np.stack([(values >= level).mean(0) for level in (-0.5, 0.5)])
    shares[:, 0, 0] = np.nan
    np.testing.assert_allclose(found.reflectivity_probability, shares, rtol=1e-6)
    assert found.reflectivity_quantile.dims == ("quantile", "time", "height")
    assert found.reflectivity_probability.threshold.values.tolist() == [-0.5, 0.5]
    assert "realization" not in found.coords
    assert found.attrs == {"model": "m", "members": 7}
    assert found.reflectivity_mean.attrs["units"] == "dBZ"


def test_three_members_by_hand():
    values = np.array([[1.0], [2.0], [6.0]], np.float32)
    found = keras_wx.summarise(
        xr.Dataset({"rain_rate": (("realization", "x"), values)}), quantiles=(0.5,), thresholds=(2,)
    )
    assert found.rain_rate_mean.item() == 3
    assert found.rain_rate_std.item() == pytest.approx(7**0.5)
    assert found.rain_rate_quantile.item() == 2
    assert found.rain_rate_probability.item() == pytest.approx(2 / 3)


def test_an_ensemble_of_chunks_stays_lazy(ensemble):
    found = keras_wx.summarise(ensemble.chunk(realization=2), thresholds=(0,))
    assert all(field.chunks is not None for field in found.data_vars.values())
    whole = keras_wx.summarise(ensemble, thresholds=(0,))
    xr.testing.assert_allclose(found.compute(), whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: (data.isel(realization=0), {}), "realization"),
        (lambda data: (data.isel(realization=[0]), {}), "two members"),
        (lambda data: (data, {"quantiles": (50,)}), "from 0 to 1"),
    ],
)
def test_what_is_no_ensemble_is_refused(ensemble, change, message):
    data, options = change(ensemble)
    with pytest.raises(DataError, match=message):
        keras_wx.summarise(data, **options)
