"""Quantiles, spectra, variograms, autocorrelation and lags against NumPy, gstools, statsmodels."""

from __future__ import annotations

import gstools
import numpy as np
import pytest
import scipy.linalg
import xarray as xr
from downscaled_fields import DAY, START, dataset_of, random_pair
from statsmodels.tsa.stattools import acf, pacf

from keras_wx.verification import spectra, verify_downscaled
from keras_wx.verification.downscale import sample as sampling

FAST = {"lags": 0, "variogram_bins": 0}


def test_quantiles_are_of_all_members():
    forecast, truth = random_pair(0, members=3, missing=0.1)
    found = verify_downscaled(forecast, truth, **FAST)
    both = truth.air.notnull() & forecast.air.notnull().all("realization")
    for name, field in (("forecast", forecast), ("truth", truth)):
        values = field.air.where(both).values
        expected = np.nanquantile(values, found["quantile"].values)
        np.testing.assert_allclose(found[f"{name}_quantile"], expected)
    p999 = [np.nanquantile(field.air.where(both), 0.999) for field in (forecast, truth)]
    assert found.p999_bias.item() == pytest.approx(p999[0] - p999[1])


def test_a_sample_is_seeded_and_near_the_whole(monkeypatch):
    forecast, truth = random_pair(1, times=40, size=(30, 30))
    whole = verify_downscaled(forecast, truth, **FAST)
    monkeypatch.setattr(sampling, "NUMBERS", 0)  # the least: 400 of 900 points
    parts = [verify_downscaled(forecast, truth, seed=seed, **FAST) for seed in (0, 0, 1)]
    xr.testing.assert_identical(parts[0], parts[1])
    assert parts[0].nse != parts[2].nse
    assert parts[0].nse.item() == pytest.approx(whole.nse.item(), abs=0.02)
    xr.testing.assert_identical(parts[0].rmse, whole.rmse)  # needs no sample


def test_spectra_are_those_of_the_maps():
    forecast, truth = random_pair(2, times=5, size=(12, 12), members=3, geographic=False)
    found = verify_downscaled(forecast, truth, **FAST)
    hindcast = forecast.rename(time="init_time").assign_coords(lead_time=0 * DAY)
    expected = spectra(hindcast, truth, preserve_dims=())
    for name in ("forecast_power", "truth_power", "ensemble_mean_power"):
        np.testing.assert_allclose(found[name], expected[name].squeeze())
    np.testing.assert_array_equal(found.wavelength, expected.wavelength)
    # A field that lacks a pixel is left out of both.
    truth.air.values[0, 3, 3] = np.nan
    found = verify_downscaled(forecast, truth, **FAST)
    assert (found.n_spectra, found.n_forecasts) == (4, 5)
    rest = verify_downscaled(forecast.isel(time=slice(1, None)), truth, **FAST)
    np.testing.assert_allclose(found.forecast_power, rest.forecast_power)
    # Unless there is a floor, which it then is on both sides.
    found = verify_downscaled(forecast, truth, floor=279, **FAST)
    floored = [each.copy(deep=True) for each in (forecast, truth)]
    for each in floored:
        each.air.values[..., 0, 3, 3] = 279
    filled = verify_downscaled(*floored, floor=279, **FAST)
    assert found.n_spectra == 5
    for name in ("forecast_power", "truth_power"):
        np.testing.assert_allclose(found[name], filled[name])


def pair_by_pair(fields, position, edges, distance):
    """Mean of half the squared differences of all pairs, by distance."""
    sums, counts = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    for i in range(position.shape[1]):
        for j in range(i):
            k = np.searchsorted(edges, distance(position[:, i], position[:, j]), "right") - 1
            if k < len(sums):
                sums[k] += ((fields[:, i] - fields[:, j]) ** 2).sum() / 2
                counts[k] += len(fields)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def haversine(a, b):
    (lat1, lon1), (lat2, lon2) = np.deg2rad(a), np.deg2rad(b)
    h = (
        np.sin((lat1 - lat2) / 2) ** 2
        + np.cos(lat1) * np.cos(lat2) * np.sin((lon1 - lon2) / 2) ** 2
    )
    return 2 * 6371 * np.arcsin(np.sqrt(h))


