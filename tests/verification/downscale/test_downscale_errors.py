"""Errors, R2, NSE and KGE of downscaled fields against hand, plain NumPy, SciPy and `scores`."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import scores.continuous
import xarray as xr
from downscaled_fields import DAY, START, dataset_of, random_pair

from keras_wx.errors import DataError
from keras_wx.verification import verify, verify_downscaled

FAST = {"lags": 0, "variogram_bins": 0}


def values_of(forecast, truth, times=slice(None)):
    """Of the ensemble's mean and the truth, where both are, flat."""
    x = forecast.air.values
    x, y = (x.mean(axis=0) if x.ndim == 4 else x)[times], truth.air.values[times]
    there = ~(np.isnan(x) | np.isnan(y))
    return x[there], y[there]


def check(found, x, y):
    assert found.n_pairs == x.size
    assert found.mae.item() == pytest.approx(np.abs(x - y).mean())
    assert found.rmse.item() == pytest.approx(np.sqrt(((x - y) ** 2).mean()))
    assert found.mean_error.item() == pytest.approx((x - y).mean())
    assert found.r2_correlation.item() == pytest.approx(scipy.stats.pearsonr(x, y)[0] ** 2)
    sse, sst = ((x - y) ** 2).sum(), ((y - y.mean()) ** 2).sum()
    assert found.r2_determination.item() == pytest.approx(1 - sse / sst)
    kge = scores.continuous.kge(
        xr.DataArray(x, dims="i"), xr.DataArray(y, dims="i"), include_components=True
    )
    for ours, theirs in (
        ("kge", "kge"),
        ("kge_correlation", "rho"),
        ("kge_variability", "alpha"),
        ("kge_bias", "beta"),
    ):
        assert found[ours].item() == pytest.approx(kge[theirs].item())


def test_by_hand():
    # Two pixels, two days: errors 1, 1, 1, -1.
    forecast = dataset_of(np.array([[[2.0, 5.0]], [[4.0, 7.0]]]))
    truth = dataset_of(np.array([[[1.0, 4.0]], [[3.0, 8.0]]]))
    found = verify_downscaled(forecast, truth, **FAST)
    assert found.rmse.item() == 1
    assert found.mae.item() == found.crps.item() == 1
    assert found.mean_error.item() == 0.5
    # SST about the mean 4: 9 + 0 + 1 + 16; about each pixel's mean, 2 and 6: 1 + 1 + 4 + 4.
    assert found.r2_determination.item() == pytest.approx(1 - 4 / 26)
    assert found.nse.item() == pytest.approx(1 - 4 / 10)
    # Deviations -2.5, .5, -.5, 2.5 and -3, 0, -1, 4: covariance 18 / 4, variances 13 / 4, 26 / 4.
    assert found.r2_correlation.item() == pytest.approx(18**2 / (13 * 26))
    assert found.kge_variability.item() == pytest.approx(np.sqrt(13 / 26))
    assert found.kge_bias.item() == pytest.approx(4.5 / 4)
    terms = 18 / np.sqrt(13 * 26) - 1, np.sqrt(1 / 2) - 1, 4.5 / 4 - 1
    assert found.kge.item() == pytest.approx(1 - np.sqrt(np.square(terms).sum()))


@pytest.mark.parametrize("members", [None, 3])
def test_equals_other_libraries_with_missing_pixels(members):
    forecast, truth = random_pair(1, missing=0.2, members=members)
    found = verify_downscaled(forecast, truth, **FAST)
    check(found, *values_of(forecast, truth))
    assert found.sizes.get("season") is None
    assert found.attrs["model"] == "made_up"
    assert found.rmse.attrs["units"] == "K"


def test_seasons_in_the_order_of_the_year():
    forecast, truth = random_pair(2, times=110, size=(3, 4), missing=0.1)
    found = verify_downscaled(forecast, truth, by="season", **FAST)
    assert found.season.values.tolist() == ["DJF", "MAM", "SON"]
    assert found.n_forecasts.values.tolist() == [90, 9, 11]
    for season, times in (("SON", slice(0, 11)), ("DJF", slice(11, 101)), ("MAM", slice(101, 110))):
        check(found.sel(season=season), *values_of(forecast, truth, times))


