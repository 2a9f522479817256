"""Ensembles of downscaled fields against pairwise sums, counts, and ensembles of known kind."""

from __future__ import annotations

import numpy as np
import pytest
from downscaled_fields import dataset_of, random_pair

from keras_wx.verification import difference, interval, verify_downscaled

FAST = {"lags": 0, "variogram_bins": 0}


def crps(members, truth, *, fair):
    """By its definition, `E|X - y| - E|X - X'| / 2`, a pair at a time."""
    m = len(members)
    error = np.mean([np.abs(member - truth) for member in members], axis=0)
    pairs = sum(np.abs(a - b) for a in members for b in members)
    return error - pairs / (2 * m * (m - 1 if fair else m))


def test_crps_by_season_and_fair():
    forecast, truth = random_pair(0, members=5, missing=0.1)
    found = verify_downscaled(forecast, truth, by="season", **FAST)
    x, y = forecast.air.values, truth.air.values
    for season, times in (("SON", slice(0, 11)), ("DJF", slice(11, None))):
        for name, fair in (("crps", False), ("crps_fair", True)):
            expected = np.nanmean(crps(x[:, times], y[times], fair=fair))
            assert found[name].sel(season=season).item() == pytest.approx(expected)


def test_ranks_and_spread():
    forecast, truth = random_pair(1, members=4)
    found = verify_downscaled(forecast, truth, **FAST)
    x, y = forecast.air.values, truth.air.values
    ranks = np.bincount((x < y).sum(axis=0).ravel(), minlength=5)
    np.testing.assert_array_equal(found.rank_histogram, ranks)
    spread = np.sqrt(x.var(axis=0, ddof=1).mean())
    assert found.spread.item() == pytest.approx(spread)
    error = np.sqrt(((x.mean(axis=0) - y) ** 2).mean())
    assert found.spread_skill_ratio.item() == pytest.approx(np.sqrt(5 / 4) * spread / error)


def test_probabilities_of_thresholds():
    forecast, truth = random_pair(2, members=4)
    found = verify_downscaled(forecast, truth, thresholds=[280, 283], probability_bins=4, **FAST)
    share = (forecast.air.values >= 283).mean(axis=0)
    event = truth.air.values >= 283
    assert found.brier.sel(threshold=283).item() == pytest.approx(((share - event) ** 2).mean())
    assert found.threshold.attrs["units"] == "K"
    assert "brier" not in verify_downscaled(forecast, truth, **FAST)
    logs = verify_downscaled(forecast, truth, thresholds=283, log10=True, **FAST)
    assert logs.brier.item() == pytest.approx(((share - event) ** 2).mean())
    assert logs.threshold.item() == 283


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_value_at_the_threshold_is_an_event_in_the_precision_of_the_data(dtype):
    """0.7 in float32 is less than 0.7: amounts in tenths would be events on no side, or on one."""
    tenths = np.resize(np.arange(12) / 10, (6, 4, 4)).astype(dtype)
    forecast, truth = dataset_of(np.stack([tenths, tenths])), dataset_of(tenths)
    found = verify_downscaled(forecast, truth, thresholds=[0.7, 0.9], **FAST)
    expected = [int((tenths.round(1) >= np.dtype(dtype).type(level)).sum()) for level in (0.7, 0.9)]
    assert found.observed_count.sum("probability_bin").values.tolist() == expected
    assert found.brier.values.tolist() == [0, 0]
    assert 0 < expected[1] < expected[0]


def test_error_grows_with_the_spread_of_a_reliable_ensemble():
    rng = np.random.default_rng(3)
    sigma = rng.uniform(0.5, 4, (40, 12, 12))
    draws = rng.normal(0, 1, (21, *sigma.shape)) * sigma
    found = verify_downscaled(dataset_of(draws[1:]), dataset_of(draws[0]), **FAST)
    assert found.spread_count.values.tolist() == [576] * 10
    mse, variance = found.spread_mse, found.spread_variance
    assert float(mse.sum() / (21 / 20 * variance.sum())) == pytest.approx(1, abs=0.05)
    assert (mse.diff("spread_bin") > 0).sum() >= 8
    x, y = draws[1:], draws[0]
    order = np.argsort(x.var(axis=0).ravel())
    least = ((x.mean(axis=0) - y) ** 2).ravel()[order[:576]].mean()
    assert mse[0].item() == pytest.approx(least)
    assert found.spread_skill_ratio.item() == pytest.approx(1, abs=0.03)


def test_a_single_member_is_a_single_forecast():
    forecast, truth = random_pair(4, members=1)
    found = verify_downscaled(forecast, truth, **FAST)
    assert found.crps.item() == found.mae.item()
    assert not {"rank_histogram", "spread_mse"} & set(found)


def test_intervals_over_times():
    forecast, truth = random_pair(5, members=3)
    daily = verify_downscaled(forecast, truth, by="time")
    found = interval(daily, "crps", draws=200)
    assert found.value.item() == pytest.approx(verify_downscaled(forecast, truth, **FAST).crps)
    assert found.low < found.value < found.high
    assert found.attrs["events"] == 24
    worse = forecast.assign(air=(forecast.air + 2).assign_attrs(units="K"))
    apart = difference(verify_downscaled(worse, truth, by="time"), daily, "crps", draws=200)
    assert apart.low > 0
