"""Parts of a time axis for training, validation and test, with a gap in between."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pandas as pd

from keras_wx.data.timeaxis import time_step
from keras_wx.data.windows import window_frames
from keras_wx.errors import DataError, unknown_name
from keras_wx.spec import Sample

Period = tuple[np.datetime64, np.datetime64]
"""First and last time, both inclusive."""
Splits = Mapping[str, tuple | slice | str | list] | tuple[float, float, float]

NAMES = ("train", "val", "test")
FRACTIONS = (0.7, 0.15, 0.15)


def split_periods(
    times: np.ndarray,
    splits: Splits | None = None,
    *,
    attrs: Mapping = {},
    gap: str | timedelta = timedelta(0),
) -> dict[str, list[Period]]:
    """Cuts a time axis into parts that share nothing.

    A part is one period or several, as of an archive that assigns days to its parts. Windows lie
    within one period: two that follow each other are not joined.

    Args:
        times: datetime64, shape `(n,)`, increasing.
        splits: three fractions of the frames in order of time, for train, val and test; or a
            mapping from a name to `(start, end)`, `slice(start, end)` or `"start/end"`, both ends
            inclusive, a date meaning the whole day, or to several of them: a list of the first
            two, or `"start/end,start/end"`; or None for the dataset's standard split (attributes
            `split_train`, `split_val`, `split_test`) and, without one, the fractions 0.7, 0.15 and
            0.15.
        attrs: attributes of the dataset.
        gap: least time from the last frame of a part to the first frame of another. It is taken
            from the end of the earlier part, so that a test period stays as it was defined.

    Returns:
        Name -> first and last time of each period of the part, all in order of time.

    Raises:
        DataError: for periods that overlap, fractions that do not add up, dates that are none.
    """
    if splits is None:
        splits = _standard(attrs) or FRACTIONS
    if isinstance(splits, Mapping):
        periods = [
            (*_period(name, piece, times), name)
            for name, value in splits.items()
            for piece in _pieces(value)
        ]
    else:
        periods = [(*period, name) for name, period in _by_fractions(times, splits).items()]
    periods.sort()
    _refuse_overlaps(periods)
    return _separated(periods, _length(gap))


def frames_of(
    split: str | None,
    times: np.ndarray,
    sample: Sample,
    *,
    splits: Splits | None = None,
    gap: str | timedelta | None = None,
    attrs: Mapping = {},
) -> list[slice]:
    """The frames of one part, a slice for each of its periods that has any.

    Args:
        split: name of the part; None or `"all"` takes every frame.
        times: datetime64, shape `(n,)`, increasing.
        sample: what the model eats and gives.
        splits, attrs: as in `split_periods`.
        gap: as in `split_periods`; None takes that of the dataset's standard split (attribute
            `split_gap`) and, without one, the length of the sample's windows.

    Raises:
        UnknownNameError: for a part that there is not, listing those that there are.
    """
    if split in (None, "all"):
        return [slice(0, len(times))]
    if gap is None and splits is None:
        gap = attrs.get("split_gap")
    if gap is None:
        gap = window_frames(sample) * (sample.step or time_step(times) or timedelta(0))
    periods = split_periods(times, splits, attrs=attrs, gap=gap)
    if split not in periods:
        raise unknown_name("split", split, periods, hint="split=None takes everything.")
    starts, ends = zip(*periods[split], strict=True)
    begins = np.searchsorted(times, starts, side="left").tolist()
    stops = np.searchsorted(times, ends, side="right").tolist()
    return [slice(*frames) for frames in zip(begins, stops, strict=True) if frames[0] < frames[1]]


def _standard(attrs: Mapping) -> dict[str, str]:
    return {name: attrs[f"split_{name}"] for name in NAMES if f"split_{name}" in attrs}


def _by_fractions(times: np.ndarray, fractions) -> dict[str, Period]:
    try:
        shares = np.array(fractions, dtype=float)
    except (TypeError, ValueError):
        shares = np.array([])
    if shares.shape != (3,) or (shares < 0).any() or not np.isclose(shares.sum(), 1):
        raise DataError(
            "splits: expected three fractions that add up to 1, such as (0.7, 0.15, 0.15), or a "
            f"mapping from a name to (start, end). Received: splits={fractions!r}"
        )
    edges = np.rint(np.concatenate([[0], np.cumsum(shares)]) * len(times)).astype(int)
    return {
        name: (times[first], times[stop - 1])
        for name, first, stop in zip(NAMES, edges[:-1], edges[1:], strict=True)
        if stop > first
    }


def _pieces(value) -> list:
    """The periods that a user gave for one part, as they were written."""
    if isinstance(value, str):
        return value.split(",")
    # A list of two dates is one period, as a tuple of two is.
    several = isinstance(value, list) and value and isinstance(value[0], (tuple, list, slice))
    return value if several else [value]


def _period(name: str, value, times: np.ndarray) -> Period:
    try:
        if isinstance(value, str):
            start, end = value.split("/")
        elif isinstance(value, slice):
            start, end = value.start, value.stop
        else:
            start, end = value
        start = times[0] if start is None else _instant(start)
        end = times[-1] if end is None else _last_instant(end)
    except (TypeError, ValueError):
        raise DataError(
            f"splits: expected (start, end) for {name!r}, such as ('2016-01-01', '2016-06-30'). "
            f"Received: {value!r}"
        ) from None
    if start > end:
        raise DataError(f"splits: {name!r} ends before it starts. Received: {value!r}")
    return start, end


def _instant(moment) -> np.datetime64:
    moment = np.datetime64(moment)
    if np.isnat(moment):
        raise ValueError("not a time")
    return moment.astype("datetime64[ns]")


def _last_instant(moment) -> np.datetime64:
    """The last nanosecond of what is named: '2016-06' ends with the month, '2016-06-30' the day."""
    moment = np.datetime64(moment)
    if np.isnat(moment):
        raise ValueError("not a time")
    return (moment + 1).astype("datetime64[ns]") - np.timedelta64(1, "ns")


def _length(gap: str | timedelta) -> np.timedelta64:
    try:
        if not isinstance(gap, (str, timedelta)):
            raise ValueError("a number has no unit")
        length = pd.Timedelta(gap)
    except ValueError:
        length = pd.NaT
    if not length >= timedelta(0):
        raise DataError(f"gap: expected a time such as '6h' or '0min'. Received: gap={gap!r}")
    return length.to_timedelta64().astype("m8[ns]")


def _refuse_overlaps(periods: list[tuple]) -> None:
    for (_, end, name), (next_start, _, following) in itertools.pairwise(periods):
        if end >= next_start:
            raise DataError(
                f"splits: {name!r} ends at {end} and overlaps with {following!r}, which starts at "
                f"{next_start}."
            )


def _separated(periods: list[tuple], gap: np.timedelta64) -> dict[str, list[Period]]:
    """The periods of each part, cut short where another part begins too soon after them."""
    separated: dict[str, list[Period]] = {}
    begins: dict[str, np.datetime64] = {}
    for start, end, name in reversed(periods):
        others = [begin for other, begin in begins.items() if other != name]
        separated.setdefault(name, []).append((start, min([end, *(o - gap for o in others)])))
        begins[name] = start
    return {name: separated[name][::-1] for name in dict.fromkeys(p[-1] for p in periods)}