def test_a_coordinate_along_time_and_time_itself():
    forecast, truth = random_pair(3, times=8)
    lead = np.array([1, 2, 3, 4] * 2) * DAY
    forecast = forecast.assign_coords(lead_time=("time", lead))
    found = verify(forecast, truth, by="lead_time")
    assert (found.lead_time.values == lead[:4]).all()
    check(found.isel(lead_time=1), *values_of(forecast, truth, [1, 5]))
    daily = verify_downscaled(forecast, truth, by="time")
    assert (daily.time.values == truth.time.values).all()
    check(daily.isel(time=6), *values_of(forecast, truth, [6]))
    assert not {"nse", "truth_acf"} & set(daily)


def test_areas_inside_of_the_grid():
    forecast, truth = random_pair(4, times=30, size=(6, 6))
    names = np.full((6, 6), "", dtype=object)
    names[:3, :2], names[4:] = "A1", "A0"
    truth = truth.assign_coords(area=(("lat", "lon"), names))
    found = verify_downscaled(forecast, truth, by=("season", "area"), **FAST)
    assert found.area.values.tolist() == ["A0", "A1"]
    assert found.rmse.dims == ("season", "area")
    x, y = forecast.air.values, truth.air.values
    here = found.sel(season="DJF", area="A1")
    check(here, x[11:, :3, :2].ravel(), y[11:, :3, :2].ravel())
    check(found.sel(season="SON", area="A0"), x[:11, 4:].ravel(), y[:11, 4:].ravel())
    part = y[11:, :3, :2]
    nse = 1 - ((x[11:, :3, :2] - part) ** 2).sum() / ((part - part.mean(axis=0)) ** 2).sum()
    assert here.nse.item() == pytest.approx(nse)
    assert "truth_power" not in found


def test_the_area_that_a_dataset_is_of():
    forecast, truth = random_pair(5)
    found = verify_downscaled(forecast, truth.assign_attrs(area="A7"), by="area", **FAST)
    assert found.area.values.tolist() == ["A7"]
    check(found.isel(area=0), *values_of(forecast, truth))
    with pytest.raises(DataError, match=r"by='area'.*attrs\['area'\]"):
        verify_downscaled(forecast, truth, by="area")


def test_nse_against_scores():
    forecast, truth = random_pair(6, missing=0.1)
    found = verify_downscaled(forecast, truth, **FAST)
    both = forecast.air.notnull() & truth.air.notnull()
    x, y = forecast.air.where(both), truth.air.where(both)
    # `scores` has the NSE of each pixel; together they are weighted with the truth's variation.
    each = scores.continuous.nse(x, y, reduce_dims="time")
    weight = ((y - y.mean("time")) ** 2).sum("time")
    assert found.nse.item() == pytest.approx(float((each * weight).sum() / weight.sum()))


def test_logarithms():
    rng = np.random.default_rng(7)
    truth, forecast = (dataset_of(rng.gamma(0.3, 2, (12, 5, 5)), units="mm h-1") for _ in "ab")
    forecast.air.values[0, 0, 0] = -0.1
    with pytest.raises(DataError, match=r"Received: -0.1.*floor=1e-6"):
        verify_downscaled(forecast, truth, log10=True, **FAST)
    found = verify_downscaled(forecast, truth, log10=True, floor=1e-3, **FAST)
    x, y = (np.log10(np.maximum(each.air.values, 1e-3)) for each in (forecast, truth))
    check(found, x.ravel(), y.ravel())
    assert found.rmse.attrs["units"] == "log10(mm h-1)"
    assert found.mse.attrs["units"] == "(log10(mm h-1))^2"


def test_small_variations_about_a_large_mean_keep_their_digits():
    forecast, truth = random_pair(8, mean=1e7)
    near, there = random_pair(8, mean=0.0)
    far, close = (verify_downscaled(*pair, **FAST) for pair in ((forecast, truth), (near, there)))
    for name in ("r2_correlation", "r2_determination", "nse"):
        assert far[name].item() == pytest.approx(close[name].item(), rel=1e-6)


