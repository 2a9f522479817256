"""A downscaled field and its truth brought together, time by time."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.data.conform import require_dataset
from keras_wx.errors import DataError
from keras_wx.verification.pairs import Pairs, match

_OF_FORECASTS = ("init_time", "lead_time", "valid_time")


def is_downscaled(forecast: xr.Dataset, truth: xr.Dataset) -> bool:
    """Whether both are fields of times, without any start and lead times."""
    return "time" in forecast.dims and "init_time" not in {*forecast.coords, *truth.coords}


def match_fields(
    forecast: xr.Dataset, truth: xr.Dataset, variable: str | None, floor: float | None
) -> Pairs:
    """The truth of each field: that of a forecast which starts at its time and has no lead."""
    require_dataset("forecast", forecast)
    require_dataset("truth", truth)
    if "time" not in forecast.coords:
        raise DataError(
            "The forecast has no times. Expected: downscaled fields with dims ([realization,] "
            f"time, y, x) and the coordinate 'time'. Received: dims {tuple(forecast.dims)}"
        )
    forecast = forecast.drop_vars(_OF_FORECASTS, errors="ignore").rename(time="init_time")
    forecast = forecast.assign_coords(lead_time=np.timedelta64(0, "ns"))
    return match(forecast, truth, variable, floor)
