"""The scores of each single field, from which those of any set of fields follow."""

from __future__ import annotations

import numpy as np
import scores.continuous
import xarray as xr

from keras_wx.verification.ensemble import score_members
from keras_wx.verification.scale import Scale
from keras_wx.verification.spectra import Rings


def score_frames(
    members: xr.DataArray,
    truth: xr.DataArray,
    grid: tuple[str, str],
    masks: np.ndarray | None,
    scale: Scale,
    probability_bins: int,
) -> xr.Dataset:
    """Errors, moments and, of two or more members, what they say together, of every frame.

    Args:
        members: dims `realization, init_time, lead_time` and the grid. A pixel that is NaN here in
            any member, or in the truth, is left out.
        truth: the same without `realization`.
        grid: the two dims of the grid.
        masks: the pixels of each area, `(area, y, x)`; None for all pixels and no dim `area`.
        scale: the thresholds of probabilities.
        probability_bins: number of bins of forecast probability.
    """
    if masks is None:
        return _score(members, truth, grid, scale, probability_bins)
    parts = []
    for mask in masks:
        inside = truth.where(xr.DataArray(mask, dims=grid))
        parts.append(_score(members, inside, grid, scale, probability_bins))
    return xr.concat(parts, "area")


def _score(
    members: xr.DataArray,
    truth: xr.DataArray,
    grid: tuple[str, str],
    scale: Scale,
    probability_bins: int,
) -> xr.Dataset:
    mean = members.mean("realization", skipna=False, dtype=float)
    both = mean.notnull() & truth.notnull()
    # Events are told by thresholds in the precision of the data.
    forecast, observed = mean.where(both), truth.where(both)
    truth = observed.astype(float)
    frames = [dim for dim in truth.dims if dim not in grid]

    found = xr.Dataset({"n_pairs": both.sum(grid)})
    found["n_forecasts"] = (found["n_pairs"] > 0).astype(int)
    for name in ("mae", "mse", "mean_error"):
        found[name] = getattr(scores.continuous, name)(forecast, truth, preserve_dims=frames)
    found["forecast_mean"], found["truth_mean"] = forecast.mean(grid), truth.mean(grid)
    anomalies = forecast - found["forecast_mean"], truth - found["truth_mean"]
    for name, (first, second) in (
        ("forecast_variance", (anomalies[0], anomalies[0])),
        ("truth_variance", (anomalies[1], anomalies[1])),
        ("covariance", anomalies),
    ):
        found[name] = (first * second).mean(grid)
    found["member_mean"] = members.where(both).mean(grid, dtype=float)
    if members.sizes["realization"] > 1:
        found = found.assign(score_members(members, observed, scale, probability_bins))
    return found


def spectra_of_frames(
    members: xr.DataArray,
    truth: xr.DataArray,
    grid: tuple[str, str],
    rings: Rings,
    fill: float | None,
) -> xr.Dataset:
    """Power spectra of the frames that lack no pixel, `n_spectra` of them; 0 of the others.

    With a `fill`, a pixel missing on either side is it on both.
    """
    both = members.notnull().all("realization") & truth.notnull()
    whole = both.all(grid) if fill is None else both.any(grid)
    if fill is not None:
        members, truth = members.where(both, fill), truth.where(both, fill)

    def spectrum(field: xr.DataArray) -> xr.DataArray:
        return xr.apply_ufunc(
            rings.mean_power,
            field.where(whole, 0),
            input_core_dims=[grid],
            output_core_dims=[["wavenumber"]],
        )

    found = xr.Dataset({"truth_power": spectrum(truth), "n_spectra": whole.astype(int)})
    found["forecast_power"] = spectrum(members).mean("realization")
    if members.sizes["realization"] > 1:
        found["ensemble_mean_power"] = spectrum(members.mean("realization"))
    return found
