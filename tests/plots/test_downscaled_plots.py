"""What the pictures of downscaled fields and their scores show, read back from their axes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from keras_wx import plots
from keras_wx.errors import DataError

SEASONS = ["DJF", "JJA"]
LEVELS = np.array([0.1, 0.5, 0.999])


def scores_of(shift: float = 0.0) -> xr.Dataset:
    """Scores by hand, in the form of `verify_downscaled(..., by="season")`."""

    def by_season(dim, values):
        return (("season", dim), np.array([values, np.multiply(values, 2)]))

    acf = np.array([[1, 0.5, 0.2], [1, 0.4, 0.1]])
    return xr.Dataset(
        {
            "truth_variogram": by_season("distance", [1.0, 2.0]),
            "forecast_variogram": by_season("distance", [1.0, 2.0 - shift]),
            "truth_variogram_fit": by_season("distance", [1.1, 1.9]),
            "forecast_variogram_fit": by_season("distance", [0.9, 1.7]),
            "truth_quantile": by_season("quantile", [10.0, 20.0, 30.0]),
            "forecast_quantile": by_season("quantile", [11.0, 20.0, 27.0 - shift]),
            "truth_acf": (("season", "series", "lag"), np.stack([acf, acf / 2])),
            "forecast_acf": (("season", "series", "lag"), np.stack([acf - shift, acf / 2])),
            "truth_pacf": (("season", "series", "lag"), np.stack([acf, acf]) / 4),
            "forecast_pacf": (("season", "series", "lag"), np.stack([acf, acf]) / 5),
            "truth_lag_rmse": by_season("lag", [0.0, 1.0, 2.0]),
            "forecast_lag_rmse": by_season("lag", [0.5, 1.1, 2.1 + shift]),
            "truth_lag_r2": by_season("lag", [1.0, 0.8, 0.5]),
            "forecast_lag_r2": by_season("lag", [0.9, 0.7, 0.4]),
            "truth_power": by_season("wavenumber", [100.0, 10.0]),
            "forecast_power": by_season("wavenumber", [90.0, 5.0 - shift]),
            "rank_histogram": (("rank", "season"), [[1, 3], [2, 2], [2, 4]]),
            "rmse": ("season", [2.0, 1.0], {"units": "K"}),
            "spread": ("season", [1.0, 1.0], {"units": "K"}),
            "spread_variance": by_season("spread_bin", [1.0, 4.0]),
            "spread_mse": by_season("spread_bin", [6.0, 9.0]),
        },
        {
            "season": SEASONS,
            "distance": ("distance", [50.0, 150.0], {"units": "km"}),
            "quantile": LEVELS,
            "series": ["domain_mean", "pixel"],
            "lag": [0, 1, 2],
            "wavelength": ("wavenumber", [400.0, 200.0], {"units": "km"}),
            "rank": [0, 1, 2],
        },
        {"model": "ddpm"},
    )


def lines_of(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def test_variogram_has_dots_and_models_by_season():
    figure = plots.variogram({"ddpm": scores_of(), "bicubic": scores_of(0.5)})
    assert [axes.get_title() for axes in figure.axes] == SEASONS
    lines = lines_of(figure.axes[1])
    assert list(lines) == ["Truth", "ddpm", "bicubic"]
    np.testing.assert_array_equal(lines["bicubic"].get_xdata(), [50, 150])
    np.testing.assert_array_equal(lines["bicubic"].get_ydata(), [2, 3])
    assert lines["bicubic"].get_linestyle() == "None"
    curves = [line for line in figure.axes[1].lines if line.get_marker() == "None"]
    np.testing.assert_allclose(curves[0].get_ydata(), [2.2, 3.8])
    assert curves[2].get_color() == lines["bicubic"].get_color()


def test_autocorrelation_and_its_partial_one():
    figure = plots.autocorrelation({"ddpm": scores_of(0.1)}, series="pixel")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["DJF ACF", "DJF PACF", "JJA ACF", "JJA PACF"]
    np.testing.assert_allclose([b.get_height() for b in figure.axes[0].patches], [1, 0.4, 0.1])
    np.testing.assert_allclose(lines_of(figure.axes[0])["ddpm"].get_ydata(), [0.9, 0.3, 0.0])
    np.testing.assert_allclose(lines_of(figure.axes[3])["ddpm"].get_ydata(), [0.2, 0.08, 0.02])
    plain = plots.autocorrelation(scores_of().isel(season=0))
    assert [axes.get_title() for axes in plain.axes] == ["ACF", "PACF"]


def test_quantiles_lie_against_those_of_the_truth():
    figure = plots.quantile_quantile(scores_of(1.0))
    line = lines_of(figure.axes[0])["ddpm"]
    np.testing.assert_array_equal(line.get_xdata(), [10, 20, 30])
    np.testing.assert_array_equal(line.get_ydata(), [11, 20, 26])
    extreme = figure.axes[0].lines[1]
    assert (extreme.get_xdata().item(), extreme.get_ydata().item()) == (30, 26)
    assert figure.axes[0].get_xlim() == figure.axes[0].get_ylim()


def test_curves_against_lag_and_against_lead():
    one = scores_of().sel(season="DJF")
    figure = plots.lag_curves({"ddpm": one})
    errors, shares = map(lines_of, figure.axes)
    np.testing.assert_array_equal(errors["Truth"].get_ydata(), [0, 1, 2])
    np.testing.assert_array_equal(errors["ddpm"].get_ydata(), [0.5, 1.1, 2.1])
    np.testing.assert_array_equal(shares["ddpm"].get_ydata(), [0.9, 0.7, 0.4])
    days = np.array([1, 2]) * np.timedelta64(24, "h").astype("timedelta64[ns]")
    by_lead = xr.Dataset(
        {
            "rmse": ("lead_time", [1.0, 3.0], {"units": "K"}),
            "r2_correlation": ("lead_time", [0.9, 0.6]),
        },
        {"lead_time": days},
    )
    figure = plots.lag_curves(by_lead)
    (line,) = lines_of(figure.axes[0]).values()
    np.testing.assert_array_equal(line.get_xdata(), [24, 48])
    np.testing.assert_array_equal(line.get_ydata(), [1, 3])
    assert figure.axes[0].get_ylabel() == "RMSE [K]"


def test_spectra_ranks_and_spread_of_seasons():
    figure = plots.spectra({"ddpm": scores_of()})
    assert [axes.get_title() for axes in figure.axes] == SEASONS
    np.testing.assert_array_equal(lines_of(figure.axes[1])["ddpm"].get_ydata(), [180, 10])
    figure = plots.rank_histogram(scores_of())
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    np.testing.assert_allclose(heights, np.array([4, 4, 6]) / 14)
    figure = plots.spread_skill(scores_of())
    line = lines_of(figure.axes[0])["ddpm"]
    np.testing.assert_allclose(line.get_xdata(), np.sqrt([1.5, 6]))  # of two members
    np.testing.assert_allclose(line.get_ydata(), np.sqrt([6, 9]))


def test_reliability_of_seasons_together():
    dims = ("threshold", "probability_bin", "season")
    counts = {
        "forecast_count": (dims, [[[8, 2], [4, 6]]]),
        "observed_count": (dims, [[[1, 0], [2, 3]]]),
        "probability_sum": (dims, [[[2.0, 0.5], [3.0, 4.5]]]),
    }
    figure = plots.reliability(xr.Dataset(counts, {"threshold": [283.0], "season": SEASONS}))
    (line,) = lines_of(figure.axes[0]).values()
    np.testing.assert_allclose(line.get_xdata(), [2.5 / 10, 7.5 / 10])
    np.testing.assert_allclose(line.get_ydata(), [1 / 10, 5 / 10])


def table_of() -> pd.DataFrame:
    index = pd.MultiIndex.from_product(
        [["ddpm", "bicubic"], ["SON", "DJF"], ["A0", "A1"]], names=["model", "season", "area"]
    )
    return pd.DataFrame({"RMSE": [1.0, 2, 3, np.nan, 5, 6, 7, 8.125], "NSE": 0.5}, index)


def test_the_table_of_seasons_and_areas_in_colours():
    figure = plots.season_area(table_of())
    ours, theirs, bar = figure.axes
    assert (ours.get_title(), theirs.get_title()) == ("ddpm", "bicubic")
    assert [text.get_text() for text in ours.texts] == ["1", "2", "3"]
    assert [text.get_text() for text in theirs.texts] == ["5", "6", "7", "8.12"]
    assert [label.get_text() for label in ours.get_yticklabels()] == ["SON", "DJF"]
    assert [label.get_text() for label in ours.get_xticklabels()] == ["A0", "A1"]
    assert ours.images[0].get_clim() == theirs.images[0].get_clim() == (1, 8.125)
    assert bar.get_ylabel() == "RMSE"
    with pytest.raises(DataError, match=r"column: expected one of \['RMSE', 'NSE'\]"):
        plots.season_area(table_of(), "KGE")
    with pytest.raises(DataError, match="with the index"):
        plots.season_area(table_of().reset_index())


@pytest.fixture
def fields() -> tuple[xr.Dataset, xr.Dataset]:
    rng = np.random.default_rng(0)
    days = np.datetime64("2014-01-01", "ns") + np.arange(3) * np.timedelta64(24, "h")
    fine = {
        "lat": ("lat", 50.0 - np.arange(6), {"units": "degrees_north"}),
        "lon": ("lon", 10.0 + np.arange(8), {"units": "degrees_east"}),
    }
    truth = xr.Dataset(
        {
            "air": (("time", "lat", "lon"), rng.normal(280, 5, (3, 6, 8)), {"units": "K"}),
            "coarse_air": (
                ("time", "coarse_lat", "coarse_lon"),
                rng.normal(280, 5, (3, 3, 4)),
                {"units": "K"},
            ),
        },
        {
            "time": days,
            **fine,
            "coarse_lat": ("coarse_lat", [50.0, 48, 46], {"units": "degrees_north"}),
            "coarse_lon": ("coarse_lon", [10.0, 12, 14, 16], {"units": "degrees_east"}),
        },
    )
    values = rng.normal(280, 5, (5, 2, 6, 8))
    forecast = xr.Dataset(
        {"air": (("realization", "time", "lat", "lon"), values, {"units": "K"})},
        {"time": days[1:], **fine},
        {"model": "ddpm"},
    )
    return forecast, truth


def test_coarse_mean_members_and_truth_in_one_scale(fields):
    forecast, truth = fields
    figure = plots.downscaled(forecast, truth, coarse="coarse_air", members=2)
    shown = {axes.get_title(): axes.images[0] for axes in figure.axes if axes.get_title()}
    assert list(shown) == ["Coarse", "Mean of 5 members", "Member 1", "Member 2", "Truth"]
    np.testing.assert_array_equal(shown["Coarse"].get_array(), truth.coarse_air[1])
    mean = forecast.air[:, 0].mean("realization")
    np.testing.assert_allclose(shown["Mean of 5 members"].get_array(), mean)
    np.testing.assert_array_equal(shown["Member 2"].get_array(), forecast.air[1, 0])
    np.testing.assert_array_equal(shown["Truth"].get_array(), truth.air[1])
    assert len({image.get_clim() for image in shown.values()}) == 1
    assert "2014-01-02" in figure.get_suptitle()


def test_a_single_forecast_at_a_chosen_time(fields):
    forecast, truth = fields
    figure = plots.downscaled(forecast.isel(realization=0), truth, time="2014-01-03")
    shown = {axes.get_title(): axes.images[0] for axes in figure.axes if axes.get_title()}
    assert list(shown) == ["Forecast", "Truth"]
    np.testing.assert_array_equal(shown["Truth"].get_array(), truth.air[2])
    with pytest.raises(DataError, match="time: expected one that forecast and truth have, 2"):
        plots.downscaled(forecast, truth, time="2014-01-01")
    with pytest.raises(DataError, match="no variable 'coarse'"):
        plots.downscaled(forecast, truth, coarse="coarse")
    truth.coarse_air.attrs["units"] = "degC"
    with pytest.raises(DataError, match="one colour scale"):
        plots.downscaled(forecast, truth, coarse="coarse_air")


@pytest.mark.parametrize(
    "plot", [plots.variogram, plots.autocorrelation, plots.quantile_quantile, plots.lag_curves]
)
def test_each_is_written_and_refuses_other_scores(plot, tmp_path):
    one = scores_of().isel(season=0)
    plot(one, path=tmp_path / "scores.png")
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(DataError, match=r"have no.*keras_wx.verify gives"):
        plot(one[["rmse"]])
    with pytest.raises(DataError, match=r"with dims"):
        plot(scores_of().expand_dims(area=["A0", "A1"]))
