"""How sure a score is, or the difference of two: a bootstrap over events or blocks of columns."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from keras_wx.errors import DataError
from keras_wx.verification import pooling
from keras_wx.verification.curtain import sums as curtain_sums


@dataclass(frozen=True)
class _Cases:
    """Sums of each case, and which cases are drawn together."""

    sums: xr.Dataset
    dim: str
    numbers: np.ndarray
    drawn: str
    """What is drawn, in the words of the result's attributes."""
    scores_of: Callable[[xr.Dataset], xr.Dataset]


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
    block: str | None = None,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """A score with a bootstrap interval: over events or, of a curtain, over blocks of columns.

    Events are drawn with replacement, and the score is that of all forecasts of a draw pooled.
    Neighbouring columns of a curtain see the same cloud and are no independent evidence either, so
    that blocks of them are drawn: the interval is honest for blocks that are longer than the time
    in which columns decorrelate.

    Args:
        cases: `verify(forecast, truth, preserve_dims=("init_time", "lead_time"))`, or `spectra`
            with the same `preserve_dims`; `verify_downscaled(..., by="time")`, whose times are then
            what start times are here; or `verify_curtain(..., by_block=True)`.
        score: any of its scores: "csi", "pod", "far", "hss", "frequency_bias", "fss", "mse",
            "mae", "rmse", "crps", "spread_skill_ratio", "rank_frequency", ...; of curtains also
            "dice", "emd", "edge_correlation", "coverage", "spearman", ...
        by_lead_time: the score of each lead time. Otherwise the mean over lead times of the pooled
            score of each, those without a score left out.
        gap: a break longer than this between start times begins a new event.
        block: for downscaled fields, which follow each other without a break: time that is drawn as
            a whole, such as "5d", in place of events.
        draws: number of bootstrap samples.
        level: probability that the interval holds.
        seed: of the draws.

    Returns:
        `value`, `low` and `high`, by threshold, scale and so on where the score has them; the
        attribute `events`, or `blocks`, says how many there were. The draws of a single one are all
        alike: its interval says nothing.

    Raises:
        DataError: an unknown score, or cases without init_time or block.

    References:
        Künsch (1989), The Jackknife and the Bootstrap for General Stationary Observations, Annals
        of Statistics 17, 1217-1241 (blocks).
        Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentiles).
        Wilks (2011), Statistical Methods in the Atmospheric Sciences, section 5.3.5.

    Example:

    >>> cases = keras_wx.verify(forecast, radar, preserve_dims=("init_time", "lead_time"))
    >>> keras_wx.verification.interval(cases, "csi").sel(threshold=10)
    """
    values, drawn = _resampled(_cases(cases, gap, block), score, by_lead_time, draws, seed)
    return _summary("value", values, level, {"score": score, **drawn})


