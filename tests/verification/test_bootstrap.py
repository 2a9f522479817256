"""The paired bootstrap over events, against sums by hand and a case of known spread."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from verification_fields import forecast_of, random_fields

from keras_wx.errors import DataError
from keras_wx.verification import difference, interval, pool, verify
from keras_wx.verification.bootstrap import event_numbers


def cases(hits, misses, false_alarms, mse=1.0, hours=None):
    """Counts by start time, at one lead time and one threshold."""
    n = len(hits)
    hours = np.arange(n) * 24 if hours is None else np.asarray(hours)
    times = np.datetime64("2020-01-01", "ns") + hours.astype("timedelta64[h]")
    dims = ("init_time", "lead_time", "threshold")
    counts = {"hits": hits, "misses": misses, "false_alarms": false_alarms}
    counts["correct_negatives"] = np.full(n, 50)
    data = {k: (dims, np.reshape(v, (n, 1, 1))) for k, v in counts.items()}
    data["mse"] = (dims[:2], np.broadcast_to(np.reshape(mse, (-1, 1)), (n, 1)))
    data["n_pairs"] = (dims[:2], np.full((n, 1), 100))
    return xr.Dataset(data, coords={"init_time": times, "lead_time": [300], "threshold": [10.0]})


def test_events_begin_after_a_long_break():
    times = np.datetime64("2020-01-01") + np.array([0, 1, 2, 30, 31, 44]).astype("timedelta64[h]")
    assert event_numbers(times, "12h").tolist() == [0, 0, 0, 1, 1, 2]


def test_difference_is_that_of_the_pooled_scores():
    ours = cases([30, 10], [10, 10], [10, 0])
    other = cases([20, 5], [20, 15], [10, 10])
    found = difference(ours, other, "csi")
    assert found.difference.item() == pytest.approx(40 / 70 - 25 / 80)
    assert found.attrs["events"] == 2


def test_identical_forecasts_differ_by_nothing():
    ours = cases([3, 1, 4], [1, 5, 9], [2, 6, 5])
    found = difference(ours, ours, "csi")
    assert (found.low.item(), found.high.item()) == (0, 0)


def test_interval_has_the_width_of_the_normal_approximation():
    errors = np.random.default_rng(1).normal(10, 2, 400)
    ours, other = cases(*np.ones((3, 400)), mse=errors), cases(*np.ones((3, 400)), mse=10.0)
    found = difference(ours, other, "mse", draws=4000)
    half = 1.96 * errors.std() / np.sqrt(400)
    assert (found.high - found.low).item() / 2 == pytest.approx(half, rel=0.05)


def test_forecasts_of_one_event_are_no_independent_evidence():
    errors = np.repeat(np.random.default_rng(2).normal(10, 2, 20), 20)
    reference = np.full(400, 10.0)
    days = np.repeat(np.arange(20) * 48, 20) + np.tile(np.arange(20), 20) * 0.1
    widths = []
    for gap in ("12h", "1min"):
        ours = cases(*np.ones((3, 400)), mse=errors, hours=(days * 60).astype(int) // 60)
        times = np.datetime64("2020-01-01", "ns") + (days * 3600).astype("timedelta64[s]")
        ours = ours.assign_coords(init_time=times)
        other = cases(*np.ones((3, 400)), mse=reference).assign_coords(init_time=times)
        found = difference(ours, other, "mse", gap=gap)
        widths.append((found.high - found.low).item())
    # 20 events of 20 equal forecasts say as much as 20 forecasts, not as 400.
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(20), rel=0.2)


def ensemble_cases(seed):
    """Every score, of five start times that are events of their own."""
    forecast, truth = random_fields(seed, inits=5, leads=2)
    members = forecast.reflectivity.values + np.random.default_rng(seed).normal(
        0, 5, (3, 1, 1, 1, 1)
    )
    return verify(
        forecast_of(members), truth, scales=(1, 3), preserve_dims=("init_time", "lead_time")
    )


SCORES = (
    *("csi", "pod", "far", "hss", "frequency_bias", "fss", "mse", "mae", "rmse", "mean_error"),
    *("rainfall_mse", "correlation", "crps", "crps_fair", "spread", "spread_skill_ratio", "brier"),
    *("rank_frequency", "observed_frequency"),
)


@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_every_score_is_that_of_the_events_drawn():
    cases, draws, level = ensemble_cases(0), 12, 0.5
    weights = np.random.default_rng(3).multinomial(5, np.full(5, 1 / 5), size=draws)
    drawn = [cases.isel(init_time=np.repeat(np.arange(5), weight)) for weight in weights]
    drawn = xr.concat([pool(draw, "init_time") for draw in drawn], "draw")
    whole = pool(cases, "init_time")
    for score in SCORES:
        options = {"gap": "1min", "draws": draws, "level": level, "seed": 3}
        found = interval(cases, score, **options)
        assert found.attrs == {"score": score, "events": 5, "level": level, "draws": draws}
        means = drawn[score].mean("lead_time")
        low, high = means.quantile([0.25, 0.75], "draw", skipna=True).drop_vars("quantile")
        expected = {"value": whole[score].mean("lead_time"), "low": low, "high": high}
        for name, values in expected.items():
            xr.testing.assert_allclose(found[name].transpose(*values.dims), values)
        by_lead_time = interval(cases, score, by_lead_time=True, **options).value
        xr.testing.assert_allclose(by_lead_time.transpose(*whole[score].dims), whole[score])


def test_differences_of_scores_by_threshold_scale_and_lead_time():
    ours, other = ensemble_cases(0), ensemble_cases(1)
    found = difference(ours, other, "fss", gap="1min", by_lead_time=True)
    assert set(found.difference.dims) == {"threshold", "scale", "lead_time"}
    expected = pool(ours, "init_time").fss - pool(other, "init_time").fss
    xr.testing.assert_allclose(found.difference, expected.transpose(*found.difference.dims))
    assert found.threshold.attrs == ours.threshold.attrs
    assert (found.low <= found.high).all()


def test_start_times_in_any_order():
    cases = ensemble_cases(2)
    shuffled = cases.isel(init_time=[3, 0, 4, 1, 2])
    xr.testing.assert_allclose(interval(shuffled, "csi"), interval(cases, "csi"))


def test_scores_without_start_times_have_no_events():
    with pytest.raises(DataError, match=r"preserve_dims=\(\"init_time\", \"lead_time\"\)"):
        interval(verify(*random_fields()), "csi")


def test_other_start_times_are_an_error():
    ours, other = cases([1, 2], [1, 1], [0, 0]), cases([1], [1], [0])
    with pytest.raises(DataError, match="same start times"):
        difference(ours, other, "csi")


def test_an_unknown_score_is_an_error():
    ours = cases([1, 2], [1, 1], [0, 0])
    with pytest.raises(DataError, match="Received: 'skill'"):
        difference(ours, ours, "skill")
