"""From which frames of a dataset a forecast can start, and why not from others."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from datetime import datetime

import numpy as np
import pandas as pd

from keras_wx.data.timeaxis import time_step
from keras_wx.data.windows import init_indices, span, thinned
from keras_wx.errors import DataError
from keras_wx.spec import Sample, format_step

Moment = str | datetime | np.datetime64
InitTimes = int | Moment | Iterable[Moment] | None
"""None, "all", a stride, a time or several: see `keras_wx.predict`."""


def init_frames(times: np.ndarray, sample: Sample, wanted: InitTimes = None) -> np.ndarray:
    """Indices of the frames from which forecasts start.

    Args:
        times: datetime64, shape `(n,)`, increasing.
        sample: what the model eats and gives.
        wanted: None for the latest frame that has a complete history, `"all"` for every one that
            has, n for every n-th of each unbroken run of them, or times.

    Returns:
        Increasing indices, shape `(forecasts,)`.

    Raises:
        DataError: when no frame, or not each of those wanted, has a complete history: which frames
            are missing.
    """
    possible = init_indices(times, sample, inputs_only=True)
    if _is_times(wanted):
        return _frames_of(_moments(wanted), times, possible, sample)
    if not len(possible):
        raise DataError(
            f"No forecast can start: {_needs(times, sample)}. {_why_none(times, sample)}"
        )
    if wanted is None:
        if possible[-1] != len(times) - 1:
            warnings.warn(
                f"The latest frame, {_text(times[-1])}, has no complete history: "
                f"{_why_not(len(times) - 1, times, sample)}. The forecast starts at "
                f"{_text(times[possible[-1]])}.",
                stacklevel=3,
            )
        return possible[-1:]
    return thinned(possible, 1 if isinstance(wanted, str) else _stride(wanted))


def _is_times(wanted: InitTimes) -> bool:
    return not (
        wanted is None
        or isinstance(wanted, (int, np.integer))
        or (isinstance(wanted, str) and wanted == "all")
    )


def _stride(wanted: int) -> int:
    if isinstance(wanted, bool) or wanted < 1:
        raise _bad_request(wanted)
    return int(wanted)


def _moments(wanted) -> np.ndarray:
    """Times that a user wrote in one of many ways, in order, each once; UTC where they say none."""
    try:
        given = np.ravel(wanted)
        if given.dtype.kind not in "MOSU":
            raise TypeError("numbers are no times")
        moments = pd.to_datetime(given, utc=True, format="ISO8601").tz_localize(None).values
    except (TypeError, ValueError):
        raise _bad_request(wanted) from None
    if not len(moments) or np.isnat(moments).any():
        raise _bad_request(wanted)
    return np.unique(moments.astype("datetime64[ns]"))


def _bad_request(wanted) -> DataError:
    return DataError(
        "init_times: expected None (the latest frame that has a complete history), 'all', a stride "
        "of at least 1, a time such as '2016-09-28T15:00', or a list of times. "
        f"Received: {wanted!r}"
    )


def _frames_of(
    moments: np.ndarray, times: np.ndarray, possible: np.ndarray, sample: Sample
) -> np.ndarray:
    frames = np.searchsorted(times, moments)
    for moment, frame in zip(moments, frames, strict=True):
        if frame == len(times) or times[frame] != moment:
            raise DataError(
                f"No forecast can start at {_text(moment)}: the dataset has no frame at this time. "
                f"{_around(frame, times)}"
            )
        if frame not in possible:
            raise DataError(
                f"No forecast can start at {_text(moment)}: {_needs(times, sample)}; "
                f"{_why_not(frame, times, sample)}."
            )
    return frames


def _needs(times: np.ndarray, sample: Sample) -> str:
    first, last = span(sample, inputs_only=True)
    step = sample.step or time_step(times)
    every = f", {format_step(step)} apart" if step else ""
    return f"the model reads {last - first + 1} consecutive frames{every}"


def _why_none(times: np.ndarray, sample: Sample) -> str:
    first, last = span(sample, inputs_only=True)
    if not len(times):
        return "The dataset has no frames."
    if len(times) < last - first + 1:
        return (
            f"The dataset has {len(times)}, from {_text(times[0])} to {_text(times[-1])}: too few."
        )
    return f"Counted back from the latest frame, {_why_not(len(times) - 1, times, sample)}."


def _why_not(frame: int, times: np.ndarray, sample: Sample) -> str:
    """What is wrong with the frames that a forecast from `frame` would read."""
    first, last = span(sample, inputs_only=True)
    begin, end = frame + first, frame + last
    expected = sample.step or time_step(times)
    if expected is not None:
        window = times[max(begin, 0) : end + 1]
        jumps = np.flatnonzero(np.diff(window) != np.timedelta64(expected))
        if len(jumps):
            before, after = window[jumps[-1] : jumps[-1] + 2]
            length = format_step(time_step(np.array([before, after])))
            return (
                f"there is a gap of {length} between {_text(before)} and {_text(after)}, where "
                f"{format_step(expected)} is expected"
            )
    if begin < 0:
        return (
            f"too few frames: {-begin} before {_text(times[0])}, where the dataset begins, are "
            "missing"
        )
    return (
        f"too few frames: {end - len(times) + 1} after {_text(times[-1])}, where the dataset ends, "
        "are missing"
    )


def _around(frame: int, times: np.ndarray) -> str:
    near = [_text(time) for time in times[max(frame - 1, 0) : frame + 1]]
    return f"The nearest are {' and '.join(near)}." if near else "It has no frames."


def _text(time: np.datetime64) -> str:
    return str(time.astype("datetime64[s]"))
