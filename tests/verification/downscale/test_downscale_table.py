"""The table of seasons and areas."""

from __future__ import annotations

import numpy as np
import pytest
from downscaled_fields import random_pair

from keras_wx.errors import DataError
from keras_wx.verification import season_area_table, verify_downscaled
from keras_wx.verification.downscale import to_frame


@pytest.fixture
def archives():
    pairs = [random_pair(seed, times=20, size=(4, 5)) for seed in (0, 1)]
    forecasts = [forecast for forecast, _ in pairs]
    truths = [truth.assign_attrs(area=f"A{i}") for i, (_, truth) in enumerate(pairs)]
    return forecasts, truths


def test_models_by_season_and_area(archives):
    forecasts, truths = archives
    worse = [each.assign(air=(each.air + 1).assign_attrs(units="K")) for each in forecasts]
    table = season_area_table({"ddpm": forecasts, "bicubic": worse}, truths)
    assert table.index.names == ["model", "season", "area"]
    assert table.index.get_level_values("season").tolist() == ["DJF", "SON"] * 4
    assert list(table.columns) == ["R2 (correlation)", "RMSE", "NSE", "KGE", "CRPS"]
    error = (forecasts[1].air.values - truths[1].air.values)[11:]
    rmse = np.sqrt((error**2).mean())
    assert table.loc[("ddpm", "DJF", "A1"), "RMSE"] == pytest.approx(rmse)
    errors = table["RMSE"].unstack("model")
    assert (errors["bicubic"] > errors["ddpm"]).all()


def test_statistics_of_single_days(archives):
    forecasts, truths = archives
    table = season_area_table({"ddpm": forecasts}, truths, columns=["rmse"], daily=True)
    error = (forecasts[0].air.values - truths[0].air.values)[:11]
    daily = np.sqrt((error**2).mean(axis=(1, 2)))
    row = table.loc[("ddpm", "SON", "A0"), "RMSE"]
    expected = [daily.mean(), daily.std(ddof=1), daily.min(), daily.max()]
    np.testing.assert_allclose(row[["mean", "std", "min", "max"]], expected)


def test_a_variogram_is_made_where_it_is_asked_for(archives):
    forecasts, truths = archives
    table = season_area_table({"ddpm": forecasts}, truths, columns=["variogram_error"])
    assert (table["variogram error"] > 0).all()


def test_a_frame_of_scores_without_seasons(archives):
    forecasts, truths = archives
    scores = verify_downscaled(forecasts[0], truths[0], lags=0)
    table = to_frame({"ddpm": scores}, columns=["rmse", "p999_bias"])
    assert table.loc["ddpm", "RMSE"] == scores.rmse.item()
    assert table.loc["ddpm", "99.9 % bias"] == scores.p999_bias.item()


def test_bad_input(archives):
    forecasts, truths = archives
    with pytest.raises(DataError, match=r"one dataset of 'ddpm' for each of the 2.*Received: 1"):
        season_area_table({"ddpm": forecasts[0]}, truths)
    with pytest.raises(DataError, match=r"No such score: \['r2'\]"):
        season_area_table({"ddpm": forecasts}, truths, columns=["r2"])
    with pytest.raises(DataError, match="Received none"):
        to_frame({})
