"""Parts of a time axis share no frame and keep their distance."""

from __future__ import annotations

import itertools
from datetime import timedelta

import numpy as np
import pytest
from samples_fields import make_sample, make_times

from keras_wx.data.splits import frames_of, split_periods
from keras_wx.errors import DataError, UnknownNameError


def random_times(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    length = int(rng.integers(30, 300))
    return make_times(length, tuple(np.flatnonzero(rng.random(length - 1) < 0.05) + 1))


@pytest.mark.parametrize("seed", range(30))
def test_no_frame_is_shared_and_the_gap_is_kept(seed):
    times, sample = random_times(seed), make_sample(past=4, future=3)
    gap = timedelta(minutes=5 * int(np.random.default_rng(seed).integers(0, 12)))
    parts = [frames_of(name, times, sample, gap=gap) for name in ("train", "val", "test")]
    for earlier, later in itertools.pairwise(parts):
        assert earlier.stop <= later.start
        if earlier.start < earlier.stop and later.start < later.stop:
            assert times[later.start] - times[earlier.stop - 1] >= np.timedelta64(gap)


def test_default_gap_is_the_length_of_a_window():
    times, sample = make_times(200), make_sample(past=4, future=3)
    train, val = (frames_of(name, times, sample) for name in ("train", "val"))
    assert times[val.start] - times[train.stop - 1] == 7 * np.timedelta64(5, "m")


def test_fractions_count_frames_and_evaluation_parts_stay_whole():
    times, sample = make_times(100), make_sample()
    assert frames_of("val", times, sample, gap=timedelta(0)) == slice(70, 85)
    assert frames_of("test", times, sample) == slice(85, 100)
    own = {"splits": (0.5, 0.25, 0.25), "gap": timedelta(minutes=5)}
    assert frames_of("train", times, sample, **own) == slice(0, 50)


def test_dates_are_inclusive_to_the_end_of_what_they_name():
    times = make_times(3 * 288)
    splits = {"train": ("2016-01-01", "2016-01-01"), "val": "2016-01-02T06:00/2016-01-02T11:59"}
    sample = make_sample()
    assert frames_of("train", times, sample, splits=splits) == slice(0, 288)
    assert frames_of("val", times, sample, splits=splits) == slice(288 + 72, 288 + 144)
    rest = {"early": slice(None, "2016-01-01"), "late": slice("2016-01-03", None)}
    assert frames_of("late", times, sample, splits=rest) == slice(576, 864)
    month = {"january": ("2016-01", "2016-01")}
    assert frames_of("january", times, sample, splits=month) == slice(0, 864)


def test_the_standard_split_of_a_dataset_comes_first():
    times = make_times(100)
    attrs = {
        "split_train": "2016-01-01T00:00/2016-01-01T01:00",
        "split_test": "2016-01-01T02:00/2016-01-01T03:00",
    }
    sample = make_sample()
    assert frames_of("train", times, sample, attrs=attrs) == slice(0, 13)
    assert frames_of("test", times, sample, attrs=attrs) == slice(24, 37)
    assert frames_of("train", times, sample, attrs=attrs, splits=(0.9, 0.1, 0.0)).stop > 13


def test_everything():
    assert frames_of(None, make_times(9), make_sample()) == slice(0, 9)
    assert frames_of("all", make_times(9), make_sample()) == slice(0, 9)


def test_parts_are_sorted_by_time_whatever_their_order():
    periods = split_periods(
        make_times(300), {"b": ("2016-01-02", "2016-01-02"), "a": ("2016-01-01", "2016-01-01")}
    )
    assert list(periods) == ["a", "b"]


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ((0.5, 0.2, 0.2), "three fractions that add up to 1"),
        ((0.5, 0.5), "three fractions"),
        ((1.2, -0.1, -0.1), "three fractions"),
        ("train", "three fractions"),
        ({"train": ("2016-01-01", "2016-01-03"), "val": ("2016-01-03", None)}, "overlaps.*'val'"),
        ({"train": ("2016-13-01", None)}, r"expected \(start, end\) for 'train'"),
        ({"train": "2016-01-01"}, r"expected \(start, end\)"),
        ({"train": ("2016-01-03", "2016-01-01")}, "ends before it starts"),
    ],
)
def test_splits_that_are_none(splits, message):
    with pytest.raises(DataError, match=message):
        split_periods(make_times(1000), splits)


def test_a_gap_that_is_no_time():
    with pytest.raises(DataError, match="gap: expected a time such as '5min'"):
        split_periods(make_times(10), gap="soon")


def test_an_unknown_part_lists_those_there_are():
    with pytest.raises(UnknownNameError, match=r"'trian'.*'train'"):
        frames_of("trian", make_times(100), make_sample())
