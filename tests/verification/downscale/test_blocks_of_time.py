"""Intervals over blocks of time, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from downscaled_fields import random_pair

from keras_wx.errors import DataError
from keras_wx.verification.bootstrap import block_numbers, difference, interval
from keras_wx.verification.downscale import verify_downscaled

FAST = {"lags": 0, "variogram_bins": 0}


def test_numbers_of_blocks():
    days = np.array([0, 1, 4, 5, 9, 21, 22], "m8[D]")
    times = np.datetime64("2001-01-01", "ns") + days
    assert block_numbers(times, "5d").tolist() == [0, 0, 0, 1, 1, 2, 2]


def test_blocks_are_drawn_whole():
    forecast, truth = random_pair(5, members=3)
    daily = verify_downscaled(forecast, truth, by="time", **FAST)
    found = interval(daily, "mae", block="5d", draws=300, seed=4)
    days = (daily.time.values - daily.time.values[0]) // np.timedelta64(5, "D")
    blocks = [days == day for day in np.unique(days)]
    assert found.attrs["blocks"] == len(blocks)
    assert "events" not in found.attrs
    sums = np.array([float((daily.mae * daily.n_pairs)[block].sum()) for block in blocks])
    counts = np.array([float(daily.n_pairs[block].sum()) for block in blocks])
    share = np.full(len(blocks), 1 / len(blocks))
    weights = np.random.default_rng(4).multinomial(len(blocks), share, size=300)
    means = (weights @ sums) / (weights @ counts)
    np.testing.assert_allclose(found.value, sums.sum() / counts.sum())
    np.testing.assert_allclose([found.low, found.high], np.quantile(means, [0.025, 0.975]))


def test_a_difference_draws_the_same_blocks():
    forecast, truth = random_pair(5, members=3)
    daily = verify_downscaled(forecast, truth, by="time", **FAST)
    same = difference(daily, daily, "crps", block="5d", draws=50)
    assert float(same.difference) == float(same.low) == float(same.high) == 0
    with pytest.raises(DataError, match="the same start times"):
        difference(daily, daily.isel(time=slice(1, None)), "crps", block="5d", draws=50)
