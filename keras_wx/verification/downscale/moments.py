"""Scores that follow from means, variances and covariance: R2 in two senses, KGE."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.verification.downscale.groups import Groups

_ROUNDING = 1e-13
"""Of the mean square that a variance is the rest of."""
MOMENTS = ("forecast_mean", "truth_mean", "forecast_variance", "truth_variance", "covariance")


def moments_of(frames: xr.Dataset, groups: Groups) -> xr.Dataset:
    """The `MOMENTS` of all pixels of a group, from those of its frames and their `n_pairs`."""
    n = frames["n_pairs"]
    # About a value that is near all of them, so that no digits are lost in differences.
    centre = float((frames["truth_mean"] * n).sum() / max(float(n.sum()), 1))
    x, y = frames["forecast_mean"] - centre, frames["truth_mean"] - centre
    means = {
        "forecast_mean": x,
        "truth_mean": y,
        "forecast_variance": frames["forecast_variance"] + x**2,
        "truth_variance": frames["truth_variance"] + y**2,
        "covariance": frames["covariance"] + x * y,
    }
    added = groups.add(
        xr.Dataset({name: mean.fillna(0) * n for name, mean in means.items()} | {"n_pairs": n})
    )
    count = added["n_pairs"].where(added["n_pairs"] > 0)
    found = added[list(MOMENTS)] / count
    x, y = found["forecast_mean"], found["truth_mean"]

    def variance(of: str, mean: xr.DataArray) -> xr.DataArray:
        square = found[f"{of}_variance"]
        value = square - mean**2
        # One that is 0 but for rounding, above or below: of a constant there is no correlation.
        return value.where(~(value < _ROUNDING * square), 0)

    return xr.Dataset(
        {
            "forecast_mean": x + centre,
            "truth_mean": y + centre,
            "forecast_variance": variance("forecast", x),
            "truth_variance": variance("truth", y),
            "covariance": found["covariance"] - x * y,
        }
    )


def scores_of_moments(moments: xr.Dataset, mse: xr.DataArray) -> xr.Dataset:
    """R2 in both senses, and the Kling-Gupta efficiency with its three terms.

    References:
        Gupta et al. (2009), J. Hydrol. 377, 80-91, equations 9 and 10.
    """
    forecast, truth = (_nonzero(moments[f"{side}_variance"]) for side in ("forecast", "truth"))
    correlation = moments["covariance"] / np.sqrt(forecast * truth)
    variability = np.sqrt(moments["forecast_variance"] / truth)
    ratio = moments["forecast_mean"] / _nonzero(moments["truth_mean"])
    distance = np.sqrt((correlation - 1) ** 2 + (variability - 1) ** 2 + (ratio - 1) ** 2)
    return xr.Dataset(
        {
            "r2_correlation": correlation**2,
            "r2_determination": 1 - mse / truth,
            "kge": 1 - distance,
            "kge_correlation": correlation,
            "kge_variability": variability,
            "kge_bias": ratio,
        }
    )


def _nonzero(values: xr.DataArray) -> xr.DataArray:
    return values.where(values != 0)
