"""What the members of a reconstruction say together: CRPS, ranks, spread against error."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.verification.curtain.gates import Sums
from keras_wx.verification.curtain.pairs import Columns
from keras_wx.verification.ensemble import FRAMES, score_members
from keras_wx.verification.pooling import to_sums
from keras_wx.verification.scale import REFLECTIVITY, Scale

INTERVAL = 0.9
"""Probability of the interval whose coverage is counted."""

SPREAD_EDGES = np.arange(0.0, 50.0, 2.0)
"""dB: the spread of numbers between -60 and 30 is at most 45 times sqrt(m / (m - 1))."""

CLASS_EDGES = np.geomspace(1e-3, 100.0, 120)
"""dB, a tenth apart: classes of spread and of error for their rank correlation, which then adds up
over columns. What is smaller than the first, as clear air that all members agree on, is one more.
"""


def of_members(
    part: Columns, gates: np.ndarray, low: float, precipitation: float, probability_bins: int
) -> xr.Dataset:
    """Sums of the scores that `keras_wx.verify` gives of ensembles, over `gates`.

    Thresholds are cloud, anything above `low`, and precipitation.
    """
    gates = gates & part.valid
    cloud = float(np.nextafter(np.float32(low), np.float32(np.inf)))
    scale = Scale(REFLECTIVITY, (cloud, precipitation), REFLECTIVITY, None)
    members = xr.DataArray(
        part.members[:, gates][:, None, None], dims=("realization", *FRAMES, "gate")
    )
    truth = xr.DataArray(part.truth[gates][None, None], dims=(*FRAMES, "gate"))
    scores = score_members(members, truth, scale, probability_bins)
    scores = scores.isel(dict.fromkeys(FRAMES, 0)).assign(n_pairs=int(gates.sum()))
    return to_sums(scores.assign_coords(threshold=[low, precipitation])).drop_vars("n_pairs")


def of_calibration(part: Columns, gates: np.ndarray) -> Sums:
    """Coverage of the central interval, and errors by spread."""
    gates = gates & part.valid
    x, y = part.members[:, gates], part.truth[gates]
    tail = (1 - INTERVAL) / 2
    lower, upper = np.quantile(x, [tail, 1 - tail], axis=0)
    inside = (lower <= y) & (y <= upper)
    # Where all say the same, as in clear air, there was nothing to be unsure of.
    unsure = ~((x == y).all(axis=0))

    spread = x.std(axis=0, ddof=1, dtype=float)
    error = np.abs(part.centre[gates].astype(float) - y)
    bin_of = np.clip(np.digitize(spread, SPREAD_EDGES) - 1, 0, SPREAD_EDGES.size - 2)
    bins = SPREAD_EDGES.size - 1
    return {
        "coverage": ((), inside.sum()),
        "n_unsure": ((), unsure.sum()),
        "unsure_coverage": ((), (inside & unsure).sum()),
        "spread_count": (("spread_bin",), np.bincount(bin_of, minlength=bins)),
        "spread_variance": (("spread_bin",), np.bincount(bin_of, spread**2, minlength=bins)),
        "spread_mse": (("spread_bin",), np.bincount(bin_of, error**2, minlength=bins)),
        "spread_error_histogram": (("spread_class", "error_class"), _by_class(spread, error)),
    }


def _by_class(spread: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Number of gates of each class of spread and of error."""
    classes = CLASS_EDGES.size + 1
    both = np.digitize(spread, CLASS_EDGES) * classes + np.digitize(error, CLASS_EDGES)
    return np.bincount(both, minlength=classes**2).reshape(classes, classes)
