"""Coordinates, long names and units of the scores of curtains."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.verification.curtain.ensemble import SPREAD_EDGES
from keras_wx.verification.curtain.events import EVENTS
from keras_wx.verification.curtain.gates import HISTOGRAM_BINS, MOMENTS

_LABELS = {
    "n_columns": ("number of columns compared", "1"),
    "dice": ("Sørensen-Dice coefficient of cloud", "1"),
    "emd": ("earth mover's distance of reflectivity, of its range", "%"),
    "forecast_cloud": ("reconstructed gates with cloud", "1"),
    "truth_cloud": ("observed gates with cloud", "1"),
    "cloud_in_both": ("gates with cloud in both", "1"),
    "forecast_histogram": ("reconstructed gates by reflectivity", "1"),
    "truth_histogram": ("observed gates by reflectivity", "1"),
    "edge_correlation": ("correlation at the lowest observed gate of the blind zone", "1"),
    "edge_moments": ("sums of reconstruction x and truth y at that gate", ""),
    "forecast_lowest_echo": ("reconstructed columns by the height of their lowest echo", "1"),
    "truth_lowest_echo": ("observed columns by the height of their lowest echo", "1"),
    "forecast_without_echo": ("reconstructed columns without any echo", "1"),
    "truth_without_echo": ("observed columns without any echo", "1"),
    "n_lowest_echo": ("columns with an echo in both", "1"),
    "lowest_echo_mae": ("mean absolute error of the height of the lowest echo", "m"),
    "lowest_echo_bias": ("mean error of the height of the lowest echo", "m"),
    "profile_count": ("columns compared", "1"),
    "forecast_profile": ("mean reconstructed reflectivity", "dBZ"),
    "truth_profile": ("mean observed reflectivity", "dBZ"),
    "profile_bias": ("mean reflectivity, reconstruction minus truth", "dB"),
    "forecast_cloud_profile": ("reconstructed share of gates with cloud", "1"),
    "truth_cloud_profile": ("observed share of gates with cloud", "1"),
    **{
        f"{side}_{along}_power": (f"power along {along} of the {of}", "(dBZ)^2")
        for along in ("time", "height")
        for side, of in (
            ("forecast", "reconstruction"),
            ("truth", "truth"),
            ("ensemble_mean", "ensemble's mean"),
        )
    },
    "n_time_spectra": ("rows of scenes in the spectrum", "1"),
    "n_height_spectra": ("columns in the spectrum", "1"),
    "coverage": ("share of truths inside the central 90 % interval", "1"),
    "unsure_coverage": ("the same where members or truth differ", "1"),
    "n_unsure": ("gates where members or truth differ", "1"),
    "spread_count": ("gates by the spread of their members", "1"),
    "spread_variance": ("mean variance of the members in the bin", "(dBZ)^2"),
    "spread_mse": ("mean squared error in the bin", "(dBZ)^2"),
    "spread_error_histogram": ("gates by class of spread and of error", "1"),
    "spearman": ("rank correlation of spread and absolute error", "1"),
}


def coordinates(
    heights: np.ndarray, low: float, high: float, scene: int, depth: int, step_seconds: float
) -> dict:
    """The coordinates of every dim that a score may have."""
    edges = np.linspace(low, high, HISTOGRAM_BINS + 1)
    along_time, along_height = np.arange(1, scene // 2 + 1), np.arange(1, depth // 2 + 1)
    spacing = float(np.median(np.diff(heights))) if heights.size > 1 else np.nan
    spread = (SPREAD_EDGES[:-1] + SPREAD_EDGES[1:]) / 2
    return {
        "height": ("height", heights, {"units": "m", "positive": "up"}),
        "event": ("event", list(EVENTS)),
        "moment": ("moment", list(MOMENTS)),
        "reflectivity_bin": (
            "reflectivity_bin",
            (edges[:-1] + edges[1:]) / 2,
            {"units": "dBZ", "long_name": "middle of the bin of reflectivity"},
        ),
        "time_wavenumber": ("time_wavenumber", along_time, {"long_name": "waves a scene"}),
        "period": ("time_wavenumber", scene * step_seconds / along_time, {"units": "s"}),
        "height_wavenumber": (
            "height_wavenumber",
            along_height,
            {"long_name": "waves over the blind zone"},
        ),
        "wavelength": ("height_wavenumber", depth * spacing / along_height, {"units": "m"}),
        "spread_bin": (
            "spread_bin",
            spread,
            {"units": "dB", "long_name": "middle of the bin of the members' standard deviation"},
        ),
    }


def labelled(scores: xr.Dataset) -> xr.Dataset:
    """`scores` with what they are as attributes."""
    for name, (long_name, units) in _LABELS.items():
        if name in scores:
            scores[name].attrs.update(long_name=long_name, units=units)
    return scores
