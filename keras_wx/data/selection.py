"""Which windows of a dataset are taken, and how many are left out for which reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_wx.data.frames import FrameStore
from keras_wx.data.splits import Period
from keras_wx.data.windows import thinned, window_starts
from keras_wx.errors import DataError
from keras_wx.spec import RainFilter, Sample, format_step


@dataclass(frozen=True)
class Selection:
    """First frames of the windows that are taken, and how they were found."""

    starts: np.ndarray
    """Indices of first frames, increasing."""
    frames: int
    """Length of a window."""
    total: int
    """Frames of the dataset."""
    inside: int
    """Frames inside the part."""
    broken: int
    """Starts inside the part whose window a jump in time breaks."""
    dry: int
    """Windows that the rain filter leaves out."""


def select(
    times: np.ndarray,
    sample: Sample,
    frames: int,
    *,
    period: Period | None,
    stride: int,
    rain: RainFilter | None,
    target: FrameStore,
) -> Selection:
    """Finds the windows that lie in a period, hold no jump in time and have enough rain.

    Args:
        times: datetime64, shape `(n,)`, increasing.
        sample: what the model eats and gives.
        frames: length of a window.
        period: first and last time of the part, inclusive; None takes everything.
        stride: frames between the starts of two windows.
        rain: the filter, or None.
        target: the variable that it looks at.

    Raises:
        DataError: when no window is left, saying where they went.
    """
    begin, end = 0, len(times)
    if period is not None:
        begin = int(np.searchsorted(times, period[0], side="left"))
        end = max(begin, int(np.searchsorted(times, period[1], side="right")))
    starts = window_starts(times, sample.step, frames)
    starts = starts[(starts >= begin) & (starts + frames <= end)]
    broken = max(end - begin - frames + 1, 0) - len(starts)
    candidates = thinned(starts, stride)
    starts = candidates if rain is None else _rainy(candidates, frames, rain, target)
    selection = Selection(
        starts=starts,
        frames=frames,
        total=len(times),
        inside=end - begin,
        broken=broken,
        dry=len(candidates) - len(starts),
    )
    if not len(starts):
        raise DataError(_why_none(selection, sample, rain))
    return selection


def _rainy(starts: np.ndarray, frames: int, rain: RainFilter, target: FrameStore) -> np.ndarray:
    """Starts of windows with enough of the grid above the threshold; missing is not above it."""
    if not len(starts):
        return starts
    used = np.zeros(target.shape[0], bool)
    used[(starts[:, None] + np.arange(frames)).ravel()] = True
    pixels = np.zeros(target.shape[0], np.int64)
    counts = target.scan(
        target.blocks_of(np.flatnonzero(used)),
        lambda physical: (physical > rain.above).sum(axis=(1, 2)),
    )
    for block, count in counts.items():
        pixels[target.edges[block] : target.edges[block + 1]] = count
    before = np.concatenate([[0], np.cumsum(pixels)])
    least = rain.min_fraction * frames * target.shape[1] * target.shape[2]
    return starts[before[starts + frames] - before[starts] >= least]


def _why_none(selection: Selection, sample: Sample, rain: RainFilter | None) -> str:
    step = f" every {format_step(sample.step)}" if sample.step else ""
    parts = [
        f"No window of {selection.frames} consecutive frames{step} is left: of "
        f"{selection.total} frames, {selection.total - selection.inside} are outside the split"
    ]
    if selection.inside < selection.frames:
        parts.append(f"and the {selection.inside} inside are too few.")
        return " ".join(parts)
    parts.append(
        f"; of {selection.inside - selection.frames + 1} possible starts inside, "
        f"{selection.broken} are broken by jumps in time and {selection.dry} dropped by the rain "
        "filter."
    )
    if selection.dry and rain is not None:
        parts.append(
            f"It wants {rain.min_fraction:g} of the grid above {rain.above:g} "
            f"{sample.targets[0].units}; min_rain_fraction=0 keeps every window."
        )
    return " ".join(parts).replace(" ;", ";")
