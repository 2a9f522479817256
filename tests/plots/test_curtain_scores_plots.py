"""What the pictures of the scores of curtains show, read back from their axes."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from keras_wx.errors import DataError
from keras_wx.plots.curtain_calibration import curtain_calibration
from keras_wx.plots.curtain_events import curtain_events
from keras_wx.plots.curtain_profile import curtain_profile
from keras_wx.plots.curtain_spectra import curtain_spectra
from keras_wx.plots.lowest_echo import lowest_echo

PLOTS = (curtain_calibration, curtain_events, curtain_profile, curtain_spectra, lowest_echo)


def scores_of(shift: float = 0.0) -> xr.Dataset:
    """Scores by hand, in the form of `verify_curtain`."""
    wave, height = np.arange(1.0, 5.0), np.array([50.0, 150.0, 250.0])
    return xr.Dataset(
        {
            "pod": ("event", [0.9 - shift, 0.5 - shift, 0.4]),
            "far": ("event", [0.2 + shift, 0.5, np.nan]),
            "truth_time_power": ("time_wavenumber", 100 / wave),
            "forecast_time_power": ("time_wavenumber", (100 - shift) / wave**2),
            "truth_height_power": ("height_wavenumber", 10 / wave),
            "forecast_height_power": ("height_wavenumber", [5.0, 1.0, 0.1, 0.0]),
            "truth_profile": ("height", [-30.0, -25.0, -20.0]),
            "forecast_profile": ("height", [-31.0 - shift, -25.0, -20.0]),
            "profile_bias": ("height", [-1.0 - shift, 0.0, 0.0]),
            "truth_cloud_profile": ("height", [0.3, 0.4, 0.5]),
            "forecast_cloud_profile": ("height", [0.2, 0.4, 0.5]),
            "truth_lowest_echo": ("height", [50, 20, 10]),
            "truth_without_echo": 20,
            "forecast_lowest_echo": ("height", [10, 60, 10]),
            "forecast_without_echo": 20,
            "spread_count": ("spread_bin", [1000, 100, 99]),
            "spread_variance": ("spread_bin", [1.0, 9.0, 25.0]),
            "spread_mse": ("spread_bin", [4.0, 16.0, 900.0]),
            "rank_frequency": ("rank", [0.4, 0.1, 0.1, 0.4]),
        },
        {
            "event": ["cloud", "shallow_precipitation", "virga"],
            "height": height,
            "rank": np.arange(4),
            "period": ("time_wavenumber", 512 / wave),
            "wavelength": ("height_wavenumber", 1250 / wave),
        },
        {"model": "ours"},
    )


def named(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def test_events_have_a_panel_each_and_models_a_marker():
    figure = curtain_events({"ours": scores_of(), "repeat": scores_of(0.1)})
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["Cloud", "Shallow precipitation", "Virga"]
    ours, theirs = (named(figure.axes[0])[name] for name in ("ours", "repeat"))
    np.testing.assert_allclose([ours.get_xdata()[0], ours.get_ydata()[0]], [0.8, 0.9])
    np.testing.assert_allclose([theirs.get_xdata()[0], theirs.get_ydata()[0]], [0.7, 0.8])
    assert np.isnan(named(figure.axes[2])["ours"].get_xdata()[0])  # never said
    assert len(figure.axes[0].collections) == 1  # the curves of equal CSI


def test_spectra_along_time_and_height():
    first, second = curtain_spectra({"ours": scores_of(), "other": scores_of(50)}).axes
    np.testing.assert_allclose(named(first)["Observation"].get_xdata(), [512, 256, 512 / 3, 128])
    np.testing.assert_allclose(named(first)["other"].get_ydata(), 50 / np.arange(1, 5) ** 2)
    np.testing.assert_allclose(named(second)["ours"].get_ydata(), [5, 1, 0.1, 0])
    for axes in (first, second):
        assert axes.xaxis_inverted()
        assert axes.get_yscale() == "log"
    # A power of 0 does not stretch the axis.
    assert second.get_ylim()[0] == pytest.approx(1e-3 * 10 / 4)
    scores = scores_of()
    scores["truth_height_power"][:] = np.nan  # as where every column has a gap
    with pytest.raises(DataError, match="no power along height"):
        curtain_spectra(scores)


def test_profiles_have_height_upward():
    mean, bias, cloud = curtain_profile(scores_of(2), top=200).axes
    np.testing.assert_allclose(named(mean)["ours"].get_xdata(), [-33, -25, -20])
    np.testing.assert_allclose(named(mean)["Observation"].get_ydata(), [0.05, 0.15, 0.25])
    np.testing.assert_allclose(named(bias)["ours"].get_xdata(), [-3, 0, 0])
    np.testing.assert_allclose(named(cloud)["Observation"].get_xdata(), [0.3, 0.4, 0.5])
    assert mean.get_ylim() == (0, 0.2)


def test_lowest_echoes_add_up_from_below():
    (axes,) = lowest_echo(scores_of()).axes
    np.testing.assert_allclose(named(axes)["Observation"].get_xdata(), [0.5, 0.7, 0.8])
    np.testing.assert_allclose(named(axes)["ours"].get_xdata(), [0.1, 0.7, 0.8])


def test_calibration_leaves_out_bins_with_few_gates():
    errors, ranks = curtain_calibration(scores_of()).axes
    # Three members: the spread grows by sqrt(4 / 3).
    np.testing.assert_allclose(named(errors)["ours"].get_xdata(), np.sqrt(4 / 3) * np.array([1, 3]))
    np.testing.assert_allclose(named(errors)["ours"].get_ydata(), [2, 4])
    (steps,) = ranks.patches
    np.testing.assert_allclose(steps.get_data().values, [1.6, 0.4, 0.4, 1.6])
    np.testing.assert_allclose(steps.get_data().edges, [0, 0.25, 0.5, 0.75, 1])


@pytest.mark.parametrize("plot", PLOTS)
def test_each_is_written_and_refuses_other_scores(plot, tmp_path):
    plot(scores_of(), path=tmp_path / "scores.png")
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(DataError, match=r"have no.*keras_wx.verify gives"):
        plot(scores_of()[["truth_profile"]])
    with pytest.raises(DataError, match="with dims"):
        plot(scores_of().expand_dims(block=2))