@pytest.mark.parametrize("geographic", [True, False])
def test_variograms_pair_by_pair(geographic):
    forecast, truth = random_pair(3, times=4, size=(7, 8), geographic=geographic)
    found = verify_downscaled(forecast, truth, lags=0)
    assert found.sizes["distance"] == 24
    rows, columns = (truth.air[dim].values for dim in truth.air.dims[1:])
    scale = 1 if geographic else 1e-3
    position = scale * np.stack([g.ravel() for g in np.meshgrid(rows, columns, indexing="ij")])
    distance = haversine if geographic else lambda a, b: np.hypot(*(a - b))
    edges = np.linspace(0, distance(position[:, 0], position[:, -1]) / 2, 25)
    np.testing.assert_allclose(found.distance, (edges[1:] + edges[:-1]) / 2)
    expected = {}
    for name, field in (("forecast", forecast), ("truth", truth)):
        fields = field.air.values.reshape(4, -1)
        expected[name] = pair_by_pair(fields, position, edges, distance)
        np.testing.assert_allclose(found[f"{name}_variogram"], expected[name], rtol=1e-9)
    difference = np.abs(expected["forecast"] - expected["truth"])
    error = np.nansum(difference) / np.nansum(expected["truth"])
    assert found.variogram_error.item() == pytest.approx(error)
    assert found.distance.attrs["units"] == "km"


def test_the_variogram_of_a_known_process():
    model = gstools.Spherical(dim=2, var=4, len_scale=20)  # km
    field = gstools.SRF(model, mode_no=300)
    y, x = 2.0 * np.arange(20), 3.0 * np.arange(16)
    fields = np.stack([field((y, x), mesh_type="structured", seed=i) for i in range(20)])
    truth = dataset_of(fields, geographic=False)
    smooth = dataset_of(0.5 * fields, geographic=False)
    found = verify_downscaled(smooth, truth, lags=0)
    assert found.truth_range.item() == pytest.approx(20, rel=0.2)
    assert found.truth_sill.item() == pytest.approx(4, rel=0.1)
    assert found.forecast_sill.item() == pytest.approx(found.truth_sill.item() / 4, rel=1e-3)
    assert found.variogram_error.item() == pytest.approx(3 / 4)
    curve = found.truth_variogram_fit
    assert float(abs(curve - found.truth_variogram).max()) < 0.4


def test_variograms_of_members_are_not_that_of_their_mean():
    rng = np.random.default_rng(4)
    members, truth = rng.normal(0, 1, (8, 10, 9, 9)), rng.normal(0, 1, (10, 9, 9))
    found = verify_downscaled(dataset_of(members), dataset_of(truth), lags=0)
    assert float(found.forecast_variogram[3:].mean()) == pytest.approx(1, abs=0.1)
    mean = dataset_of(members.mean(axis=0))
    found = verify_downscaled(mean, dataset_of(truth), lags=0)
    assert float(found.forecast_variogram[3:].mean()) == pytest.approx(1 / 8, abs=0.05)


def test_a_constant_field_has_no_variogram_model():
    truth = dataset_of(np.full((6, 5, 5), 3.0))
    found = verify_downscaled(truth, truth)
    for name in ("truth_range", "variogram_error", "r2_correlation", "nse", "kge"):
        assert np.isnan(found[name])
    assert np.isnan(found.truth_acf).all()
    assert found.rmse == 0


def autoregressive(phi, times, size, seed):
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (times, *size))
    for i in range(1, times):
        noise[i] += phi * noise[i - 1]
    return noise


