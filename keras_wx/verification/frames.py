"""The scores of each single frame, from which those of any set of frames follow."""

from __future__ import annotations

import numpy as np
import scores.continuous
import xarray as xr

from keras_wx.verification.ensemble import score_members
from keras_wx.verification.neighbourhood import fss_parts
from keras_wx.verification.pairs import Pairs
from keras_wx.verification.scale import RAIN_RATE, Scale

_EPSILON = 1e-9  # keeps the paper's correlation of a frame without echo finite, at 0


def score_frames(
    pairs: Pairs,
    scale: Scale,
    *,
    members: bool,
    scales: xr.DataArray | None,
    probability_bins: int,
) -> xr.Dataset:
    """Counts and mean errors of every frame: dims `init_time, lead_time` and, for the counts,
    `threshold`; with `members` each realization by itself, otherwise their mean and, of two or
    more, what they say together."""

    def score(forecast: xr.DataArray, truth: xr.DataArray) -> xr.Dataset:
        if members:
            return _score(forecast, truth, pairs.grid, scale, scales)
        mean = forecast.mean("realization", skipna=False)
        found = _score(mean, truth, pairs.grid, scale, scales)
        if forecast.sizes["realization"] > 1:
            found = found.assign(score_members(forecast, truth, scale, probability_bins))
        return found

    return pairs.map(score)


def _score(
    forecast: xr.DataArray,
    truth: xr.DataArray,
    grid: tuple[str, str],
    scale: Scale,
    scales: xr.DataArray | None,
) -> xr.Dataset:
    both = forecast.notnull() & truth.notnull()
    forecast, truth = forecast.where(both), truth.where(both)
    frames = [dim for dim in forecast.dims if dim not in grid]

    found = xr.Dataset({"n_pairs": both.sum(grid)})
    found["n_forecasts"] = (found["n_pairs"] > 0).astype(int)
    for name in ("mae", "mse", "mean_error"):
        found[name] = getattr(scores.continuous, name)(forecast, truth, preserve_dims=frames)

    rain = [_apply(scale.rain_rate, field) for field in (forecast, truth)] if scale.is_rain else []
    if rain:
        found["rainfall_mse"] = scores.continuous.mse(*rain, preserve_dims=frames)
        echo = (_apply(scale.echo, field) for field in (forecast, truth))
        found["correlation"] = _correlation(*echo, grid).where(found["n_forecasts"] > 0)

    events = rain if scale.threshold_units == RAIN_RATE else (forecast, truth)
    return found.assign(_count(*events, grid, scale, scales, found["n_pairs"]))


def _count(
    forecast: xr.DataArray,
    truth: xr.DataArray,
    grid: tuple[str, str],
    scale: Scale,
    scales: xr.DataArray | None,
    n_pairs: xr.DataArray,
) -> xr.Dataset:
    """Contingency tables. Missing pixels are NaN in both fields: no event in either."""
    tables = []
    for threshold in scale.thresholds:
        predicted, observed = forecast >= threshold, truth >= threshold
        hits = (predicted & observed).sum(grid)
        misses = observed.sum(grid) - hits
        false_alarms = predicted.sum(grid) - hits
        table = xr.Dataset(
            {
                "hits": hits,
                "misses": misses,
                "false_alarms": false_alarms,
                "correct_negatives": n_pairs - hits - misses - false_alarms,
            }
        )
        if scales is not None:
            observed = observed.broadcast_like(predicted)
            table = table.assign(fss_parts(predicted, observed, grid, scales))
        tables.append(table)
    levels = xr.DataArray(
        list(scale.thresholds),
        dims="threshold",
        name="threshold",
        attrs={"units": scale.threshold_units, "comment": "an event is a value at or above it"},
    )
    return xr.concat(tables, levels)


def _correlation(
    forecast: xr.DataArray, truth: xr.DataArray, grid: tuple[str, str]
) -> xr.DataArray:
    """Un-centred correlation of each frame (Shi et al. 2015, section 4.2)."""
    product = (forecast * truth).sum(grid, dtype=float)
    power = (forecast**2).sum(grid, dtype=float) * (truth**2).sum(grid, dtype=float)
    return product / (np.sqrt(power) + _EPSILON)


def _apply(function, field: xr.DataArray) -> xr.DataArray:
    return field.copy(data=function(field.values))
