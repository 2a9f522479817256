"""Windows of consecutive frames, against a loop in plain Python."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from samples_fields import STEP, make_sample, make_times

from keras_wx.data.windows import init_indices, span, thinned, window_starts
from keras_wx.errors import DataError

FIVE = timedelta(minutes=5)


def brute_force(times: np.ndarray, frames: int) -> list[int]:
    return [
        start
        for start in range(len(times) - frames + 1)
        if all(times[start + k] == times[start] + k * STEP for k in range(frames))
    ]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_windows_never_cross_a_jump(seed, frames):
    rng = np.random.default_rng(seed)
    length = int(rng.integers(2, 60))
    jumps = tuple(np.flatnonzero(rng.random(length - 1) < rng.choice([0, 0.1, 0.5])) + 1)
    times = make_times(length, jumps)
    assert window_starts(times, FIVE, frames).tolist() == brute_force(times, frames)


def test_a_jump_shorter_than_a_step_breaks_too():
    times = make_times(6)
    times[3:] -= np.timedelta64(60, "s")
    assert window_starts(times, FIVE, 3).tolist() == [0, 3]


def test_step_is_the_most_frequent_one_where_the_sample_leaves_it_open():
    times = make_times(10, jumps=(4,))
    assert window_starts(times, None, 4).tolist() == [0, 4, 5, 6]


def test_too_few_frames_give_no_window():
    assert window_starts(make_times(4), FIVE, 5).size == 0
    assert window_starts(make_times(1), None, 2).size == 0


def test_init_index_is_the_last_input_frame():
    times, sample = make_times(10, jumps=(6,)), make_sample(past=3, future=2)
    # Frames 0 to 5 hold windows that start at 0 and 1; frames 6 to 9 none of five frames.
    assert init_indices(times, sample).tolist() == [2, 3]
    assert init_indices(times, sample, inputs_only=True).tolist() == [2, 3, 4, 5, 8, 9]


def test_step_zero_belongs_to_a_window_that_is_all_future():
    sample = make_sample(past=1, future=4)
    assert span(sample) == (0, 4)
    assert span(sample, inputs_only=True) == (0, 0)


def test_time_that_runs_backwards_is_refused():
    times = make_times(8)
    times[5] = times[3] - np.timedelta64(1, "m")
    with pytest.raises(DataError, match=r"increase.*2016-01-01T00:14:00 at index 5"):
        window_starts(times, FIVE, 2)


def test_thinned_counts_anew_after_a_jump():
    starts = np.array([0, 1, 2, 3, 4, 10, 11, 12, 20])
    assert thinned(starts, 3).tolist() == [0, 3, 10, 20]
    assert thinned(starts, 1).tolist() == starts.tolist()
    assert thinned(np.array([], int), 2).size == 0
