"""Which windows of a dataset are taken, and how many are left out for which reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_wx.data.frames import FrameStore
from keras_wx.data.windows import narrower, span, thinned, window_frames, window_starts
from keras_wx.errors import DataError
from keras_wx.spec import RainFilter, Sample, format_step


@dataclass(frozen=True)
class Selection:
    """The windows that are taken, and how they were found."""

    starts: np.ndarray
    """Indices of first frames, increasing."""
    init: np.ndarray
    """Indices of the frames at step 0."""
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
    *,
    inside: list[slice],
    stride: int,
    rain: RainFilter | None,
    target: FrameStore,
) -> Selection:
    """Finds the windows that lie in a part, hold no jump in time and have enough rain.

    Args:
        times: datetime64, shape `(n,)`, increasing.
        sample: what the model eats and gives.
        inside: frames of the part, see `frames_of`. A window lies in one of its slices.
        stride: frames between the starts of two windows.
        rain: the filter, or None.
        target: the variable that it looks at.

    Raises:
        DataError: when no window is left, saying where they went.
    """
    frames = window_frames(sample)
    possible = np.zeros(len(times), bool)
    for part in inside:
        possible[part.start : max(part.start, part.stop - frames + 1)] = True
    starts = window_starts(times, sample.step, frames)
    starts = starts[possible[starts]]
    broken = int(possible.sum()) - len(starts)
    candidates = thinned(starts, stride)
    starts = candidates if rain is None else _rainy(candidates, frames, rain, target)
    selection = Selection(
        starts=starts,
        init=starts - span(sample)[0],
        frames=frames,
        total=len(times),
        inside=sum(part.stop - part.start for part in inside),
        broken=broken,
        dry=len(candidates) - len(starts),
    )
    if not len(starts):
        raise DataError(_why_none(selection, int(possible.sum()), sample, rain))
    return selection


def _rainy(starts: np.ndarray, frames: int, rain: RainFilter, target: FrameStore) -> np.ndarray:
    """Starts of windows with enough of the grid above the threshold; missing is not above it."""
    if not len(starts):
        return starts
    counts = target.scan(
        target.blocks_of(np.unique(starts[:, None] + np.arange(frames))),
        lambda physical: (physical > rain.above).sum(axis=(1, 2)),
    )
    pixels = np.zeros(target.shape[0], np.int64)
    for block, count in counts.items():
        pixels[target.edges[block] : target.edges[block + 1]] = count
    before = np.concatenate([[0], np.cumsum(pixels)])
    least = rain.min_fraction * frames * target.shape[1] * target.shape[2]
    return starts[before[starts + frames] - before[starts] >= least]


def _why_none(found: Selection, possible: int, sample: Sample, rain: RainFilter | None) -> str:
    step = f" every {format_step(sample.step)}" if sample.step else ""
    message = (
        f"No window of {found.frames} consecutive frames{step} is left. Of {found.total} frames, "
        f"{found.total - found.inside} are outside the split"
    )
    if not possible:
        return (
            f"{message}, and the {found.inside} inside are too few. split=None takes all frames; "
            "splits=(0.8, 0.2, 0) or dates, and gap='0min', divide them otherwise."
            + (f" {narrower(sample)} takes narrower windows." if sample.is_curtain else "")
        )
    message += (
        f". Of {possible} possible starts inside, {found.broken} are broken "
        f"by jumps in time, and {found.dry} windows dropped by the rain filter."
    )
    if rain is not None and found.dry:
        message += (
            f" It wants {rain.min_fraction:.0%} of the grid above {rain.above:g} "
            f"{sample.targets[0].units}; min_rain_fraction=0 keeps every window."
        )
    return message
