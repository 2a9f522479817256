"""Synthetic fronts: they move as they say, and what comes from outside is marked."""

import itertools

import numpy as np
import pytest

import keras_wx
from keras_wx.errors import DataError
from keras_wx.registry import datasets


@pytest.fixture(scope="module")
def front():
    # One grid point a frame: 12.5 m/s over 300 s are 3.75 km.
    return keras_wx.open_dataset("rain_front", events=4, speed=12.5)


def test_each_event_is_one_window(front):
    assert front.sizes == {"time": 80, "y": 64, "x": 64}
    np.testing.assert_array_equal(front.forecast_step[:20], range(-4, 16))
    steps = np.diff(front.time.values)
    assert (steps > np.timedelta64(5, "m")).sum() == 3
    assert keras_wx.samples(
        front[["reflectivity"]], keras_wx.info("convlstm_hko"), split=None, batch_size=4
    ).init_times.tolist() == sorted(front.time.values[front.forecast_step == 0].tolist())


def test_the_pattern_moves_one_point_a_frame_from_the_west(front):
    """The first event comes from direction 0: along x, and x increases."""
    fields = front.reflectivity.values[:20]
    for before, after in itertools.pairwise(fields):
        np.testing.assert_allclose(after[:, 1:], before[:, :-1], atol=2e-3)


def test_the_front_covers_what_it_should(front):
    init = front.reflectivity.values[4]
    assert (init[:, 20:] == -10).all(), "63 x 0.25 points are behind the front"
    assert (init[:, :10] > 0).mean() > 0.95


def test_inflow_is_what_was_outside(front):
    """k frames after the start, k columns came from outside."""
    inflow = front.inflow.values[:20]
    assert not inflow[:5].any()
    for step in range(1, 16):
        np.testing.assert_array_equal(inflow[4 + step].any(axis=0), np.arange(64) < step)
    south = front.inflow.values[20 + 4 + 10]  # the second event comes along y
    np.testing.assert_array_equal(south.any(axis=1), np.arange(64) < 10)


def test_equal_seeds_give_equal_data(front):
    again = keras_wx.open_dataset("rain_front", events=4, speed=12.5)
    assert again.identical(front)
    other = keras_wx.open_dataset("rain_front", events=4, speed=12.5, seed=1)
    assert not np.array_equal(other.reflectivity, front.reflectivity)


@pytest.mark.parametrize("options", [{"events": 0}, {"speed": 0}, {"step": "often"}])
def test_what_it_refuses(options):
    with pytest.raises(DataError, match=r"Received|often"):
        datasets.get("rain_front")(**options)
