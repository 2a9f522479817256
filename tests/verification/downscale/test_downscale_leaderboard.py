"""`leaderboard` of fine fields whose times are no whole steps apart."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from keras_wx.data.downscale import block_means
from keras_wx.verification.leaderboard import leaderboard


def test_months_have_no_lags_and_all_other_scores():
    months = np.arange("2015-01", "2017-01", dtype="datetime64[M]").astype("datetime64[ns]")
    rng = np.random.default_rng(0)
    # Half a kelvin beside the means of its blocks at every point, which bilinear fields of
    # constants repeat.
    sign = np.where(np.indices((12, 15)).sum(axis=0) % 2, 0.5, -0.5)
    values = rng.normal(280, 5, (months.size, 1, 1)) + sign
    coords = {
        "time": months,
        "lat": ("lat", 60 - 2.5 * np.arange(12), {"units": "degrees_north"}),
        "lon": ("lon", 2.5 * np.arange(15), {"units": "degrees_east"}),
    }
    fine = xr.DataArray(values, coords, ("time", "lat", "lon"), "air", {"units": "K"})
    coarse = block_means(fine - sign, 3).assign_attrs(units="K")
    names = {dim: f"coarse_{dim}" for dim in ("lat", "lon")}
    pair = xr.Dataset({"air": fine, "coarse_air": coarse.rename(names)})
    board = leaderboard(["bilinear", "bicubic"], pair, repetitions=0)
    assert board.table["MAE"].to_dict() == pytest.approx({"bilinear": 0.5, "bicubic": 0.5}, 1e-4)
    assert "forecast_acf" not in board.scores["bilinear"]
    assert "forecast_variogram" in board.scores["bilinear"]
