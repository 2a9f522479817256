"""Errors against an earlier truth: does a forecast come late, or repeat what was?"""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.verification.downscale.sample import Sample
from keras_wx.verification.downscale.slots import Slots

_NUMBERS = 1_000_000
"""Values that are compared at a lag."""


def lag_curves(sample: Sample, slots: Slots, lags: int) -> xr.Dataset:
    """RMSE and squared correlation of fields with the truth of `lag` steps before them.

    Of a good forecast, the mean of its members where there are several, the least error is at
    lag 0 and the others are those of the truth with itself.

    Returns:
        By `lag`: `{side}_lag_rmse` and `{side}_lag_r2` of both sides.
    """
    points = max(1, _NUMBERS // len(sample.truth))
    truth = sample.truth[:, :points].astype(float)
    sides = {"forecast": sample.forecast[..., :points].mean(axis=0, dtype=float), "truth": truth}
    found = {f"{side}_lag_{name}": np.full(lags + 1, np.nan) for side in sides for name in _NAMES}
    for lag in range(lags + 1):
        late, early = slots.earlier(lag)
        counts = np.isin(late, sample.frames)
        for side, field in sides.items():
            values = _compared(field[late[counts]], truth[early[counts]])
            for name, value in zip(_NAMES, values, strict=True):
                found[f"{side}_lag_{name}"][lag] = value
    return xr.Dataset(
        {name: ("lag", values) for name, values in found.items()}, {"lag": np.arange(lags + 1)}
    )


_NAMES = ("rmse", "r2")


def _compared(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    there = ~(np.isnan(x) | np.isnan(y))
    x, y = x[there], y[there]
    if x.size < 2:
        return np.nan, np.nan
    rmse = np.sqrt(((x - y) ** 2).mean())
    x, y = x - x.mean(), y - y.mean()
    variances = (x**2).mean() * (y**2).mean()
    return rmse, (x * y).mean() ** 2 / variances if variances > 0 else np.nan
