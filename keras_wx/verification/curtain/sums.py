"""Scores of curtains from sums over columns, and back: the additions to those of forecasts."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.verification import pooling

_SUMS = (
    *("n_columns", "forecast_cloud", "truth_cloud", "cloud_in_both"),
    *("forecast_histogram", "truth_histogram", "edge_moments"),
    *("forecast_lowest_echo", "truth_lowest_echo"),
    *("forecast_without_echo", "truth_without_echo", "n_lowest_echo"),
    *("profile_count", "n_time_spectra", "n_height_spectra", "n_unsure", "spread_count"),
    "spread_error_histogram",
)
_MEANS = {
    **dict.fromkeys(("lowest_echo_mae", "lowest_echo_bias"), "n_lowest_echo"),
    **{
        f"{side}_{name}": "profile_count"
        for side in ("forecast", "truth")
        for name in ("profile", "cloud_profile")
    },
    **{
        f"{side}_{along}_power": f"n_{along}_spectra"
        for along in ("time", "height")
        for side in ("forecast", "truth", "ensemble_mean")
    },
    **{"coverage": "n_pairs", "unsure_coverage": "n_unsure"},
    **dict.fromkeys(("spread_variance", "spread_mse"), "spread_count"),
}
"""Name -> the number that it is the mean over."""


def to_sums(scores: xr.Dataset) -> xr.Dataset:
    """What may be added up over blocks of columns."""
    sums = pooling.to_sums(scores).assign({name: scores[name] for name in _SUMS if name in scores})
    means = {name: weight for name, weight in _MEANS.items() if name in scores}
    return sums.assign(
        {name: scores[name].fillna(0) * scores[weight] for name, weight in means.items()}
    )


def from_sums(sums: xr.Dataset) -> xr.Dataset:
    """The scores of sums over columns: the inverse of `to_sums`, and every ratio that follows."""
    scores = pooling.from_sums(sums).assign({name: sums[name] for name in _SUMS if name in sums})
    means = {name: weight for name, weight in _MEANS.items() if name in sums}
    scores = scores.assign(
        {name: _ratio(sums[name], sums[weight]) for name, weight in means.items()}
    )
    return scores.assign(
        {name: ratio(scores) for name, (source, ratio) in _RATIOS.items() if source in scores}
    )


def _earth_mover(forecast: xr.DataArray, truth: xr.DataArray) -> xr.DataArray:
    """Mean difference of the distributions over the range, in per cent."""
    dim = "reflectivity_bin"
    ours, theirs = (_ratio(each.cumsum(dim), each.sum(dim)) for each in (forecast, truth))
    return 100 * abs(ours - theirs).mean(dim, skipna=False)


def _pearson(moments: xr.DataArray) -> xr.DataArray:
    n, x, y, xx, yy, xy = (moments.sel(moment=name, drop=True) for name in moments["moment"].values)
    variances = (n * xx - x**2) * (n * yy - y**2)
    # A variance that is 0 but for rounding has no correlation.
    enough = variances > 1e-12 * (n * xx) * (n * yy)
    return (n * xy - x * y) / np.sqrt(variances.where(enough))


def _rank_correlation(counts: xr.DataArray) -> xr.DataArray:
    """Spearman's, of numbers of which the class is known: those of one class share a rank."""
    total = counts.sum(("spread_class", "error_class"))
    spread, error = counts.sum("error_class"), counts.sum("spread_class")
    # Ranks of a class: those below it and half of its own, less the mean rank.
    ranks = [
        each.cumsum(dim) - each / 2 - total / 2
        for each, dim in ((spread, "spread_class"), (error, "error_class"))
    ]
    variances = xr.dot(spread, ranks[0] ** 2, dim="spread_class") * xr.dot(
        error, ranks[1] ** 2, dim="error_class"
    )
    covariance = xr.dot(counts, *ranks, dim=("spread_class", "error_class"))
    return covariance / np.sqrt(variances.where(variances > 0))


def _ratio(numerator: xr.DataArray, denominator: xr.DataArray) -> xr.DataArray:
    return numerator / denominator.where(denominator > 0)


_RATIOS = {
    "dice": (
        "cloud_in_both",
        lambda s: _ratio(2 * s["cloud_in_both"], s["forecast_cloud"] + s["truth_cloud"]),
    ),
    "emd": (
        "forecast_histogram",
        lambda s: _earth_mover(s["forecast_histogram"], s["truth_histogram"]),
    ),
    "edge_correlation": ("edge_moments", lambda s: _pearson(s["edge_moments"])),
    "profile_bias": ("forecast_profile", lambda s: s["forecast_profile"] - s["truth_profile"]),
    "spearman": (
        "spread_error_histogram",
        lambda s: _rank_correlation(s["spread_error_histogram"]),
    ),
}
"""Score -> one of what it is made of, and how."""
