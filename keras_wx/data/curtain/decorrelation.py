"""How long a curtain remembers itself: the gap that parts for training and test need."""

from __future__ import annotations

import warnings
from datetime import timedelta

import numpy as np

from keras_wx.data.frames import FrameStore
from keras_wx.data.timeaxis import time_step, unbroken_runs
from keras_wx.spec import Sample

PIECES = 16
COLUMNS = 4096
"""What is looked at: so many pieces of at most so many columns, evenly spread over the data."""


def gap_between_parts(
    times: np.ndarray, sample: Sample, columns: int, correlated: timedelta | None
) -> timedelta:
    """What parts for training and test are apart: a window, and longer than columns remember.

    Args:
        times: datetime64 of the columns.
        sample: what says the step.
        columns: of a window.
        correlated: the decorrelation time; None where it is not known.
    """
    step = sample.step or time_step(times) or timedelta(0)
    return max(columns * step, (correlated or timedelta(0)) + step)


def decorrelation_time(store: FrameStore) -> timedelta | None:
    """The lag at which the autocorrelation in time falls below 1/e.

    It is that of the network numbers, in which cloud and no cloud are far apart. Covariances are
    summed over all heights and pieces, so that rows without echo carry no weight, and missing
    gates count as the mean of their row.

    Args:
        store: a variable of a curtain.

    Returns:
        A multiple of the step. Where the correlation stays above 1/e over half of the longest piece
        it is that half, which is a lower bound, with a warning. None without two columns in a row,
        and for a field that is constant.

    References:
        E-folding time of the ACF, as in von Storch & Zwiers 1999, Statistical Analysis in Climate
        Research, 17.1.
    """
    step = time_step(store.times)
    pieces = _pieces(store, step)
    if not pieces:
        return None
    # Row means over all pieces: what differs from one piece to the next counts as correlated.
    columns = np.concatenate(pieces)
    mean = np.nansum(columns, axis=0) / np.maximum(np.isfinite(columns).sum(axis=0), 1)
    longest = max(map(len, pieces)) // 2
    covariance, pairs = np.zeros(longest + 1), np.zeros(longest + 1)
    for piece in pieces:
        lags = min(longest, len(piece) - 1)
        covariance[: lags + 1] += _summed_covariance(np.nan_to_num(piece - mean), lags)
        pairs[: lags + 1] += len(piece) - np.arange(lags + 1)
    if not covariance[0] > 0:
        return None
    correlation = covariance / pairs / (covariance[0] / pairs[0])
    below = np.flatnonzero(correlation < 1 / np.e)
    if not below.size:
        warnings.warn(
            f"{store.name!r} is still correlated with itself after {longest * step}, the longest "
            "lag that was looked at. gap= says a longer gap between the parts of a split.",
            stacklevel=3,
        )
    return (int(below[0]) if below.size else longest) * step


def _pieces(store: FrameStore, step: timedelta | None) -> list[np.ndarray]:
    """Runs of columns, `(columns, height)`, without a jump in time."""
    if step is None:
        return []
    nanoseconds = store.times.astype("datetime64[ns]").astype("int64")
    spans = [
        (start, min(start + COLUMNS, last + 1))
        for first, last in unbroken_runs(nanoseconds, step // timedelta(microseconds=1) * 1000)
        for start in range(first, last + 1, COLUMNS)
    ]
    spans = [span for span in spans if span[1] - span[0] > 1]
    if len(spans) > PIECES:
        spans = [spans[i] for i in np.linspace(0, len(spans) - 1, PIECES).round().astype(int)]
    return [store.read(*span)[..., 0] for span in spans]


def _summed_covariance(anomaly: np.ndarray, lags: int) -> np.ndarray:
    """Sum over rows and columns of the products of each value with that `lag` columns later."""
    from statsmodels.tsa.stattools import acovf

    rows = anomaly.T[anomaly.any(axis=0)]
    each = [acovf(row, adjusted=False, demean=False, fft=True, nlag=lags) for row in rows]
    return len(anomaly) * np.sum(each, axis=0) if each else np.zeros(lags + 1)
