"""How sure a score of a curtain is, or a difference: a bootstrap over blocks of columns."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from keras_wx.errors import DataError
from keras_wx.verification.curtain.sums import from_sums, to_sums


def interval(
    cases: xr.Dataset, score: str, *, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> xr.Dataset:
    """A score of a curtain with a bootstrap interval over blocks of columns.

    Neighbouring columns see the same cloud and are no independent evidence, so that blocks of them
    are drawn, with replacement; the score is that of all columns of a draw together. The interval
    is honest for blocks that are longer than the decorrelation time of the curtain.

    Args:
        cases: `verify_curtain(..., by_block=True)`.
        score: any of its scores but `spearman`, which does not follow from sums over columns:
            "mae", "dice", "emd", "csi", "crps", "edge_correlation", "coverage", ...
        draws: number of bootstrap samples.
        level: probability that the interval holds.
        seed: of the draws.

    Returns:
        `value`, `low` and `high`, by event, height and so on where the score has them; the
        attribute `blocks` says how many there were. Draws of a single block are all alike: its
        interval says nothing.

    Raises:
        DataError: an unknown score, or cases that are not by block.

    References:
        Künsch (1989), The Jackknife and the Bootstrap for General Stationary Observations, Annals
        of Statistics 17, 1217-1241 (blocks).
        Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentiles).

    Example:

    >>> cases = verify_curtain(curtain, truth, by_block=True)
    >>> interval(cases, "csi").sel(event="virga")
    """
    return _summary("value", _resampled(cases, score, draws, seed), cases, score, level)


def difference(
    cases: xr.Dataset,
    reference: xr.Dataset,
    score: str,
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """The difference of a score between two reconstructions, with a bootstrap interval.

    As `interval`, with the same blocks drawn for both: what makes a cloud hard for both does not
    widen the interval.

    Args:
        cases: `verify_curtain(..., by_block=True)`.
        reference: the same of the reconstruction to compare with, of the same columns.
        score: see `interval`.
        draws: number of bootstrap samples.
        level: probability that the interval holds.
        seed: of the draws.

    Returns:
        `difference` (cases minus reference), `low` and `high`, as `interval` has them.

    Raises:
        DataError: an unknown score, or blocks that differ.
    """
    for each in (cases, reference):
        _check(each)
    if not np.array_equal(cases["start_time"], reference["start_time"]):
        raise DataError(
            "A paired comparison needs the same blocks of columns. Received: "
            f"{cases.sizes['block']} and {reference.sizes['block']} that differ."
        )
    ours, theirs = (_resampled(each, score, draws, seed) for each in (cases, reference))
    return _summary("difference", ours - theirs, cases, score, level)


def _check(cases: xr.Dataset) -> None:
    if "block" not in cases.dims:
        raise DataError(
            "A bootstrap needs the scores of each block: verify_curtain(..., by_block=True). "
            f"Received: dims {tuple(cases.dims)}"
        )


def _resampled(cases: xr.Dataset, score: str, draws: int, seed: int) -> xr.DataArray:
    """The score of each draw, dim `draw`, of which number 0 is the sample itself."""
    _check(cases)
    count = cases.sizes["block"]
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    weights = xr.DataArray(np.concatenate([np.ones((1, count)), weights]), dims=("draw", "block"))
    sums = to_sums(cases).map(lambda values: xr.dot(weights, values.astype(float), dim="block"))
    scores = from_sums(sums)
    if score not in scores:
        raise DataError(f"score: expected one of {sorted(scores.data_vars)}. Received: {score!r}")
    return scores[score]


def _summary(
    name: str, values: xr.DataArray, cases: xr.Dataset, score: str, level: float
) -> xr.Dataset:
    drawn, tail = values.isel(draw=slice(1, None)), (1 - level) / 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN slice")  # an event that never happened
        low, high = drawn.quantile([tail, 1 - tail], "draw", skipna=True).drop_vars("quantile")
    return xr.Dataset(
        {name: values.isel(draw=0), "low": low, "high": high},
        attrs={
            "score": score,
            "blocks": cases.sizes["block"],
            "level": level,
            "draws": drawn.sizes["draw"],
        },
    )
