"""Autocorrelation and partial autocorrelation in time, of the domain's mean and of pixels."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from keras_wx.verification.downscale.sample import Sample
from keras_wx.verification.downscale.slots import Slots

SERIES = ("domain_mean", "pixel")
PIXELS, MEMBERS = 50, 4
"""Places and members whose own functions are averaged."""


def autocorrelations(
    domain_means: tuple[np.ndarray, np.ndarray], sample: Sample, slots: Slots, lags: int
) -> xr.Dataset:
    """ACF and PACF of forecast and truth by `series` and `lag`.

    Args:
        domain_means: of the forecast, `(realization, time)`, and of the truth, `(time,)`.
        sample: the series of pixels.
        slots: of all times of the sample.
        lags: the longest, in steps.

    Returns:
        `{side}_acf`: the mean over members of that of the domain's mean, and the mean over pixels
        and members of that of each pixel. `{side}_pacf`: of these means, by the Yule-Walker
        equations; NaN from where gaps leave them without a solution.

    References:
        Box, Jenkins and Reinsel (1994), Time Series Analysis, chapters 2 and 3.
    """
    frames = sample.frames
    here = slots[frames]
    found = {}
    for side, mean, values in (
        ("forecast", domain_means[0][:, frames].T, sample.forecast[:MEMBERS, frames, :PIXELS]),
        ("truth", domain_means[1][frames, None], sample.truth[None, frames, :PIXELS]),
    ):
        pixels = np.moveaxis(values, 1, 0).reshape(len(mean), -1)
        both = [_averaged(here.series(each), lags) for each in (mean, pixels)]
        for name, functions in zip(("acf", "pacf"), zip(*both, strict=True), strict=True):
            found[f"{side}_{name}"] = (("series", "lag"), np.stack(functions))
    return xr.Dataset(found, {"series": list(SERIES), "lag": np.arange(lags + 1)})


def _averaged(series: np.ndarray, lags: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean ACF of series `(time, n)`, of those that vary, and the PACF that goes with it."""
    least, greatest = np.fmin.reduce(series), np.fmax.reduce(series)
    functions = [_correlation(each, lags) for each in series.T[greatest > least]]
    if not functions:
        return (np.full(lags + 1, np.nan),) * 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Mean of empty slice")  # no pair at this lag
        mean = np.nanmean(functions, axis=0)
    return mean, _partial(mean, len(series) // 2)


def _correlation(series: np.ndarray, lags: int) -> np.ndarray:
    from statsmodels.tsa.stattools import acf

    there = ~np.isnan(series)
    reach = min(lags, len(series) - 1)
    # Where frames are absent there are fewer pairs at a lag than it takes to divide by their
    # number at lag 0, as is usual for whole series.
    found = acf(
        series,
        nlags=reach,
        fft=True,
        adjusted=not there.all(),
        missing="none" if there.all() else "conservative",
    )
    pairs = np.correlate(there.astype(int), there.astype(int), "full")[len(series) - 1 :]
    whole = np.full(lags + 1, np.nan)
    whole[: reach + 1] = np.where(pairs[: reach + 1] > 0, found, np.nan)
    return whole


def _partial(correlation: np.ndarray, most: int) -> np.ndarray:
    """Up to lag `most`: longer ones rest on too few pairs to be solved for."""
    from statsmodels.tsa.stattools import levinson_durbin

    found = np.full(correlation.size, np.nan)
    unknown = np.flatnonzero(np.isnan(correlation))
    order = min(most, (unknown[0] if unknown.size else correlation.size) - 1)
    if order > 0:
        found[: order + 1] = levinson_durbin(correlation, order, isacov=True)[2]
    # What was counted over gaps need not be the autocorrelation of any process.
    beyond = np.flatnonzero(np.abs(found) > 1 + 1e-9)
    if beyond.size:
        found[beyond[0] :] = np.nan
    return found