def test_autocorrelation_is_that_of_statsmodels():
    truth = dataset_of(autoregressive(0.7, 90, (4, 5), 0))
    forecast = dataset_of(autoregressive(0.3, 90, (4, 5), 1))
    found = verify_downscaled(forecast, truth, lags=10, variogram_bins=0)
    assert found.lag.values.tolist() == list(range(11))
    assert found.lag_time.values[3] == 3 * DAY
    for name, field in (("truth", truth), ("forecast", forecast)):
        series = field.air.values.reshape(90, -1)
        mean, pixel = series.mean(axis=1), [acf(each, nlags=10) for each in series.T]
        here = found.sel(series="domain_mean")
        np.testing.assert_allclose(here[f"{name}_acf"], acf(mean, nlags=10))
        np.testing.assert_allclose(here[f"{name}_pacf"], pacf(mean, nlags=10, method="ywm"))
        here = found.sel(series="pixel")
        r = np.mean(pixel, axis=0)
        np.testing.assert_allclose(here[f"{name}_acf"], r)
        # Yule-Walker: the last coefficient of the process of each order.
        for order in range(1, 11):
            phi = np.linalg.solve(scipy.linalg.toeplitz(r[:order]), r[1 : order + 1])
            assert here[f"{name}_pacf"][order].item() == pytest.approx(phi[-1])


def test_gaps_do_not_damp_the_autocorrelation():
    field = autoregressive(0.8, 600, (2, 3), 2)
    there = np.random.default_rng(0).random(600) < 0.6
    there[[0, -1]] = True
    truth = dataset_of(field[there], times=START + np.flatnonzero(there) * DAY)
    found = verify_downscaled(truth, truth, lags=5, variogram_bins=0)
    # Each lag has its own number of pairs.
    mean = field[there].mean(axis=(1, 2))
    deviation = np.full(600, np.nan)
    deviation[there] = mean - mean.mean()
    expected = [np.nanmean(deviation[: 600 - k] * deviation[k:]) for k in range(6)]
    ours = found.truth_acf.sel(series="domain_mean")
    np.testing.assert_allclose(ours, np.array(expected) / expected[0])
    # Of a process of first order, only the first partial one is there.
    partial = found.truth_pacf.sel(series="pixel")
    np.testing.assert_allclose(partial, [1, 0.8, 0, 0, 0, 0], atol=0.12)


def test_by_hand_autocorrelation_over_a_gap():
    # Days 0 and 1, 3 and 4 are neighbours; of days two apart there are only 1 and 3.
    times = START + np.array([0, 1, 3, 4]) * DAY
    truth = dataset_of(np.array([-3.0, -1, 1, 3])[:, None, None] * np.ones((1, 2, 2)), times=times)
    found = verify_downscaled(truth, truth, lags=2, variogram_bins=0)
    variance = (9 + 1 + 1 + 9) / 4
    expected = [1, (3 + 3) / 2 / variance, -1 / 1 / variance]
    np.testing.assert_allclose(found.truth_acf.sel(series="domain_mean"), expected)


def test_a_late_forecast_is_best_at_its_lag():
    truth = dataset_of(autoregressive(0.6, 60, (5, 5), 3))
    late = truth.assign(air=truth.air.shift(time=2).assign_attrs(units="K"))
    found = verify_downscaled(late, truth, lags=6, variogram_bins=0)
    assert int(found.forecast_lag_rmse.argmin("lag")) == 2
    assert found.forecast_lag_rmse[2].item() == pytest.approx(0, abs=1e-12)
    assert found.forecast_lag_r2[2].item() == pytest.approx(1)
    y = truth.air.values
    # The forecast has no first two days, so that none of their truth is compared either.
    for lag in (0, 1, 3):
        days = np.arange(2 + lag, 60)
        expected = np.sqrt(((y[days - 2] - y[days - lag]) ** 2).mean())
        assert found.forecast_lag_rmse[lag].item() == pytest.approx(expected)
    own = np.corrcoef(y[3:].ravel(), y[2:-1].ravel())[0, 1] ** 2
    assert found.truth_lag_r2[1].item() == pytest.approx(own)


def test_lags_reach_back_into_another_season():
    truth = dataset_of(autoregressive(0.6, 30, (4, 4), 4))
    found = verify_downscaled(truth, truth, by="season", lags=3, variogram_bins=0)
    y = truth.air.values  # SON has 11 days
    expected = np.sqrt(((y[11:] - y[8:-3]) ** 2).mean())
    assert found.truth_lag_rmse.sel(season="DJF", lag=3).item() == pytest.approx(expected)
