"""Windows of consecutive frames: where they can start on a time axis."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from keras_wx.data.timeaxis import check_increasing, time_step
from keras_wx.errors import DataError
from keras_wx.spec import Sample


def window_starts(times: np.ndarray, step: timedelta | None, frames: int) -> np.ndarray:
    """Indices at which `frames` frames follow each other without a jump in time.

    Args:
        times: datetime64, shape `(n,)`, increasing.
        step: time from one frame to the next; None takes the most frequent one of `times`.
        frames: length of a window.

    Returns:
        Increasing indices of first frames, shape `(windows,)`.

    Raises:
        DataError: for times that are missing, run backwards or occur twice.
    """
    check_increasing(times)
    step = step or time_step(times)
    if len(times) < frames or step is None:
        return np.arange(len(times) if frames == 1 else 0)
    jumps = np.diff(times.astype("datetime64[ns]")) != np.timedelta64(step).astype("m8[ns]")
    run = np.concatenate([[0], np.cumsum(jumps)])
    return np.flatnonzero(run[: len(times) - frames + 1] == run[frames - 1 :])


def init_indices(times: np.ndarray, sample: Sample, *, inputs_only: bool = False) -> np.ndarray:
    """Indices of the frames at step 0 from which a whole window can be cut.

    Args:
        times: datetime64, shape `(n,)`, increasing.
        sample: what the model eats and gives.
        inputs_only: ask for the past frames alone, as a forecast does, whose future is unknown.

    Returns:
        Increasing indices, shape `(windows,)`.

    Raises:
        DataError: for times that are missing, run backwards or occur twice.

    Example:

    ```python
    last_frames = init_indices(radar.time.values, preset.sample, inputs_only=True)
    ```
    """
    first, last = span(sample, inputs_only=inputs_only)
    return window_starts(times, sample.step, last - first + 1) - first


def span(sample: Sample, *, inputs_only: bool = False) -> tuple[int, int]:
    """First and last step of a window. Step 0, the time of the forecast, always belongs to it.

    The steps of a curtain are its columns, of which the first is step 0.
    """
    if sample.is_curtain:
        return 0, curtain_columns(sample) - 1
    first, last = sample.input_steps if inputs_only else sample.window_steps
    return min(first, 0), max(last, 0)


def curtain_columns(sample: Sample) -> int:
    """Number of columns of a curtain.

    Raises:
        DataError: for a sample that leaves it open.
    """
    (name, grid), *_ = sample.grids.items()
    columns = grid.shape[grid.dims.index("time")]
    if columns is None:
        raise DataError(
            f"The grid {name!r} of the sample leaves its number of columns open, and windows need "
            f"one: load(..., sample={{'grids': {{{name!r}: {{'shape': [..., 128]}}}}}}) gives it."
        )
    return columns


def narrower(sample: Sample) -> str:
    """How a user asks for curtains of fewer columns, for messages."""
    (name, grid), *_ = sample.grids.items()
    shape = [32 if dim == "time" else size for dim, size in zip(grid.dims, grid.shape, strict=True)]
    return f"load(..., sample={{'grids': {{{name!r}: {{'shape': {shape}}}}}}})"


def window_frames(sample: Sample) -> int:
    """Number of frames from the first to the last step of a window."""
    first, last = span(sample)
    return last - first + 1


def thinned(starts: np.ndarray, stride: int) -> np.ndarray:
    """Every `stride`-th start, counted anew in each unbroken run of starts."""
    first_of_run = np.concatenate([[True], np.diff(starts) != 1])[: len(starts)]
    run_begin = np.maximum.accumulate(np.where(first_of_run, np.arange(len(starts)), 0))
    return starts[(np.arange(len(starts)) - run_begin) % stride == 0]
