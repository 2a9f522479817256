"""The recipe that downscales real temperatures: its own scores, and the weights that it ships."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import keras_wx
from keras_wx.verification import verify_downscaled

RECIPES = Path(__file__).parents[1] / "recipes"


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(RECIPES), *sys.path])
    return lambda part: importlib.import_module(f"downscale_ncep_air_{part}")


def test_spectrum_error_counts_too_much_power_like_too_little(recipe):
    truth = xr.DataArray([4.0, 2.0, 1.0], dims="wavenumber")
    power = truth * [1.0, 10.0, 0.01]
    found = xr.Dataset({"forecast_power": power, "truth_power": truth})
    assert recipe("scores").spectrum_error(found) == pytest.approx((0 + 10 + 20) / 3)


def test_areas_are_quarters_of_the_domain(recipe):
    lat, lon = [70.0, 60.0, 50.0, 40.0], [200.0, 210.0, 220.0, 230.0, 240.0]
    pair = xr.Dataset({"air": (("lat", "lon"), np.zeros((4, 5)))}, {"lat": lat, "lon": lon})
    area = recipe("scores").with_areas(pair)["area"]
    assert area.sel(lat=70, lon=200) == "north-west"
    assert area.sel(lat=40, lon=240) == "south-east"
    assert (area.sel(lat=[70, 60]).str.startswith("north")).all()


def test_samplers_are_compared_field_by_field(recipe):
    sampling = recipe("sampling")
    slow, fast = sampling.SAMPLERS
    crps = np.array([0.5, 1.0, 0.3])
    found = pd.concat(
        pd.DataFrame({"sampler": label, "time": list("abc"), "crps": values, "seconds": seconds})
        for label, values, seconds in ((slow, crps, 40.0), (fast, 1.01 * crps, 1.0))
    )
    # Every field is worse by the same share, so that no draw of them can say otherwise.
    assert "ratio 1.0100 (1.0100 to 1.0100)" in sampling.summary(found)
    assert "40.0 times faster" in sampling.summary(found)


@pytest.mark.slow
def test_a_diffusion_model_begins_as_the_deterministic_one(recipe, tmp_path):
    network = keras_wx.load("unet_ncep_air", weights=None, compile=False)
    keras_wx.save(network, tmp_path / "network")
    recipe("start").write_start("ddpm_ncep_air", tmp_path / "network", tmp_path / "s.weights.h5")
    model = keras_wx.load("ddpm_ncep_air", weights=tmp_path / "s.weights.h5", compile=False)
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 24, 51, 33), np.float32)
    noisy = rng.standard_normal((2, 24, 51, 1), np.float32)
    told = model.network.constant(model.conditions(x))
    said = model.network(noisy, told, np.array([7.0, 900.0], np.float32), training=False)
    temperature, expected = (
        each.preset.sample.targets[0].transform.inverse(np.asarray(field))
        for each, field in ((model, said), (network, network(x)))
    )
    np.testing.assert_allclose(temperature, expected, atol=1e-4)


@pytest.mark.slow
def test_shipped_weights_draw_fields_nearer_than_interpolated_ones(shared_data):
    pair = keras_wx.open_dataset(
        "ncep_air", path=shared_data / "ncep_air_2013-2014.nc", step="6h"
    ).sel(time=slice("2014-12-20", "2014-12-31"))
    model = keras_wx.load("ddpm_ncep_air")
    network = keras_wx.load("transfer_unet_ncep_air")
    encoder = keras_wx.models.transfer_encoder(network)
    frozen = model.conditions.get_layer("transfer_encoder")
    for ours, theirs in zip(frozen.get_weights(), encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    model.trainable = True
    assert not frozen.trainable_weights
    times = pair["time"].values[-8:]
    fields = keras_wx.predict(model, pair, init_times=times, members=4)
    assert fields["air"].dims == ("realization", "time", "lat", "lon")
    rough = keras_wx.predict(keras_wx.load("bilinear"), pair, init_times=times)
    scores = [verify_downscaled(each, pair, lags=0, variogram_bins=0) for each in (fields, rough)]
    assert scores[0].crps < 0.5 * scores[1].mae
    assert 0.5 < scores[0].spread_skill_ratio < 1.5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unet_ncep_air", "ddpm_ncep_air"])
def test_rows_from_the_south_give_the_same_field(name, shared_data):
    """The networks have learnt rows from the north; an archive may run the other way."""
    model = keras_wx.load(name)
    path = shared_data / "ncep_air_2013-2014.nc"
    pair = keras_wx.open_dataset("ncep_air", path=path, step="6h").isel(time=slice(-24, None))
    assert pair["lat"].values[0] > pair["lat"].values[-1]
    options = {"init_times": pair["time"].values[-1:], "seed": 0}
    if name == "ddpm_ncep_air":
        options |= {"members": 2}
    expected = keras_wx.predict(model, pair, **options)
    found = keras_wx.predict(model, pair.isel(lat=slice(None, None, -1)), **options)
    xr.testing.assert_allclose(found.sortby("lat"), expected.sortby("lat"), atol=1e-3)
