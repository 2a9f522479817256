"""Ensembles of curtains against `scores`, SciPy, plain loops, and ensembles of known kind."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import scores.probability
import xarray as xr
from verified_curtains import CLEAR, clouds, curtain, reconstruction

from keras_wx.verification.curtain import verify_curtain


def random_ensemble(members=5, *, missing=0.1):
    """The hole's gates as rounded numbers, so that there are ties; and the datasets."""
    truth = clouds((40, 7), 1, missing=missing)
    rng = np.random.default_rng(2)
    made = np.stack([clouds((40, 7), 10 + i) for i in range(members)])
    made = np.where(rng.random(made.shape) < 0.5, truth + rng.normal(0, 5, made.shape), made)
    made, truth = (np.maximum(np.round(field / 4) * 4, CLEAR) for field in (made, truth))
    made[0, 3] = np.nan
    x, y = made[:, :, :3].reshape(members, -1), truth[:, :3].ravel()
    there = ~np.isnan(y) & ~np.isnan(x).any(axis=0)
    return reconstruction(made, 3), curtain(truth), x[:, there], y[there]


def test_equals_scores_and_scipy():
    made, truth, x, y = random_ensemble()
    found = verify_curtain(made, truth, by="mean")
    members, observed = xr.DataArray(x, dims=("realization", "gate")), xr.DataArray(y, dims="gate")
    for name, method in (("crps", "ecdf"), ("crps_fair", "fair")):
        expected = scores.probability.crps_for_ensemble(
            members, observed, "realization", method=method
        )
        assert found[name].item() == pytest.approx(expected.item(), rel=1e-6)
    unsure = ~(x == y).all(axis=0)
    expected = scores.probability.rank_histogram(
        members.isel(gate=unsure), observed.isel(gate=unsure), "realization"
    )
    np.testing.assert_allclose(found.rank_frequency, expected, rtol=1e-9)
    spread, error = x.std(axis=0, ddof=1), np.abs(x.mean(axis=0) - y)
    expected = scipy.stats.spearmanr(spread.astype(np.float32), error.astype(np.float32))
    assert found.spearman.item() == pytest.approx(expected.statistic, abs=0.01)
    assert found.mae.item() == pytest.approx(error.mean(), rel=1e-6)
    assert found.spread.item() == pytest.approx(np.sqrt((spread**2).mean()), rel=1e-6)
    ratio = np.sqrt(6 / 5) * np.sqrt((spread**2).mean()) / np.sqrt((error**2).mean())
    assert found.spread_skill_ratio.item() == pytest.approx(ratio, rel=1e-6)
    for threshold, event in ((-60.0, lambda z: z > -60), (-20.0, lambda z: z >= -20)):
        brier = np.mean((event(x).mean(axis=0) - event(y)) ** 2)
        assert found.brier.sel(threshold=threshold).item() == pytest.approx(brier)


def test_coverage_and_spread_bins_equal_loops():
    made, truth, x, y = random_ensemble(11)
    found = verify_curtain(made, truth, by="mean")
    inside, unsure, bins = [], [], {}
    for members, observed in zip(x.T, y, strict=True):
        ordered = np.sort(members)
        # The 5 % quantile of 11 members, linear: half way from the first to the second.
        lower, upper = ordered[:2].mean(), ordered[-2:].mean()
        inside.append(lower <= observed <= upper)
        unsure.append(bool((members != observed).any()))
        spread = members.std(ddof=1)
        bins.setdefault(int(spread // 2), []).append((members.mean() - observed) ** 2)
    assert found.coverage.item() == pytest.approx(np.mean(inside))
    assert found.n_unsure == sum(unsure)
    expected = np.mean([i for i, u in zip(inside, unsure, strict=True) if u])
    assert found.unsure_coverage.item() == pytest.approx(expected)
    for k, errors in bins.items():
        at = found.sel(spread_bin=2 * k + 1)
        assert at.spread_count == len(errors)
        assert at.spread_mse.item() == pytest.approx(np.mean(errors), rel=1e-4)
    assert found.spread_count.sum() == found.n_pairs


def gaussian(factor, *, members=39):
    rng = np.random.default_rng(3)
    width = rng.uniform(0.5, 5, (300, 8))
    mean = rng.normal(-10, 5, (300, 8))
    truth = mean + width * rng.normal(size=mean.shape)
    made = mean + factor * width * rng.normal(size=(members, *mean.shape))
    return verify_curtain(reconstruction(made, 6), curtain(truth))


def test_an_ensemble_that_the_truth_might_be_one_of():
    found = gaussian(1)
    # Of 39 members the interpolated quantiles lie at ranks 2.9 and 37.1 of 40.
    assert found.coverage.item() == pytest.approx((37.1 - 2.9) / 40, abs=0.02)
    assert found.spread_skill_ratio.item() == pytest.approx(1, abs=0.04)
    np.testing.assert_allclose(found.rank_frequency, 1 / 40, atol=0.012)
    assert 0.3 < found.spearman < 0.7
    often = found.spread_count > 200
    spread, error = np.sqrt(found.spread_variance[often]), np.sqrt(found.spread_mse[often])
    np.testing.assert_allclose(error, spread, rtol=0.15)


def test_an_overconfident_ensemble():
    found = gaussian(0.3)
    assert found.coverage < 0.5
    assert found.spread_skill_ratio < 0.4


def test_mean_and_median():
    # Two of three members are clear: their mean is cloud, their median is not.
    members = np.array([-60.0, -60.0, -30.0])[:, None, None] * np.ones((1, 4, 3))
    made, truth = reconstruction(members, 2), curtain(np.full((4, 3), CLEAR))
    by_mean = verify_curtain(made, truth, by="mean")
    assert by_mean.mae.item() == pytest.approx(10)
    assert by_mean.forecast_cloud == 8
    found = verify_curtain(made, truth)
    assert found.mae == 0
    assert found.forecast_cloud == 0
    assert found.crps == by_mean.crps


def test_ranks_by_class_are_close_to_those_by_number():
    """Of a third of the gates all members say the truth: ties at zero."""
    rng = np.random.default_rng(8)
    width = np.where(rng.random((100, 8)) < 1 / 3, 0, rng.lognormal(0, 1, (100, 8)))
    truth = rng.normal(-10, 5, width.shape)
    made = truth + width * rng.normal(size=(20, *width.shape)) + width * rng.normal(size=(100, 8))
    found = verify_curtain(reconstruction(made, 8), curtain(truth))
    made, truth = made.astype(np.float32), truth.astype(np.float32)
    error = np.abs(np.median(made, axis=0) - truth)
    spread = made.std(axis=0, ddof=1, dtype=float)
    expected = scipy.stats.spearmanr(spread.ravel(), error.ravel()).statistic
    assert found.spearman.item() == pytest.approx(expected, abs=0.005)


def test_a_single_reconstruction_has_no_ensemble_scores():
    made, truth, *_ = random_ensemble()
    alone = verify_curtain(made.isel(realization=1), truth)
    assert "crps" not in alone
    assert "spearman" not in alone
    assert alone.mae == verify_curtain(made.isel(realization=[1]), truth).mae


def test_nothing_to_compare_gives_no_numbers():
    made, truth, *_ = random_ensemble()
    dark = truth.assign(reflectivity=truth.reflectivity.where(truth.height > 300))
    dark.reflectivity.attrs["units"] = "dBZ"
    found = verify_curtain(made, dark)
    assert found.n_pairs == 0
    for name in ("mae", "dice", "emd", "crps", "coverage", "spearman", "edge_correlation"):
        assert np.isnan(found[name])
