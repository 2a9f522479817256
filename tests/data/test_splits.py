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
    for earlier, later in itertools.pairwise(part[0] for part in parts if part):
        assert earlier.stop <= later.start
        assert times[later.start] - times[earlier.stop - 1] >= np.timedelta64(gap)


def random_days(seed: int) -> tuple[np.ndarray, dict[str, list[int]]]:
    """Hourly times of 40 days, of which each belongs to one of three parts or to none."""
    rng = np.random.default_rng(seed)
    times = np.datetime64("2016-01-01", "ns") + np.arange(40 * 24) * np.timedelta64(1, "h")
    labels = rng.choice(["train", "train", "val", "test", ""], size=40)
    return times, {name: np.flatnonzero(labels == name).tolist() for name in set(labels) - {""}}


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("gap", [0, 5, 30])
def test_days_of_several_parts_keep_the_gap(seed, gap):
    """Against a rule for each frame by itself: no frame of a later day of another part is near."""
    times, days = random_days(seed)
    dates = {name: [times[24 * d].astype("datetime64[D]") for d in d_] for name, d_ in days.items()}
    splits = {name: [(date, date) for date in part] for name, part in dates.items()}
    part_of = {day: name for name, part in days.items() for day in part}
    for name in days:
        expected = [
            hour
            for hour in range(len(times))
            if part_of.get(hour // 24) == name
            and not any(
                part_of.get(other // 24, name) != name
                for other in range(24 * (hour // 24 + 1), min(hour + gap, len(times)))
            )
        ]
        found = frames_of(name, times, make_sample(), splits=splits, gap=f"{gap}h")
        assert [hour for part in found for hour in range(part.start, part.stop)] == expected


def test_default_gap_is_the_length_of_a_window():
    times, sample = make_times(200), make_sample(past=4, future=3)
    train, val = (frames_of(name, times, sample) for name in ("train", "val"))
    assert times[val[0].start] - times[train[0].stop - 1] == 7 * np.timedelta64(5, "m")


def test_fractions_count_frames_and_evaluation_parts_stay_whole():
    times, sample = make_times(100), make_sample()
    assert frames_of("val", times, sample, gap=timedelta(0)) == [slice(70, 85)]
    assert frames_of("test", times, sample) == [slice(85, 100)]
    own = {"splits": (0.5, 0.25, 0.25), "gap": timedelta(minutes=5)}
    assert frames_of("train", times, sample, **own) == [slice(0, 50)]


def test_dates_are_inclusive_to_the_end_of_what_they_name():
    times = make_times(3 * 288)
    splits = {"train": ("2016-01-01", "2016-01-01"), "val": "2016-01-02T06:00/2016-01-02T11:59"}
    sample = make_sample()
    assert frames_of("train", times, sample, splits=splits) == [slice(0, 288)]
    assert frames_of("val", times, sample, splits=splits) == [slice(288 + 72, 288 + 144)]
    rest = {"early": slice(None, "2016-01-01"), "late": slice("2016-01-03", None)}
    assert frames_of("late", times, sample, splits=rest) == [slice(576, 864)]
    month = {"january": ("2016-01", "2016-01")}
    assert frames_of("january", times, sample, splits=month) == [slice(0, 864)]


def test_the_standard_split_of_a_dataset_comes_first():
    times = make_times(100)
    attrs = {
        "split_train": "2016-01-01T00:00/2016-01-01T01:00",
        "split_test": "2016-01-01T02:00/2016-01-01T03:00",
    }
    sample = make_sample()
    assert frames_of("train", times, sample, attrs=attrs) == [slice(0, 13)]
    assert frames_of("test", times, sample, attrs=attrs) == [slice(24, 37)]
    assert frames_of("train", times, sample, attrs=attrs, splits=(0.9, 0.1, 0.0))[0].stop > 13


def test_everything():
    assert frames_of(None, make_times(9), make_sample()) == [slice(0, 9)]
    assert frames_of("all", make_times(9), make_sample()) == [slice(0, 9)]


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
        ({"train": "2016-01-01/2016-01-03,2016-01-03/2016-01-04"}, "overlaps.*'train'"),
        ({"train": "2016-01-01/2016-01-03,"}, r"expected \(start, end\)"),
        ({"train": ("2016-13-01", None)}, r"expected \(start, end\) for 'train'"),
        ({"train": "2016-01-01"}, r"expected \(start, end\)"),
        ({"train": ("2016-01-03", "2016-01-01")}, "ends before it starts"),
    ],
)
def test_splits_that_are_none(splits, message):
    with pytest.raises(DataError, match=message):
        split_periods(make_times(1000), splits)


def test_a_gap_that_is_no_time():
    for gap in ("soon", "-5min", 5):
        with pytest.raises(DataError, match="gap: expected a time such as '6h'"):
            split_periods(make_times(10), gap=gap)


def test_no_gap():
    times = make_times(100)
    val, test = (frames_of(n, times, make_sample(), gap="0min") for n in ("val", "test"))
    assert val[0].stop == test[0].start == 85


def test_parts_of_several_periods():
    """Every way to write them: five-minute frames 0 to 11 and 24 to 35, then 12 to 23."""
    times, sample = make_times(48), make_sample()
    val = ("2016-01-01T01:00", "2016-01-01T01:59")
    written = "2016-01-01T00:00/2016-01-01T00:59,2016-01-01T02:00/2016-01-01T02:59"
    pairs = [tuple(piece.split("/")) for piece in written.split(",")]
    for train in (written, pairs, [slice(*pair) for pair in pairs[::-1]], [list(p) for p in pairs]):
        options = {"splits": {"train": train, "val": val}, "gap": "0min"}
        assert frames_of("train", times, sample, **options) == [slice(0, 12), slice(24, 36)]
        assert frames_of("val", times, sample, **options) == [slice(12, 24)]
    attrs = {"split_train": written, "split_val": "/".join(val), "split_gap": "0min"}
    assert frames_of("train", times, sample, attrs=attrs) == [slice(0, 12), slice(24, 36)]
    # A gap of 20 minutes is taken from the end of each earlier part: 00:40 to 01:00 is 20 minutes.
    gap = {"attrs": attrs, "gap": "20min"}
    assert frames_of("train", times, sample, **gap) == [slice(0, 9), slice(24, 36)]
    assert frames_of("val", times, sample, **gap) == [slice(12, 21)]
    assert list(split_periods(times, options["splits"])) == ["train", "val"]


def test_the_gap_of_a_standard_split_is_for_that_split_alone():
    times, sample = make_times(200), make_sample(past=4, future=3)
    attrs = {"split_gap": "0min"}
    fractions = (0.5, 0.25, 0.25)
    train, val = (
        frames_of(name, times, sample, splits=fractions, attrs=attrs) for name in ("train", "val")
    )
    assert times[val[0].start] - times[train[0].stop - 1] == 7 * np.timedelta64(5, "m")


def test_a_period_without_frames_has_no_slice():
    splits = {"train": "2015-01-01/2015-01-02,2016-01-01/2016-01-01"}
    assert frames_of("train", make_times(9), make_sample(), splits=splits) == [slice(0, 9)]
    assert frames_of("train", make_times(9), make_sample(), splits={"train": "2014/2014"}) == []


def test_an_unknown_part_lists_those_there_are():
    with pytest.raises(UnknownNameError, match=r"'trian'.*'train'"):
        frames_of("trian", make_times(100), make_sample())
