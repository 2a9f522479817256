"""The time axis: its step, its order, its jumps, and another step."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import xarray as xr

from keras_wx.data.additive import deferred, from_additive, to_additive
from keras_wx.errors import DataError
from keras_wx.spec import format_step


def time_step(times: np.ndarray) -> timedelta | None:
    """The most frequent difference of neighbouring times; None with fewer than two.

    Args:
        times: datetime64, shape `(n,)`.
    """
    if len(times) < 2:
        return None
    return timedelta(microseconds=_step_ns(_nanoseconds(times)) / 1000)


def whole_steps(times: np.ndarray, step: timedelta) -> np.ndarray:
    """Rounds times that scatter about whole steps, as those of scans that took longer or less.

    Args:
        times: datetime64, shape `(n,)`.
        step: nominal time from one frame to the next.

    Returns:
        Multiples of `step` since midnight or, where the frames have another phase, since the first
        of them. Times that are not within a quarter of a step of either come back as they are, and
        so do those of which two would become one.
    """
    exact = times.astype("datetime64[ns]")
    length = np.timedelta64(step).astype("timedelta64[ns]")
    if not len(exact) or np.isnat(exact).any():
        return times
    for origin in (exact[0].astype("datetime64[D]").astype("datetime64[ns]"), exact[0]):
        steps = np.round((exact - origin) / length).astype(int)
        rounded = origin + steps * length
        if np.abs(rounded - exact).max() < length / 4 and len(np.unique(rounded)) == len(exact):
            return rounded
    return times


def check_increasing(times: np.ndarray) -> None:
    """Refuses times that are missing, run backwards or occur twice.

    Args:
        times: datetime64, shape `(n,)`.

    Raises:
        DataError: naming the first time that is out of order.
    """
    if not np.issubdtype(times.dtype, np.datetime64):
        raise DataError(
            "Expected times as datetime64, which xarray makes of CF units such as 'minutes since "
            f"2016-01-01' in the standard calendar. Received dtype {times.dtype}. "
            "dataset.convert_calendar('standard') changes the calendar, and "
            "dataset.indexes['time'].tz_convert(None) gives UTC of times with a time zone."
        )
    if np.isnat(times).any():
        raise DataError(
            f"Expected a time for every frame. Frame {np.isnat(times).argmax()} has none."
        )
    wrong = np.flatnonzero(np.diff(times) <= np.timedelta64(0))
    if wrong.size:
        i = int(wrong[0]) + 1
        here, last = (str(t.astype("datetime64[s]")) for t in (times[i], times[i - 1]))
        how = "occurs twice" if here == last else f"follows the later {last}"
        raise DataError(
            f"Expected times that increase. Received {here} at index {i}, which {how}. "
            "dataset.sortby('time').drop_duplicates('time') puts them in order."
        )


def resample(data: xr.DataArray, step: timedelta) -> xr.DataArray:
    """The same field at a longer time step; a jump in time is never bridged.

    Every k-th frame of each unbroken run where the old step divides the new one, else linear in
    time between adjacent frames (dBZ in the reflectivity factor Z). Nothing is accumulated.

    Args:
        data: dims `(time, ...)`, times increasing.
        step: the new step, at least that of the data.

    Returns:
        The field at the new times, `float32` where interpolated; lazy where `data` is.

    Raises:
        DataError: for data coarser than `step`.
    """
    times = _nanoseconds(data["time"].values)
    old, new = _step_ns(times), step // timedelta(microseconds=1) * 1000
    if new < old:
        raise DataError(
            f"The data have a step of {format_step(time_step(data['time'].values))}, the sample "
            f"needs {format_step(step)}, and frames in between cannot be made up. Use data with a "
            "shorter step, or a preset with a longer one."
        )
    starts, wanted = [], []
    for first, last in unbroken_runs(times, old):
        at = np.arange(times[first], times[last] + 1, new)
        starts.append(first + (at - times[first]) // old)
        wanted.append(at)
    before, at = np.concatenate(starts), np.concatenate(wanted)
    if (times[before] == at).all():
        return data.isel(time=before)
    # A frame that is there is taken as it is, even when its neighbour is missing.
    after = np.where(times[before] == at, before, before + 1)
    part = xr.DataArray(((at - times[before]) / old).astype("float32"), dims="time")
    units, data = data.attrs.get("units", ""), deferred(data)
    left, right = (
        to_additive(data.isel(time=index).astype("float32"), units).assign_coords(
            time=at.astype("datetime64[ns]")
        )
        for index in (before, after)
    )
    mixed = from_additive(left * (1 - part) + right * part, units)
    return mixed.astype("float32").assign_attrs(data.attrs).rename(data.name)


def unbroken_runs(times: np.ndarray, step: int) -> list[tuple[int, int]]:
    """First and last index of each run of times (in nanoseconds) that are `step` apart."""
    breaks = np.flatnonzero(np.diff(times) != step)
    return list(zip(np.r_[0, breaks + 1], np.r_[breaks, len(times) - 1], strict=True))


def _nanoseconds(times: np.ndarray) -> np.ndarray:
    return times.astype("datetime64[ns]").astype("int64")


def _step_ns(nanoseconds: np.ndarray) -> int:
    steps, counts = np.unique(np.diff(nanoseconds), return_counts=True)
    return int(steps[counts.argmax()])
