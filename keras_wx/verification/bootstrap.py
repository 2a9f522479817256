"""How sure a difference between two forecasts is: a paired bootstrap over events."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from keras_wx.errors import DataError

_NUMERATORS = {"csi": ("hits",), "frequency_bias": ("hits", "false_alarms")}
_DENOMINATORS = {
    "csi": ("hits", "misses", "false_alarms"),
    "frequency_bias": ("hits", "misses"),
}
_ERRORS = ("mse", "mae")


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


def difference(
    cases: xr.Dataset,
    reference: xr.Dataset,
    score: str,
    *,
    gap: str = "12h",
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """The difference of a score between two forecasts, with a bootstrap interval over events.

    The score is the mean over lead times of the pooled score of each lead time. Events are drawn
    with replacement, the same ones for both forecasts.

    Args:
        cases: `verify(forecast, truth, preserve_dims=("init_time", "lead_time"))`.
        reference: the same of the forecast to compare with, of the same start times.
        score: `"csi"`, `"frequency_bias"`, `"mse"` or `"mae"`.
        gap: a break longer than this between start times begins a new event.
        draws: number of bootstrap samples.
        level: probability that the interval holds.
        seed: of the draws.

    Returns:
        `difference`, `low` and `high`, by threshold where the score has one; the attribute
        `events` says how many events there were.

    Raises:
        DataError: an unknown score, or start times that differ.

    References:
        Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentiles).
    """
    if score not in (*_NUMERATORS, *_ERRORS):
        raise DataError(
            f"score: expected one of {sorted((*_NUMERATORS, *_ERRORS))}. Received: {score!r}"
        )
    if not np.array_equal(cases["init_time"], reference["init_time"]):
        raise DataError(
            "A paired comparison needs the same start times. Received: "
            f"{cases.sizes['init_time']} and {reference.sizes['init_time']} that differ."
        )
    events = event_numbers(cases["init_time"].values, gap)
    count = int(events[-1]) + 1
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    weights = np.concatenate([np.ones((1, count)), weights])  # row 0: the sample itself
    values = _scores(cases, score, events, weights) - _scores(reference, score, events, weights)
    tail = (1 - level) / 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN slice")  # no event at this threshold
        low, high = np.nanquantile(values[1:], [tail, 1 - tail], axis=0)
    dims = ("threshold",) if values.ndim == 2 else ()
    return xr.Dataset(
        {"difference": (dims, values[0]), "low": (dims, low), "high": (dims, high)},
        coords={"threshold": cases["threshold"]} if dims else None,
        attrs={"score": score, "events": count, "level": level, "draws": draws},
    )


def _scores(cases: xr.Dataset, score: str, events: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Score of each draw, `(draws,)` or `(draws, threshold)`."""
    if score in _ERRORS:
        parts = cases[score].fillna(0) * cases["n_pairs"], cases["n_pairs"]
    else:
        parts = tuple(
            sum(cases[name] for name in names[score]) for names in (_NUMERATORS, _DENOMINATORS)
        )
    sums = []
    for part in parts:
        part = part.transpose("init_time", "lead_time", ...).values.astype(float)
        per_event = np.zeros((weights.shape[1], *part.shape[1:]))
        np.add.at(per_event, events, part)
        sums.append(np.tensordot(weights, per_event, axes=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(sums[1] > 0, sums[0] / sums[1], np.nan)
    known = ~np.isnan(ratio)
    count = known.sum(axis=1)
    return np.where(count > 0, np.nansum(ratio, axis=1) / np.maximum(count, 1), np.nan)
