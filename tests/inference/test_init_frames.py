"""Where forecasts can start: cases worked out on paper."""

from __future__ import annotations

import datetime
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from small_models import preset_of

from keras_wx.errors import DataError
from keras_wx.inference.history import init_frames


def clock(*minutes):
    return np.datetime64("2016-09-28T15:00", "ns") + np.array(minutes) * np.timedelta64(1, "m")


THREE = preset_of(frames=3).sample
ONE = preset_of(frames=1).sample
UNBROKEN = clock(0, 5, 10, 15, 20, 25)
BROKEN = clock(0, 5, 10, 15, 30, 35, 40, 45, 50)


@pytest.mark.parametrize(
    ("times", "sample", "wanted", "expected"),
    [
        (UNBROKEN, THREE, None, [5]),
        (UNBROKEN, THREE, "all", [2, 3, 4, 5]),
        (UNBROKEN, ONE, "all", [0, 1, 2, 3, 4, 5]),
        (BROKEN, THREE, "all", [2, 3, 6, 7, 8]),
        (BROKEN, THREE, 2, [2, 6, 8]),
        (BROKEN, THREE, np.int64(10), [2, 6]),
        (BROKEN, THREE, "2016-09-28T15:40", [6]),
    ],
)
def test_frames_with_a_complete_history(times, sample, wanted, expected):
    assert init_frames(times, sample, wanted).tolist() == expected


@pytest.mark.parametrize(
    "wanted",
    [
        "2016-09-28T15:20",
        "2016-09-28 15:20:00",
        "2016-09-28T17:20+02:00",
        np.datetime64("2016-09-28T15:20"),
        datetime.datetime(2016, 9, 28, 15, 20),
        pd.Timestamp("2016-09-28T15:20"),
        xr.DataArray(UNBROKEN, dims="time")[4],
    ],
)
def test_a_time_in_many_spellings(wanted):
    assert init_frames(UNBROKEN, THREE, wanted).tolist() == [4]


def test_several_times_come_in_order_and_once():
    wanted = ["2016-09-28T15:25:00", np.datetime64("2016-09-28T15:10"), "2016-09-28T15:25"]
    assert init_frames(UNBROKEN, THREE, wanted).tolist() == [2, 5]
    assert init_frames(UNBROKEN, THREE, pd.DatetimeIndex(UNBROKEN[[3, 4]])).tolist() == [3, 4]


def test_too_few_frames():
    with pytest.raises(DataError, match=r"3 consecutive frames, 5min apart.* has 2.*too few"):
        init_frames(UNBROKEN[:2], THREE)
    with pytest.raises(DataError, match=r"15:05.*too few frames: 1 before 2016-09-28T15:00:00"):
        init_frames(UNBROKEN, THREE, "2016-09-28T15:05")
    with pytest.raises(DataError, match="no frames"):
        init_frames(UNBROKEN[:0], THREE)


def test_a_gap_is_named():
    gap = "gap of 15min between 2016-09-28T15:15:00 and 2016-09-28T15:30:00, where 5min"
    with pytest.raises(DataError, match=gap):
        init_frames(BROKEN, THREE, ["2016-09-28T15:10", "2016-09-28T15:35"])
    with pytest.raises(DataError, match=f"No forecast can start.*{gap}"):
        init_frames(BROKEN[2:6], THREE)


def test_a_warning_where_the_latest_frame_cannot_start_a_forecast():
    with pytest.warns(UserWarning, match=r"15:35:00.*gap.*starts at 2016-09-28T15:15:00"):
        assert init_frames(BROKEN[:6], THREE).tolist() == [3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        init_frames(BROKEN, THREE)


def test_a_time_without_a_frame():
    with pytest.raises(DataError, match=r"15:17:00: .*no frame.*15:15:00 and 2016-09-28T15:20:00"):
        init_frames(UNBROKEN, THREE, "2016-09-28T15:17")
    with pytest.raises(DataError, match=r"no frame at this time. The nearest are .*15:25:00"):
        init_frames(UNBROKEN, THREE, "2016-09-29")


@pytest.mark.parametrize("wanted", ["latest", 0, -1, True, 1.5, [], [1, 2], [None], ["all", "x"]])
def test_a_request_that_means_nothing(wanted):
    with pytest.raises(DataError, match="init_times: expected"):
        init_frames(UNBROKEN, THREE, wanted)


def test_the_step_of_the_data_counts_where_the_preset_leaves_it_open():
    sample = preset_of(frames=3, step=None).sample
    assert init_frames(clock(0, 10, 20, 25, 35, 45), sample, "all").tolist() == [2, 5]
