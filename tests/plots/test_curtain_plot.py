"""What the case-study panel of a curtain shows, read back from its axes."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgba
from matplotlib.dates import date2num
from matplotlib.patheffects import withStroke

from keras_wx.errors import DataError
from keras_wx.inference.summary import summarise
from keras_wx.plots.curtain import curtain
from keras_wx.verification.curtain import verify_curtain

START = np.datetime64("2017-01-05T03:00", "ns")
STEP = np.timedelta64(4, "s").astype("timedelta64[ns]")
NAN = np.nan


def made_up(values, *, hole=None, name="ours") -> xr.Dataset:
    """A curtain of 12 columns and 5 gates of 200 m."""
    values = np.asarray(values, float)
    dims = ("realization", "time", "height")[-values.ndim :]
    coords = {"time": START + np.arange(12) * STEP, "height": 100 + 200.0 * np.arange(5)}
    if hole is not None:
        mask = (np.arange(5) < np.reshape(hole, (-1, 1))) * np.ones((12, 1))
        coords["blind_zone"] = (("time", "height"), mask)
    return xr.Dataset({"reflectivity": (dims, values, {"units": "dBZ"})}, coords, {"model": name})


@pytest.fixture
def truth() -> xr.Dataset:
    values = np.random.default_rng(0).uniform(-50, 20, (12, 5))
    values[3, 1], values[4] = -60, NAN
    return made_up(values)


def colours(axes):
    """RGBA of each gate, `(height, time, 4)`."""
    (image,) = (each for each in axes.collections if hasattr(each, "get_coordinates"))
    return image.cmap(image.norm(image.get_array()))


def test_a_panel_each_with_its_gates_and_the_top_of_the_blind_zone(truth):
    hole = np.array([2] * 6 + [3] * 6)
    ours = made_up(truth.reflectivity.fillna(0) + 1, hole=hole)
    figure = curtain({"ours": ours, "repeat": made_up(np.full((12, 5), -20), hole=hole)}, truth)
    panels = figure.axes[:3]
    assert [axes.get_title(loc="left") for axes in panels] == ["Observation", "ours", "repeat"]
    shown = colours(panels[0])
    assert shown.shape == (5, 12, 4)
    np.testing.assert_allclose(shown[1, 3], to_rgba("white"))  # no echo
    np.testing.assert_allclose(shown[:, 4], [to_rgba("0.80")] * 5)  # missing
    assert tuple(shown[0, 0]) not in {to_rgba("white"), to_rgba("0.80")}
    assert len(np.unique(colours(panels[2])[..., :3].reshape(-1, 3), axis=0)) == 1
    for axes in panels:
        (line,) = axes.lines
        np.testing.assert_allclose(line.get_ydata(), 0.2 * hole)  # km
        np.testing.assert_allclose(line.get_xdata(), date2num(truth.time.values))
        assert isinstance(line.get_path_effects()[0], withStroke)
    assert panels[0].get_ylim() == (0, pytest.approx(1.0))


def test_five_dbz_a_class(truth):
    values = np.repeat([[-59.9, -55.1, -54.9, -60.0, -70.0]], 12, axis=0)
    figure = curtain(made_up(values, hole=2))
    shown = colours(figure.axes[0])[:, 0]
    assert (shown[0] == shown[1]).all()
    assert (shown[1] != shown[2]).any()
    np.testing.assert_allclose(shown[3:], [to_rgba("white")] * 2)


@pytest.fixture
def members() -> np.ndarray:
    """Where they differ their median is as elsewhere, and their mean is not."""
    members = np.full((3, 12, 5), -20.0)
    members[:, 5:9, :2] += np.array([-40.0, 0.0, 15.0])[:, None, None]
    return members


def test_an_ensemble_is_its_median_hatched_where_it_is_unsure(members):
    figure = curtain(made_up(members, hole=2), uncertain=20)
    (axes, _) = figure.axes
    assert axes.get_title(loc="left") == "ours, median of 3 members, hatched: spread ≥ 20 dB"
    assert len(np.unique(colours(axes)[..., :3].reshape(-1, 3), axis=0)) == 1
    (hatched,) = (each for each in axes.collections if getattr(each, "hatches", [None])[0])
    x, y = hatched.get_paths()[0].vertices.T
    times = date2num(START + np.arange(12) * STEP)
    assert times[4] < x.min() < times[5]
    assert times[8] < x.max() < times[9]
    assert y.max() < 0.5
    sure = curtain(made_up(members, hole=2), uncertain=40).axes[0]
    assert len(sure.collections) == 1


def test_what_is_shown_is_what_is_scored(members):
    truth = made_up(np.full((12, 5), -20.0))
    ensemble = made_up(members, hole=2)
    assert verify_curtain(ensemble, truth, scene=4, block=4).mae == 0
    shown = colours(curtain(ensemble).axes[0])
    np.testing.assert_array_equal(shown, colours(curtain(truth).axes[0]))


def test_a_summary_is_shown_as_its_members_are(members):
    ensemble = made_up(members, hole=2)
    summary = summarise(ensemble)
    distribution = summary.assign(reflectivity=summary.reflectivity_quantile.sel(quantile=0.5))
    expected = colours(curtain(ensemble).axes[0])
    for each in (summary, distribution):
        axes = curtain(each, uncertain=20).axes[0]
        assert axes.get_title(loc="left") == "ours, median, hatched: spread ≥ 20 dB"
        np.testing.assert_array_equal(colours(axes), expected)
        assert len(axes.collections) == 2


def test_a_gap_in_time_stays_empty(truth):
    times = truth.time.values.copy()
    times[8:] += np.timedelta64(5, "m")
    ours = made_up(np.full((12, 5), -20), hole=2).assign_coords(time=times)
    axes = curtain(ours).axes[0]
    shown = colours(axes)
    assert shown.shape == (5, 14, 4)
    np.testing.assert_allclose(shown[:, 8:10], np.full((5, 2, 4), to_rgba("0.80")))
    assert np.isnan(axes.lines[0].get_ydata()[8:10]).all()


def test_period_top_and_distance_along_the_track(truth):
    ours = made_up(np.full((12, 5), -20), hole=2)
    ours = ours.assign_coords(along_track=("time", 1.1 * np.arange(12.0)))
    period = slice("2017-01-05T03:00:08", "2017-01-05T03:00:20")
    axes = curtain(ours, truth, period=period, top=600).axes
    assert axes[0].get_ylim() == (0, 0.6)
    assert axes[1].get_xlabel() == "Along track [km]"
    np.testing.assert_allclose(axes[1].lines[0].get_xdata(), [2.2, 3.3, 4.4, 5.5])


def test_it_is_written(truth, tmp_path):
    curtain(made_up(truth.reflectivity, hole=2), truth, path=tmp_path / "case.png")
    assert (tmp_path / "case.png").read_bytes().startswith(b"\x89PNG")


def test_what_it_refuses(truth):
    with pytest.raises(DataError, match="empty mapping"):
        curtain({})
    with pytest.raises(DataError, match=r"no curtain 'rain_rate'.*'reflectivity': \('time'"):
        curtain(truth, variable="rain_rate")
    with pytest.raises(DataError, match="no column in the period"):
        curtain(made_up(truth.reflectivity, hole=2), period=slice("2018", None))
