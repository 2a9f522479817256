"""What a figure of spectra shows, read back from its axes."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from keras_wx import plots
from keras_wx.errors import DataError

WAVELENGTH = np.array([240.0, 120.0, 80.0, 60.0])


def spectra_of(smooth: float, leads: int = 6) -> xr.Dataset:
    """Power that falls with the wavenumber, faster where it is smooth."""
    wavenumber = np.arange(1.0, 5.0)
    power = 1e4 * np.exp(-wavenumber) * np.ones((leads, 1))
    dims = ("lead_time", "wavenumber")
    return xr.Dataset(
        {
            "truth_power": (dims, power),
            "forecast_power": (dims, power * np.exp(-smooth * wavenumber)),
        },
        {
            "lead_time": np.arange(1, leads + 1) * np.timedelta64(5 * 60 * 10**9, "ns"),
            "wavenumber": wavenumber,
            "wavelength": ("wavenumber", WAVELENGTH, {"units": "km"}),
        },
        {"model": "ours"},
    )


def test_a_panel_a_lead_time_with_the_observation_and_a_line_a_model():
    ours = spectra_of(0.5)
    figure = plots.spectra({"ours": ours, "persistence": spectra_of(0.0)}, lead_times=[5, 30])
    assert [axes.get_title() for axes in figure.axes] == ["+5 min", "+30 min"]
    for axes, number in zip(figure.axes, (0, 5), strict=True):
        observed, first, second = axes.lines
        assert [line.get_label() for line in axes.lines] == ["Observation", "ours", "persistence"]
        np.testing.assert_array_equal(observed.get_xdata(), WAVELENGTH)
        np.testing.assert_array_equal(observed.get_ydata(), ours.truth_power[number])
        np.testing.assert_array_equal(first.get_ydata(), ours.forecast_power[number])
        np.testing.assert_array_equal(second.get_ydata(), ours.truth_power[number])
        assert axes.xaxis_inverted()
        assert axes.get_yscale() == "log"


def test_three_lead_times_are_chosen():
    figure = plots.spectra(spectra_of(0.1, leads=15))
    assert [axes.get_title() for axes in figure.axes] == ["+5 min", "+40 min", "+75 min"]


def test_it_is_written(tmp_path):
    plots.spectra(spectra_of(0.1), path=tmp_path / "spectra.png")
    assert (tmp_path / "spectra.png").read_bytes().startswith(b"\x89PNG")


def test_what_it_refuses():
    with pytest.raises(DataError, match=r"no 'truth_power'.*verification.spectra"):
        plots.spectra(spectra_of(0.1).drop_vars("truth_power"))
    with pytest.raises(DataError, match=r"30.0\] min. Received: \[7.0\] min"):
        plots.spectra(spectra_of(0.1), lead_times=[7])


def test_observations_without_echo():
    dry = spectra_of(0.5).map(lambda power: 0 * power)
    with pytest.raises(DataError, match=r"logarithmic scale.*Received frames without"):
        plots.spectra(dry)
