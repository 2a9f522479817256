"""Long names and units of what only downscaled fields have."""

from __future__ import annotations

import xarray as xr

_SIDES = {"forecast": "the forecast", "truth": "the truth"}
_LABELS = {
    "r2_correlation": ("squared correlation", "1"),
    "r2_determination": ("coefficient of determination, 1 - SSE / SST", "1"),
    "nse": ("Nash-Sutcliffe efficiency, against each pixel's mean", "1"),
    "kge": ("Kling-Gupta efficiency", "1"),
    "kge_correlation": ("its correlation", "1"),
    "kge_variability": ("its ratio of standard deviations", "1"),
    "kge_bias": ("its ratio of means", "1"),
    "covariance": ("covariance of forecast and truth", "({units})^2"),
    "p999_bias": ("99.9th percentile, forecast minus truth", "{units}"),
    "n_spectra": ("number of fields in the spectra", "1"),
    "variogram_error": ("mean absolute error of the semivariogram, of its mean", "1"),
    "spread_count": ("values in the bin of spread", "1"),
    "spread_variance": ("mean variance of the members in the bin", "({units})^2"),
    "spread_mse": ("mean squared error of their mean in the bin", "({units})^2"),
    **{
        f"{side}_{name}": (f"{long_name} of {whose}", units)
        for side, whose in _SIDES.items()
        for name, long_name, units in (
            ("mean", "mean", "{units}"),
            ("variance", "variance", "({units})^2"),
            ("quantile", "quantile", "{units}"),
            ("variogram", "semivariogram", "({units})^2"),
            ("variogram_fit", "spherical model of the semivariogram", "({units})^2"),
            ("sill", "sill of that model", "({units})^2"),
            ("nugget", "nugget of that model", "({units})^2"),
            ("range", "range of that model", "{distance}"),
            ("acf", "autocorrelation", "1"),
            ("pacf", "partial autocorrelation", "1"),
            ("lag_rmse", "RMSE against an earlier truth", "{units}"),
            ("lag_r2", "squared correlation with an earlier truth", "1"),
        )
    },
}


def labelled(scores: xr.Dataset, units: str, distance: str) -> xr.Dataset:
    """`scores` with what they are as attributes.

    Args:
        scores: as `keras_wx.verification.description.described` gives them.
        units: of the fields.
        distance: units of distances.
    """
    for name, (long_name, form) in _LABELS.items():
        if name in scores:
            text = form.format(units=units, distance=distance)
            scores[name].attrs.update(long_name=long_name, units=text)
    if "distance" in scores.coords:
        scores["distance"].attrs.update(units=distance, long_name="middle of the bin of distance")
    return scores
