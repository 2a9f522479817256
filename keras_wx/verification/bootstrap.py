"""How sure a score is, or the difference of two: a bootstrap over events."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from keras_wx.errors import DataError
from keras_wx.verification.pooling import from_sums, to_sums


def event_numbers(init_times: np.ndarray, gap: str | np.timedelta64 = "12h") -> np.ndarray:
    """Numbers the events of a series of start times: a break longer than `gap` begins a new one.

    Forecasts of one event share their weather and are no independent evidence, so that events,
    not forecasts, are drawn.

    Args:
        init_times: datetime64, increasing, shape `(n,)`.
        gap: the least break between two events.

    Returns:
        Numbers from 0, shape `(n,)`.
    """
    import pandas as pd

    breaks = np.diff(init_times) > pd.Timedelta(gap).to_timedelta64()
    return np.concatenate([[0], np.cumsum(breaks)])


def interval(
    cases: xr.Dataset,
    score: str,
    *,
    by_lead_time: bool = False,
    gap: str = "12h",
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """A score with a bootstrap interval over events.

    Events are drawn with replacement, and the score is that of all forecasts of a draw pooled.

    Args:
        cases: `verify(forecast, truth, preserve_dims=("init_time", "lead_time"))`, or `spectra`
            with the same `preserve_dims`.
        score: any of its scores: "csi", "pod", "far", "hss", "frequency_bias", "fss", "mse",
            "mae", "rmse", "crps", "spread_skill_ratio", "rank_frequency", ...
        by_lead_time: the score of each lead time. Otherwise the mean over lead times of the pooled
            score of each, those without a score left out.
        gap: a break longer than this between start times begins a new event.
        draws: number of bootstrap samples.
        level: probability that the interval holds.
        seed: of the draws.

    Returns:
        `value`, `low` and `high`, by threshold, scale and so on where the score has them; the
        attribute `events` says how many events there were. Those of a single event are all alike:
        its interval says nothing.

    Raises:
        DataError: an unknown score, or cases without init_time.

    References:
        Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentiles).
        Wilks (2011), Statistical Methods in the Atmospheric Sciences, section 5.3.5.

    Example:

    >>> cases = keras_wx.verify(forecast, radar, preserve_dims=("init_time", "lead_time"))
    >>> keras_wx.verification.interval(cases, "csi").sel(threshold=10)
    """
    values, events = _resampled(cases, score, by_lead_time, gap, draws, seed)
    return _summary("value", values, score, events, level)


def difference(
    cases: xr.Dataset,
    reference: xr.Dataset,
    score: str,
    *,
    by_lead_time: bool = False,
    gap: str = "12h",
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """The difference of a score between two forecasts, with a bootstrap interval over events.

    As `interval`, with the same events drawn for both forecasts: what makes an event hard for both
    does not widen the interval.

    Args:
        cases: `verify(forecast, truth, preserve_dims=("init_time", "lead_time"))`.
        reference: the same of the forecast to compare with, of the same start times.
        score: see `interval`.
        by_lead_time: see `interval`.
        gap: a break longer than this between start times begins a new event.
        draws: number of bootstrap samples.
        level: probability that the interval holds.
        seed: of the draws.

    Returns:
        `difference` (cases minus reference), `low` and `high`, as `interval` has them.

    Raises:
        DataError: an unknown score, or start times that differ.

    References:
        Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentiles).
    """
    for each in (cases, reference):
        _check(each)
    if not np.array_equal(cases["init_time"], reference["init_time"]):
        raise DataError(
            "A paired comparison needs the same start times. Received: "
            f"{cases.sizes['init_time']} and {reference.sizes['init_time']} that differ."
        )
    (ours, events), (theirs, _) = (
        _resampled(each, score, by_lead_time, gap, draws, seed) for each in (cases, reference)
    )
    return _summary("difference", ours - theirs, score, events, level)


def _check(cases: xr.Dataset) -> None:
    if "init_time" not in cases.dims:
        raise DataError(
            "A bootstrap needs the scores of each start time: "
            'verify(..., preserve_dims=("init_time", "lead_time")). '
            f"Received: dims {tuple(cases.dims)}"
        )


def _resampled(
    cases: xr.Dataset, score: str, by_lead_time: bool, gap: str, draws: int, seed: int
) -> tuple[xr.DataArray, int]:
    """The score of each draw, dim `draw`, of which number 0 is the sample itself; how many events
    there were."""
    _check(cases)
    cases = cases.sortby("init_time")
    events = event_numbers(cases["init_time"].values, gap)
    starts = np.flatnonzero(np.diff(events, prepend=-1))
    count = len(starts)
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    weights = np.concatenate([np.ones((1, count)), weights])

    def draw(values: np.ndarray) -> np.ndarray:
        return np.tensordot(np.add.reduceat(values, starts, axis=-1), weights, axes=(-1, -1))

    sums = xr.apply_ufunc(
        draw, to_sums(cases), input_core_dims=[["init_time"]], output_core_dims=[["draw"]]
    )
    scores = from_sums(sums)
    if score not in scores:
        raise DataError(f"score: expected one of {sorted(scores.data_vars)}. Received: {score!r}")
    values = scores[score]
    if "lead_time" in values.dims and not by_lead_time:
        values = values.mean("lead_time")
    return values, count


def _summary(name: str, values: xr.DataArray, score: str, events: int, level: float) -> xr.Dataset:
    drawn = values.isel(draw=slice(1, None))
    tail = (1 - level) / 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN slice")  # no event at this threshold
        low, high = drawn.quantile([tail, 1 - tail], "draw", skipna=True).drop_vars("quantile")
    return xr.Dataset(
        {name: values.isel(draw=0), "low": low, "high": high},
        attrs={"score": score, "events": events, "level": level, "draws": drawn.sizes["draw"]},
    )
