"""Scores of a set from the scores of its parts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr
from scores.categorical import BasicContingencyManager

from keras_wx.errors import DataError

_COUNTS = {
    "hits": "tp_count",
    "misses": "fn_count",
    "false_alarms": "fp_count",
    "correct_negatives": "tn_count",
}
_MEAN_OVER_PIXELS = ("mae", "mse", "mean_error", "rainfall_mse")
_MEAN_OVER_FRAMES = ("correlation",)


def pool(scores: xr.Dataset, dims: str | Iterable[str]) -> xr.Dataset:
    """The scores of all frames along `dims` taken together.

    Counts are added before any ratio is taken, and mean errors are weighted with their number of
    pixels, so that pooling is exact: `pool(verify(f, t, preserve_dims=("init_time",
    "lead_time")), "init_time")` equals `verify(f, t)`. To bootstrap over events, draw init_times
    with replacement and pool each draw.

    Args:
        scores: what `verify` returns.
        dims: the dims to pool over, any but `threshold`.

    Returns:
        The same variables without `dims`. A ratio without a denominator is NaN.

    Raises:
        DataError: `scores` does not have one of the dims.

    Example:

    >>> cases = keras_wx.verify(forecast, radar, preserve_dims=("init_time", "lead_time"))
    >>> draw = np.random.default_rng(0).integers(cases.init_time.size, size=cases.init_time.size)
    >>> pool(cases.isel(init_time=draw), "init_time").csi
    """
    dims = [dims] if isinstance(dims, str) else list(dims)
    poolable = [dim for dim in scores.dims if dim != "threshold"]
    unknown = [dim for dim in dims if dim not in poolable]
    if unknown:
        raise DataError(f"Cannot pool over {unknown}. Expected dims of {poolable}.")

    counts = scores[list(_COUNTS)].sum(dims)
    pooled = scores[["n_forecasts", "n_pairs"]].sum(dims)
    for names, weight in (
        (_MEAN_OVER_PIXELS, "n_pairs"),
        (_MEAN_OVER_FRAMES, "n_forecasts"),
    ):
        present = [name for name in names if name in scores]
        pooled = pooled.assign(scores[present].weighted(scores[weight]).mean(dims))
    pooled["rmse"] = np.sqrt(pooled["mse"])
    pooled = pooled.assign(counts).assign(_ratios(counts))

    for name, variable in pooled.variables.items():
        if name in scores.variables:
            variable.attrs.update(scores[name].attrs)
    return pooled.assign_attrs(scores.attrs)


def _ratios(counts: xr.Dataset) -> xr.Dataset:
    table = {theirs: counts[ours].astype(float) for ours, theirs in _COUNTS.items()}
    table["total_count"] = sum(table.values())
    table = BasicContingencyManager(table)
    ratios = xr.Dataset(
        {
            "csi": table.critical_success_index(),
            "pod": table.probability_of_detection(),
            "far": table.false_alarm_ratio(),
            "hss": table.heidke_skill_score(),
            "frequency_bias": table.frequency_bias(),
        }
    )
    # Forecast events where none was observed: the bias has no denominator either.
    return ratios.where(np.isfinite(ratios))
