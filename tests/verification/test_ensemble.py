"""Scores of ensembles against cases by hand, plain loops, `scores`, and ensembles of known kind."""

from __future__ import annotations

import numpy as np
import pytest
import scores.probability
import xarray as xr
from verification_fields import START, STEP, forecast_of, random_fields, truth_of

from keras_wx.errors import DataError
from keras_wx.verification import pool, verify


def ensemble_fields(seed=0, *, members=4, missing=0.2, ties=True, **options):
    """An ensemble around one forecast, with its own missing pixels; with ties by rounding."""
    forecast, truth = random_fields(seed, missing=missing, **options)
    rng = np.random.default_rng(seed + 100)
    values = forecast.reflectivity.values
    shifts = rng.normal(0, 6, (members, *values.shape))
    ensemble = np.maximum(values + shifts, 0)
    ensemble[rng.random(ensemble.shape) < missing / 4] = np.nan
    if ties:
        ensemble, truth = (
            np.round(ensemble / 5) * 5,
            truth.assign(
                reflectivity=(np.round(truth.reflectivity / 5) * 5).assign_attrs(units="dBZ")
            ),
        )
    return forecast_of(ensemble), truth


def one_pixel(members, observed, **options):
    forecast = forecast_of(np.reshape(np.asarray(members, float), (-1, 1, 1, 1, 1)))
    truth = truth_of(np.full((1, 1, 1), float(observed)), start=START + STEP)
    return verify(forecast, truth, **options).isel(lead_time=0)


def test_crps_by_hand():
    # Members 0 and 10, truth 2: the integral of 1/2^2 from 0 to 2 and of (1 - 1/2)^2 from 2 to 10.
    found = one_pixel([0, 10], 2)
    assert found.crps.item() == pytest.approx(10 / 4)
    # E|X - y| = 5; two independent draws of the members' distribution are 10 apart.
    assert found.crps_fair.item() == pytest.approx(5 - 10 / 2)
    assert found.spread.item() == pytest.approx(np.sqrt(50))
    assert found.spread_skill_ratio.item() == pytest.approx(np.sqrt(1.5) * np.sqrt(50) / 3)


def test_ranks_by_hand():
    assert one_pixel([1, 2, 3], 2.5).rank_histogram.values.tolist() == [0, 0, 1, 0]
    assert one_pixel([3, 1, 2], 0).rank_histogram.values.tolist() == [1, 0, 0, 0]
    assert one_pixel([3, 1, 2], 4).rank_histogram.values.tolist() == [0, 0, 0, 1]
    np.testing.assert_allclose(one_pixel([0, 0, 5], 0).rank_histogram, [1 / 3, 1 / 3, 1 / 3, 0])
    np.testing.assert_allclose(one_pixel([0, 5, 5], 5).rank_histogram, [0, 1 / 3, 1 / 3, 1 / 3])
    dry = one_pixel([0, 0, 0], 0)
    assert dry.rank_histogram.values.tolist() == [0, 0, 0, 0]
    assert dry.n_pairs.item() == 1
    assert np.isnan(dry.rank_frequency).all()
    floored = one_pixel([-3, 1, 2], -7, floor=0)
    np.testing.assert_allclose(floored.rank_histogram, [1 / 2, 1 / 2, 0, 0])


def test_probabilities_by_hand():
    # 3 of 10 members: the bin from 0.3, although 0.3 is a little less than 3 / 10 in binary.
    found = one_pixel([20] * 3 + [0] * 7, 25, thresholds=10).isel(threshold=0)
    assert found.forecast_count.values.tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert found.observed_count.values.tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert found.mean_probability[3].item() == pytest.approx(0.3)
    assert found.observed_frequency[3].item() == 1
    assert found.brier.item() == pytest.approx(0.7**2)
    np.testing.assert_allclose(found.probability_bin, np.arange(0.05, 1, 0.1))
    sure = one_pixel([20, 20], 25, thresholds=10, probability_bins=4).isel(threshold=0)
    assert sure.forecast_count.values.tolist() == [0, 0, 0, 1]


def test_equals_scores_with_ties_and_missing_pixels():
    forecast, truth = ensemble_fields(seed=1)
    found = verify(forecast, truth)
    members = forecast.reflectivity
    observed = truth.reflectivity.sel(time=forecast.valid_time)
    complete = members.notnull().all("realization")
    members, observed = members.where(complete), observed.where(complete)
    frames = {"preserve_dims": ["lead_time"]}
    for name, method in (("crps", "ecdf"), ("crps_fair", "fair")):
        expected = scores.probability.crps_for_ensemble(
            members, observed, "realization", method=method, **frames
        )
        np.testing.assert_allclose(found[name], expected, rtol=1e-12)
    same = (members == observed).all("realization")
    with pytest.warns(UserWarning, match="NaN"):
        expected = scores.probability.rank_histogram(
            members, observed.where(~same), "realization", **frames
        )
    np.testing.assert_allclose(found.rank_frequency.T, expected, rtol=1e-12)
    left_out = found.n_pairs - found.rank_histogram.sum("rank")
    np.testing.assert_allclose(left_out, same.sum(["init_time", "y", "x"]))
    events = scores.probability.brier_score_for_ensemble(
        members, observed, "realization", 20.0, fair_correction=False, **frames
    )
    np.testing.assert_allclose(found.brier.sel(threshold=20), events.squeeze())


