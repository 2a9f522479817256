"""Quantiles of forecast and truth, and what needs the truth's own mean at each place."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from keras_wx.verification.downscale.sample import Sample

LEVELS = np.concatenate([[0.001, 0.005], np.arange(1, 100) / 100, [0.995, 0.999]])
"""Probabilities of the quantiles."""
SPREAD_BINS = 10


def quantiles(sample: Sample) -> xr.Dataset:
    """Quantiles of all members taken together, and of the truth."""
    found = {}
    for side, values in (("forecast", sample.forecast), ("truth", sample.truth)):
        values = values[..., sample.frames, :]
        values = values[~np.isnan(values)]
        levels = np.quantile(values, LEVELS) if values.size else np.full(LEVELS.size, np.nan)
        found[f"{side}_quantile"] = ("quantile", levels)
    bias = found["forecast_quantile"][1][-1] - found["truth_quantile"][1][-1]
    return xr.Dataset(found | {"p999_bias": bias}, {"quantile": LEVELS})


def nash_sutcliffe(sample: Sample) -> xr.Dataset:
    """`1 - SSE / SST` with the truth's deviations from its own mean at each place.

    References:
        Nash and Sutcliffe (1970), J. Hydrol. 10, 282-290.
    """
    x, y = sample.forecast[:, sample.frames].mean(axis=0, dtype=float), sample.truth[sample.frames]
    often = (~np.isnan(y)).sum(axis=0) > 1
    y = y[:, often].astype(float)
    if not y.size:
        return xr.Dataset({"nse": np.nan})
    error = np.nansum((x[:, often] - y) ** 2)
    variation = np.nansum((y - np.nanmean(y, axis=0)) ** 2)
    return xr.Dataset({"nse": 1 - error / variation if variation > 0 else np.nan})


def calibration(sample: Sample) -> xr.Dataset:
    """Error of the mean by tenths of the spread: of a reliable ensemble both grow alike."""
    x, y = sample.forecast[:, sample.frames], sample.truth[sample.frames]
    variance = x.var(axis=0, ddof=1, dtype=float)
    error = (x.mean(axis=0, dtype=float) - y) ** 2
    there = ~np.isnan(error)
    variance, error = variance[there], error[there]
    counts = np.zeros(SPREAD_BINS, int)
    sums = [np.zeros(SPREAD_BINS)] * 2
    if variance.size:
        edges = np.quantile(variance, np.arange(1, SPREAD_BINS) / SPREAD_BINS)
        bin_of = np.searchsorted(edges, variance, side="right")
        counts = np.bincount(bin_of, minlength=SPREAD_BINS)
        sums = [np.bincount(bin_of, each, minlength=SPREAD_BINS) for each in (variance, error)]
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        spread_variance, spread_mse = (each / counts for each in sums)
    return xr.Dataset(
        {
            "spread_count": ("spread_bin", counts),
            "spread_variance": ("spread_bin", spread_variance),
            "spread_mse": ("spread_bin", spread_mse),
        },
        {"spread_bin": np.arange(SPREAD_BINS)},
    )
