"""Long names, units and origin of scores."""

from __future__ import annotations

import xarray as xr

from keras_wx.verification.scale import RAIN_RATE

_LABELS = {
    "csi": ("critical success index", "1"),
    "pod": ("probability of detection", "1"),
    "far": ("false alarm ratio", "1"),
    "hss": ("Heidke skill score", "1"),
    "frequency_bias": ("frequency bias", "1"),
    "hits": ("hits", "1"),
    "misses": ("misses", "1"),
    "false_alarms": ("false alarms", "1"),
    "correct_negatives": ("correct negatives", "1"),
    "mae": ("mean absolute error", "{units}"),
    "mse": ("mean squared error", "({units})^2"),
    "rmse": ("root mean squared error", "{units}"),
    "mean_error": ("mean error, forecast minus truth", "{units}"),
    "rainfall_mse": ("mean squared error of the rain rate", f"({RAIN_RATE})^2"),
    "correlation": ("un-centred correlation", "1"),
    "n_forecasts": ("number of forecast frames with a truth", "1"),
    "n_pairs": ("number of pixels compared", "1"),
    "fss": ("fractions skill score", "1"),
    "fss_error": ("sum of squared differences of the shares of events", "1"),
    "fss_reference": ("sum of squared shares of events", "1"),
    "crps": ("continuous ranked probability score", "{units}"),
    "crps_fair": ("fair continuous ranked probability score", "{units}"),
    "ensemble_variance": ("mean variance among members", "({units})^2"),
    "spread": ("root mean variance among members", "{units}"),
    "spread_skill_ratio": ("spread over RMSE, corrected for the number of members", "1"),
    "rank_histogram": ("number of truths by rank among the members", "1"),
    "rank_frequency": ("share of truths by rank among the members", "1"),
    "forecast_count": ("number of forecasts of a probability in the bin", "1"),
    "observed_count": ("number of those with an event", "1"),
    "probability_sum": ("sum of their probabilities", "1"),
    "observed_frequency": ("observed relative frequency", "1"),
    "mean_probability": ("mean forecast probability", "1"),
    "brier": ("Brier score", "1"),
    "forecast_power": ("power spectral density of the forecast", "({units})^2"),
    "truth_power": ("power spectral density of the truth", "({units})^2"),
    "ensemble_mean_power": ("power spectral density of the ensemble mean", "({units})^2"),
}


def described(
    scores: xr.Dataset, units: str, forecast: xr.Dataset, truth: xr.Dataset, variable: str
) -> xr.Dataset:
    """`scores` with the attributes that say what they are and of what."""
    for name, (long_name, form) in _LABELS.items():
        if name in scores:
            scores[name].attrs.update(long_name=long_name, units=form.format(units=units))
    scores.attrs = {"variable": variable, "units": units}
    for name, source in (
        ("model", forecast.attrs.get("model")),
        ("truth", truth.attrs.get("source")),
    ):
        if source is not None:
            scores.attrs[name] = source
    return scores
