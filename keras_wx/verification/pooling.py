"""Scores of a set from the scores of its parts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr
from scores.categorical import BasicContingencyManager

from keras_wx.errors import DataError

OWN_DIMS = ("threshold", "scale", "rank", "probability_bin", "wavenumber")
"""Dims of a score itself, over which nothing is pooled."""

_COUNTS = {
    "hits": "tp_count",
    "misses": "fn_count",
    "false_alarms": "fp_count",
    "correct_negatives": "tn_count",
}
_SUMS = (
    *("n_forecasts", "n_pairs"),
    *_COUNTS,
    *("fss_error", "fss_reference"),
    *("rank_histogram", "forecast_count", "observed_count", "probability_sum"),
)
_MEANS = {
    **dict.fromkeys(("mae", "mse", "mean_error", "rainfall_mse"), "n_pairs"),
    **dict.fromkeys(("crps", "crps_fair", "ensemble_variance", "brier"), "n_pairs"),
    "correlation": "n_forecasts",
    **dict.fromkeys(("forecast_power", "truth_power", "ensemble_mean_power"), "n_forecasts"),
}
"""Name -> the number that it is the mean over."""


def pool(scores: xr.Dataset, dims: str | Iterable[str]) -> xr.Dataset:
    """The scores of all frames along `dims` taken together.

    Counts are added before any ratio is taken, and mean errors are weighted with their number of
    pixels, so that pooling is exact: `pool(verify(f, t, preserve_dims=("init_time",
    "lead_time")), "init_time")` equals `verify(f, t)`. To bootstrap over events, see
    `keras_wx.verification.interval` and `difference`.

    Args:
        scores: what `verify` or `spectra` returns.
        dims: the dims to pool over: not those of a score itself, such as `threshold`.

    Returns:
        The same variables without `dims`. A ratio without a denominator is NaN.

    Raises:
        DataError: `scores` does not have one of the dims.

    Example:

    >>> cases = keras_wx.verify(forecast, radar, preserve_dims=("init_time", "lead_time"))
    >>> pool(cases.isel(init_time=slice(0, 100)), "init_time").csi
    """
    dims = [dims] if isinstance(dims, str) else list(dims)
    poolable = [dim for dim in scores.dims if dim not in OWN_DIMS]
    unknown = [dim for dim in dims if dim not in poolable]
    if unknown:
        raise DataError(f"Cannot pool over {unknown}. Expected dims of {poolable}.")

    pooled = from_sums(to_sums(scores).sum(dims))
    for name, variable in pooled.variables.items():
        if name in scores.variables:
            variable.attrs.update(scores[name].attrs)
    return pooled.assign_attrs(scores.attrs)


def to_sums(scores: xr.Dataset) -> xr.Dataset:
    """What may be added up over frames: counts as they are, means times their weight."""
    sums = scores[[name for name in _SUMS if name in scores]]
    means = {name: weight for name, weight in _MEANS.items() if name in scores}
    return sums.assign(
        {name: scores[name].fillna(0) * scores[weight] for name, weight in means.items()}
    )


def from_sums(sums: xr.Dataset) -> xr.Dataset:
    """The scores of sums over frames: the inverse of `to_sums`, and every ratio."""
    scores = sums[[name for name in _SUMS if name in sums]]
    means = {name: weight for name, weight in _MEANS.items() if name in sums}
    scores = scores.assign(
        {name: _ratio(sums[name], sums[weight]) for name, weight in means.items()}
    )
    if "mse" in scores:
        scores["rmse"] = np.sqrt(scores["mse"])
    if "hits" in scores:
        scores = scores.assign(_categorical(scores))
    if "fss_error" in scores:
        scores["fss"] = 1 - _ratio(scores["fss_error"], scores["fss_reference"])
    if "rank_histogram" in scores:
        scores = scores.assign(_of_ensemble(scores))
    return scores


def _categorical(counts: xr.Dataset) -> dict[str, xr.DataArray]:
    table = {theirs: counts[ours].astype(float) for ours, theirs in _COUNTS.items()}
    table["total_count"] = sum(table.values())
    table = BasicContingencyManager(table)
    ratios = {
        "csi": table.critical_success_index(),
        "pod": table.probability_of_detection(),
        "far": table.false_alarm_ratio(),
        "hss": table.heidke_skill_score(),
        "frequency_bias": table.frequency_bias(),
    }
    # Forecast events where none was observed: the bias has no denominator either.
    return {name: ratio.where(np.isfinite(ratio)) for name, ratio in ratios.items()}


def _of_ensemble(scores: xr.Dataset) -> dict[str, xr.DataArray]:
    members = scores.sizes["rank"] - 1
    spread = np.sqrt(scores["ensemble_variance"])
    ranks = scores["rank_histogram"]
    found = {
        "spread": spread,
        "spread_skill_ratio": _ratio(np.sqrt((members + 1) / members) * spread, scores["rmse"]),
        "rank_frequency": _ratio(ranks, ranks.sum("rank")),
    }
    if "forecast_count" in scores:  # there are thresholds
        count = scores["forecast_count"]
        found["observed_frequency"] = _ratio(scores["observed_count"], count)
        found["mean_probability"] = _ratio(scores["probability_sum"], count)
    return found


def _ratio(numerator: xr.DataArray, denominator: xr.DataArray) -> xr.DataArray:
    return numerator / denominator.where(denominator > 0)