def test_equals_loops_over_pixels():
    forecast, truth = ensemble_fields(seed=2, ties=False, leads=2)
    found = verify(forecast, truth, probability_bins=3)
    x, y = forecast.reflectivity.values, truth.reflectivity.values
    for j in range(2):
        variances, errors, table = [], [], np.zeros((3, 3))
        for i in range(x.shape[1]):
            for members, observed in zip(
                x[:, i, j].reshape(4, -1).T, y[i + j + 1].ravel(), strict=True
            ):
                if np.isnan(members).any() or np.isnan(observed):
                    continue
                variances.append(members.var() * 4 / 3)
                errors.append((members.mean() - observed) ** 2)
                probability = (members >= 20).mean()
                k = 2 if probability == 1 else int(probability * 3)
                table[:, k] += 1, observed >= 20, probability
        here = found.isel(lead_time=j)
        assert here.spread.item() == pytest.approx(np.sqrt(np.mean(variances)))
        ratio = np.sqrt(1.25 * np.mean(variances) / np.mean(errors))
        assert here.spread_skill_ratio.item() == pytest.approx(ratio)
        here = here.sel(threshold=20)
        np.testing.assert_array_equal(here.forecast_count, table[0])
        np.testing.assert_array_equal(here.observed_count, table[1])
        np.testing.assert_allclose(here.probability_sum, table[2])
        np.testing.assert_allclose(here.observed_frequency, table[1] / table[0])


def gaussian_ensemble(spread, *, members=9, size=(100, 100)):
    """Truth and members from one distribution about a known mean, if `spread` is 1."""
    rng = np.random.default_rng(5)
    mean = rng.normal(20, 5, (4, *size))
    truth = mean + rng.normal(0, 3, mean.shape)
    ensemble = mean[1:] + spread * rng.normal(0, 3, (members, 1, 3, *size))
    return verify(forecast_of(ensemble), truth_of(truth), preserve_dims=())


def test_an_ensemble_that_the_truth_might_be_one_of():
    found = gaussian_ensemble(1)
    assert found.spread_skill_ratio.item() == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(found.rank_frequency, 1 / 10, atol=0.005)
    enough = found.forecast_count > 500
    error = (found.observed_frequency - found.mean_probability).where(enough)
    assert float(abs(error).max()) < 0.15  # a probability of 9 members is itself uncertain
    # Fair: what infinitely many members would have, sigma / sqrt(pi) for a normal distribution.
    assert found.crps_fair.item() == pytest.approx(3 / np.sqrt(np.pi), rel=0.01)
    assert found.crps > found.crps_fair


def test_an_overconfident_ensemble():
    found = gaussian_ensemble(0.5)
    assert found.spread_skill_ratio < 0.6
    ranks = found.rank_frequency
    assert (ranks[[0, -1]] > 2 / 10).all()
    assert (ranks[3:7] < 1 / 10).all()


def test_pooling_is_exact():
    forecast, truth = ensemble_fields(seed=3)
    cases = verify(forecast, truth, preserve_dims=("init_time", "lead_time"))
    xr.testing.assert_allclose(pool(cases, "init_time"), verify(forecast, truth))
    everything = verify(forecast, truth, preserve_dims=())
    xr.testing.assert_allclose(pool(cases, ["init_time", "lead_time"]), everything)


def test_probabilities_of_rain_rate():
    forecast, truth = ensemble_fields(seed=4)
    found = verify(forecast, truth, zr="hko_7", thresholds=5)
    # 10 log10(58.53) + 15.6 log10(5) = 28.58 dBZ
    by_hand = verify(forecast, truth, thresholds=10 * np.log10(58.53) + 15.6 * np.log10(5.0))
    np.testing.assert_array_equal(found.forecast_count, by_hand.forecast_count)
    np.testing.assert_array_equal(found.brier, by_hand.brier)
    np.testing.assert_array_equal(found.crps, by_hand.crps)


def test_times_without_truth_count_for_nothing():
    forecast, truth = ensemble_fields(seed=6, inits=3, leads=3)
    short = truth.isel(time=slice(0, 4))
    cases = verify(forecast, short, preserve_dims=("init_time", "lead_time"))
    assert np.isnan(cases.crps.isel(init_time=2, lead_time=1)).item()
    assert cases.rank_histogram.isel(init_time=2, lead_time=1).sum() == 0
    xr.testing.assert_allclose(pool(cases, "init_time"), verify(forecast, short))


def test_a_single_forecast_has_no_ensemble_scores():
    forecast, truth = ensemble_fields(seed=7)
    assert "crps" not in verify(forecast.isel(realization=[0]), truth)
    assert "crps" not in verify(forecast, truth, preserve_dims=("realization", "lead_time"))
    assert "crps" in verify(forecast.isel(realization=[0, 1]), truth)


@pytest.mark.parametrize("bins", [0, 2.5])
def test_what_is_no_number_of_bins(bins):
    with pytest.raises(DataError, match="probability_bins: expected a whole number"):
        verify(*ensemble_fields(), probability_bins=bins)