def difference(
    cases: xr.Dataset,
    reference: xr.Dataset,
    score: str,
    *,
    by_lead_time: bool = False,
    gap: str = "12h",
    block: str | None = None,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """The difference of a score between two forecasts, with a bootstrap interval.

    As `interval`, with the same events or blocks drawn for both forecasts: what makes an event hard
    for both does not widen the interval.

    Args:
        cases: see `interval`.
        reference: the same of the forecast to compare with, of the same start times or columns.
        score: see `interval`.
        by_lead_time: see `interval`.
        gap: a break longer than this between start times begins a new event.
        block: see `interval`.
        draws: number of bootstrap samples.
        level: probability that the interval holds.
        seed: of the draws.

    Returns:
        `difference` (cases minus reference), `low` and `high`, as `interval` has them.

    Raises:
        DataError: an unknown score, or start times or blocks that differ.

    References:
        Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentiles).
    """
    ours, theirs = (_cases(each, gap, block) for each in (cases, reference))
    if ours.dim != theirs.dim or not np.array_equal(_starts(cases), _starts(reference)):
        what = "blocks of columns" if ours.dim == "block" else "start times"
        raise DataError(
            f"A paired comparison needs the same {what}. Received: {len(ours.numbers)} and "
            f"{len(theirs.numbers)} that differ."
        )
    (values, drawn), (reference_values, _) = (
        _resampled(each, score, by_lead_time, draws, seed) for each in (ours, theirs)
    )
    return _summary("difference", values - reference_values, level, {"score": score, **drawn})


def block_numbers(times: np.ndarray, block: str) -> np.ndarray:
    """Numbers the blocks of a series of times: they begin at whole multiples of `block` from the
    first, and those without a time are none.

    Args:
        times: datetime64, increasing, shape `(n,)`.
        block: length of a block.

    Returns:
        Numbers from 0, shape `(n,)`.
    """
    import pandas as pd

    since = (times - times[0]) // pd.Timedelta(block).to_timedelta64()
    return np.unique(since, return_inverse=True)[1]


def _cases(cases: xr.Dataset, gap: str, block: str | None) -> _Cases:
    if "block" in cases.dims:
        numbers = np.arange(cases.sizes["block"])
        sums = curtain_sums.to_sums(cases)
        return _Cases(sums, "block", numbers, "blocks", curtain_sums.from_sums)
    if "time" in cases.dims and block is not None:
        cases = cases.sortby("time").rename(time="init_time")
        numbers = block_numbers(cases["init_time"].values, block)
        return _Cases(pooling.to_sums(cases), "init_time", numbers, "blocks", pooling.from_sums)
    if "time" in cases.dims:
        cases = cases.rename(time="init_time")
    if "init_time" in cases.dims:
        cases = cases.sortby("init_time")
        numbers = event_numbers(cases["init_time"].values, gap)
        return _Cases(pooling.to_sums(cases), "init_time", numbers, "events", pooling.from_sums)
    raise DataError(
        "A bootstrap needs the scores of each start time, verify(..., "
        'preserve_dims=("init_time", "lead_time")), of each downscaled field, '
        'verify_downscaled(..., by="time"), or of each block of columns, '
        f"verify_curtain(..., by_block=True). Received: dims {tuple(cases.dims)}"
    )


def _starts(cases: xr.Dataset) -> np.ndarray:
    if "block" in cases.dims:
        return cases["start_time"].values
    return cases["time" if "time" in cases.dims else "init_time"].values


def _resampled(
    cases: _Cases, score: str, by_lead_time: bool, draws: int, seed: int
) -> tuple[xr.DataArray, dict[str, int]]:
    """The score of each draw, dim `draw`, of which number 0 is the sample itself; how much was
    drawn how often."""
    starts = np.flatnonzero(np.diff(cases.numbers, prepend=-1))
    count = len(starts)
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    weights = np.concatenate([np.ones((1, count)), weights])

    def draw(values: np.ndarray) -> np.ndarray:
        return np.tensordot(np.add.reduceat(values, starts, axis=-1), weights, axes=(-1, -1))

    sums = xr.apply_ufunc(
        draw, cases.sums, input_core_dims=[[cases.dim]], output_core_dims=[["draw"]]
    )
    scores = cases.scores_of(sums)
    if score not in scores:
        raise DataError(f"score: expected one of {sorted(scores.data_vars)}. Received: {score!r}")
    values = scores[score]
    if "lead_time" in values.dims and not by_lead_time:
        values = values.mean("lead_time")
    return values, {cases.drawn: count, "draws": draws}


def _summary(name: str, values: xr.DataArray, level: float, attrs: dict) -> xr.Dataset:
    drawn = values.isel(draw=slice(1, None))
    tail = (1 - level) / 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN slice")  # no event at this threshold
        low, high = drawn.quantile([tail, 1 - tail], "draw", skipna=True).drop_vars("quantile")
    return xr.Dataset(
        {name: values.isel(draw=0), "low": low, "high": high}, attrs=attrs | {"level": level}
    )