@pytest.mark.filterwarnings("error")
def test_constant_fields_have_no_correlation():
    """Their variance is no more than rounding, which may be below zero."""
    truth = random_pair(3, times=12)[1]
    levels = 280 + np.random.default_rng(1).normal(0, 8, (12, 1, 1))
    found = verify_downscaled(dataset_of(np.broadcast_to(levels, (12, 7, 6))), truth, by="time")
    np.testing.assert_array_equal(found.forecast_variance, 0)
    for name in ("r2_correlation", "kge", "kge_correlation"):
        assert found[name].isnull().all()
    assert found.r2_determination.notnull().all()


def test_blocks_of_dask_and_rows_the_other_way_change_nothing(tmp_path):
    forecast, truth = random_pair(9, members=3, missing=0.05, size=(8, 8))
    options = {"by": "season", "lags": 5}
    expected = verify_downscaled(forecast, truth, **options)
    truth.isel(lat=slice(None, None, -1)).to_netcdf(tmp_path / "truth.nc")
    with xr.open_dataset(tmp_path / "truth.nc", chunks={"time": 5}) as lazy:
        found = verify_downscaled(forecast.chunk(time=7, realization=2), lazy, **options)
    xr.testing.assert_allclose(found, expected)


def test_times_that_only_one_side_has():
    forecast, truth = random_pair(10)
    found = verify_downscaled(forecast, truth.isel(time=[0, 3, 4, 9]), **FAST)
    check(found, *values_of(forecast, truth, [0, 3, 4, 9]))
    assert found.n_forecasts == 4


def test_dispatch_by_dims():
    forecast, truth = random_pair(11, times=6)
    xr.testing.assert_identical(verify(forecast, truth), verify_downscaled(forecast, truth))
    with pytest.raises(DataError, match=r"scales: expected none for downscaled fields"):
        verify(forecast, truth, scales=3)
    hindcast = forecast.rename(time="init_time").expand_dims(lead_time=[DAY])
    with pytest.raises(DataError, match=r"by: expected none for forecasts with start"):
        verify(hindcast, truth, by="season")


def test_bad_input():
    forecast, truth = random_pair(12, times=6)
    with pytest.raises(DataError, match=r"by: expected one property of the times"):
        verify_downscaled(forecast, truth, by=("season", "month"))
    with pytest.raises(DataError, match=r"by: expected some of \['season', 'month', 'area'"):
        verify_downscaled(forecast, truth, by="decade")
    warm = truth.assign(air=truth.air.assign_attrs(units="degC"))
    with pytest.raises(DataError, match=r"forecast 'K', truth 'degC'"):
        verify_downscaled(forecast, warm)
    with pytest.raises(DataError, match="different grids"):
        verify_downscaled(forecast, truth.assign_coords(lat=truth.lat + 1))
    with pytest.raises(DataError, match="forecast has no times"):
        verify_downscaled(forecast.drop_vars("time"), truth)
    with pytest.raises(DataError, match="No valid time"):
        verify_downscaled(forecast, truth.assign_coords(time=truth.time + 100 * DAY))
    times = START + np.array([0, 24, 48, 72, 100, 124]) * np.timedelta64(1, "h")
    uneven = [each.assign_coords(time=times) for each in (forecast, truth)]
    with pytest.raises(DataError, match=r"whole steps apart.*from 1d to 28h\. lags=0"):
        verify_downscaled(*uneven)
    twice = xr.concat([forecast, forecast], "time")
    with pytest.raises(DataError, match=r"one field at each time.*several at 2014-11-20.*lags=0"):
        verify_downscaled(twice, truth)
    nowhere = forecast.assign_coords(area=(("lat", "lon"), np.full((7, 6), "")))
    with pytest.raises(DataError, match=r"names of areas.*none"):
        verify_downscaled(nowhere, truth, by="area")
    with pytest.raises(DataError, match="lags: expected a whole number"):
        verify_downscaled(forecast, truth, lags=-1)
