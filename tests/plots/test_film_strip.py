"""What a film strip shows, read back from the figure."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from keras_wx import plots
from keras_wx.errors import DataError


def panels(figure) -> np.ndarray:
    """The axes of the strip by row and column, without the colour bar's."""
    axes = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    return np.array(axes).reshape(axes[0].get_subplotspec().get_gridspec().get_geometry())


def shown(axes) -> np.ndarray:
    """The field of a panel, row by row from the first y."""
    return axes.images[0].get_array()


def test_the_fields_are_where_the_headings_say(forecast, truth):
    figure = plots.film_strip(forecast, truth, lead_times=[5, 30, 60], past=2)
    grid = panels(figure)
    assert grid.shape == (2, 5)
    headings = [axes.get_title() for axes in grid[0]]
    assert headings == ["−5 min", "0 min", "+5 min", "+30 min", "+60 min"]
    assert "15:10 UTC" in figure.get_suptitle()
    frames = truth.reflectivity.values
    for axes, i in zip(grid[0], (1, 2, 3, 8, 14), strict=True):
        np.testing.assert_array_equal(shown(axes).filled(np.nan), frames[i])
    for axes in grid[1, 2:]:
        np.testing.assert_array_equal(shown(axes).filled(np.nan), frames[2])
    assert [len(axes.images) for axes in grid[1]] == [0, 0, 1, 1, 1]
    assert grid[0, 0].get_ylabel() == "Observation"
    assert grid[1, 2].get_ylabel() == "persistence"


def test_one_colour_scale_with_units(forecast, truth):
    figure = plots.film_strip(forecast, truth)
    images = [axes.images[0] for axes in panels(figure).flat if axes.images]
    assert len({(image.norm.vmin, image.norm.vmax, image.cmap.name) for image in images}) == 1
    (bar,) = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    assert bar.get_ylabel() == "Reflectivity [dBZ]"
    figure.canvas.draw()
    assert [text.get_text() for text in bar.get_yticklabels()] == [
        "10",
        "20",
        "30",
        "40",
        "50",
        "60",
    ]


def test_missing_is_gray_and_no_echo_white(forecast, truth):
    image = panels(plots.film_strip(forecast, truth))[0, 0].images[0]
    assert image.get_array().mask[:10, :10].all()
    assert image.get_array().mask.sum() == 100
    colors = image.to_rgba(image.get_array())
    np.testing.assert_allclose(colors[5, 5], (0.8, 0.8, 0.8, 1.0), atol=0.01)
    np.testing.assert_allclose(colors[55, 35], (1, 1, 1, 1))  # -5 dBZ
    assert np.ptp(colors[30, 8 + 3, :3]) > 0.3  # the shower


def test_an_observation_that_is_missing_is_gray(forecast, truth):
    figure = plots.film_strip(forecast, truth.drop_isel(time=8), lead_times=[30, 60])
    assert shown(panels(figure)[0, 1]).mask.all()
    assert not shown(panels(figure)[0, 2]).mask.all()


def test_lead_times_are_thinned_evenly(forecast):
    grid = panels(plots.film_strip(forecast))
    titles = [axes.get_title() for axes in grid[0]]
    assert titles == ["+10 min", "+20 min", "+30 min", "+40 min", "+50 min", "+60 min"]
    assert grid.shape == (1, 6)


def test_long_lead_times_are_in_hours(forecast):
    slow = forecast.assign_coords(lead_time=forecast.lead_time * 6)
    titles = [axes.get_title() for axes in panels(plots.film_strip(slow))[0]]
    assert titles == ["+1 h", "+2 h", "+3 h", "+4 h", "+5 h", "+6 h"]


@pytest.mark.parametrize(
    "lead_times", [[30], ["30min"], [np.timedelta64(30, "m")], np.array([30.0])]
)
def test_ways_to_name_a_lead_time(forecast, lead_times):
    figure = plots.film_strip(forecast, lead_times=lead_times)
    assert panels(figure)[0, 0].get_title() == "+30 min"


@pytest.mark.parametrize("as_text", [True, False])
def test_another_init_time(forecast, truth, as_text):
    init_time = "2016-09-28T15:15" if as_text else forecast.init_time[1]
    figure = plots.film_strip(forecast, truth, init_time=init_time, lead_times=[5])
    np.testing.assert_array_equal(
        shown(panels(figure)[1, 1]).filled(np.nan), truth.reflectivity.values[3]
    )
    assert "15:15 UTC" in figure.get_suptitle()
    taken = plots.film_strip(forecast.isel(init_time=1), truth, lead_times=[5])
    assert "15:15 UTC" in taken.get_suptitle()


def test_a_row_for_each_model(forecast, truth):
    figure = plots.film_strip({"one": forecast, "two": forecast + 1.0}, truth)
    labels = [axes.get_ylabel() for axes in panels(figure).flat if axes.get_ylabel()]
    assert labels == ["Observation", "one", "two"]


def test_an_ensemble_is_shown_by_its_mean(forecast):
    ensemble = xr.concat([forecast, forecast + 4.0], "realization")
    ensemble.reflectivity.attrs["units"] = "dBZ"
    axes = panels(plots.film_strip(ensemble, lead_times=[5]))[0, 0]
    expected = forecast.reflectivity.values[0, 0] + 2.0
    np.testing.assert_allclose(shown(axes).filled(np.nan), expected)


def test_a_mean_is_labelled_and_made_of_floored_members(forecast, truth):
    dry = forecast.copy(deep=True)
    dry.reflectivity[:] = -32
    ensemble = xr.concat([dry, forecast, forecast], "realization")
    rows = {"steps": ensemble, "persistence": forecast}
    grid = panels(plots.film_strip(rows, truth, lead_times=[5], past=0, floor=0))
    labels = [axes.get_ylabel() for axes in grid[:, 0]]
    assert labels == ["Observation", "steps\nmean of 3 members", "persistence"]
    echo = forecast.reflectivity.values[0, 0].clip(0)
    np.testing.assert_allclose(shown(grid[1, 0]).filled(np.nan), 2 / 3 * echo)
    np.testing.assert_allclose(shown(grid[2, 0]).filled(np.nan), echo)
    assert shown(grid[0, 0]).min() == 0
    one = panels(plots.film_strip(forecast.expand_dims("realization"), lead_times=[5]))[0, 0]
    assert one.get_ylabel() == "persistence"


def test_the_first_start_that_all_forecasts_have(forecast, truth):
    """A model with a longer history cannot start at the first frame of the others."""
    later = forecast.isel(init_time=[1])
    figure = plots.film_strip({"short": forecast, "long": later}, truth, lead_times=[5])
    assert "15:15 UTC" in figure.get_suptitle()
    with pytest.raises(DataError, match=r"'long' has no init_time 2016-09-28 15:10"):
        plots.film_strip({"short": forecast.isel(init_time=[0]), "long": later})


def test_north_is_up(forecast):
    up = panels(plots.film_strip(forecast))[0, 0].images[0]
    assert up.origin == "lower"
    down = forecast.isel(y=slice(None, None, -1))
    assert panels(plots.film_strip(down))[0, 0].images[0].origin == "upper"
    bare = forecast.drop_vars(["y", "x"])
    assert panels(plots.film_strip(bare))[0, 0].images[0].origin == "upper"


def test_maps_are_to_scale(forecast):
    axes = panels(plots.film_strip(forecast))[0, 0]
    assert axes.images[0].get_extent() == pytest.approx([0, 40, 0, 60])
    assert [text.get_text() for text in axes.texts] == ["10 km"]
    assert np.ptp(axes.lines[0].get_xdata()) == pytest.approx(10)
    assert axes.get_aspect() == 1
    bare = panels(plots.film_strip(forecast.drop_vars(["y", "x"])))[0, 0]
    assert not bare.texts
    degrees = forecast.assign_coords(
        y=("y", 60 + 0.01 * np.arange(60), {"units": "degrees_north"}),
        x=("x", 25 + 0.02 * np.arange(40), {"units": "degrees_east"}),
    ).rename(y="lat", x="lon")
    left, right, bottom, top = panels(plots.film_strip(degrees))[0, 0].images[0].get_extent()
    # At 60 degrees north a degree of longitude is half as long as one of latitude.
    assert (right - left) / (top - bottom) == pytest.approx(40 / 60, rel=0.01)


def test_rain_rate_has_its_own_classes(forecast):
    rain = (forecast.clip(0) / 2).rename(reflectivity="rain_rate")
    rain.rain_rate.attrs["units"] = "mm h-1"
    figure = plots.film_strip(rain)
    image = panels(figure)[0, 0].images[0]
    assert (image.norm.vmin, image.norm.vmax) == (0.1, 100)
    np.testing.assert_allclose(image.cmap(image.norm(0.0)), (1, 1, 1, 1))
    (bar,) = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    assert bar.get_ylabel() == "Rain rate [mm/h]"


def test_another_variable_takes_the_range_of_all_panels(forecast, truth):
    def kelvin(dataset):
        dataset = (dataset + 273.15).rename(reflectivity="air_temperature")
        dataset.air_temperature.attrs["units"] = "K"
        return dataset

    figure = plots.film_strip(kelvin(forecast), kelvin(truth), lead_times=[60], past=0)
    images = [axes.images[0] for axes in panels(figure).flat]
    highest = max(float(image.get_array().max()) for image in images)
    assert {image.norm.vmax for image in images} == {highest}


def test_no_text_lies_on_another(forecast, truth):
    figure = plots.film_strip(
        {
            "a_model.with_a_variant": forecast,
            "other": xr.concat([forecast] * 20, "realization"),
        },
        truth,
        past=3,
    )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = [figure._suptitle, *(axes.title for axes in panels(figure)[0])]
    texts += [axes.yaxis.label for axes in panels(figure).flat if axes.get_ylabel()]
    boxes = [text.get_window_extent() for text in texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :]), texts[i]
        assert figure.bbox.containsx(box.x0)
        assert figure.bbox.containsx(box.x1)


def test_it_is_written(forecast, truth, tmp_path):
    figure = plots.film_strip(forecast, truth, path=tmp_path / "strip.png")
    with Image.open(tmp_path / "strip.png") as picture:
        assert picture.size == pytest.approx(figure.get_size_inches() * 150, abs=1)
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 50


def test_what_it_refuses(forecast, truth):
    with pytest.raises(
        DataError, match=r"no init_time 2016-09-28 15:00:00\. It has 2016-09-28T15:10"
    ):
        plots.film_strip(forecast, init_time="2016-09-28T15:00")
    with pytest.raises(DataError, match="init_time: expected a time"):
        plots.film_strip(forecast, init_time="noon")
    with pytest.raises(
        DataError, match=r"no lead time of 7 min\. It has 5, 10, 15, \.\.\., 50, 55, 60"
    ):
        plots.film_strip(forecast, lead_times=[5, 7])
    for bad in ([], ["soon"]):
        with pytest.raises(DataError, match="lead_times: expected"):
            plots.film_strip(forecast, lead_times=bad)
    with pytest.raises(DataError, match="Name one by `variable=`"):
        plots.film_strip(forecast, variable="rain_rate")
    with pytest.raises(DataError, match="has no init_time"):
        plots.film_strip(truth)
    with pytest.raises(DataError, match="truth has no variable 'reflectivity'"):
        plots.film_strip(forecast, truth.rename(reflectivity="dbz"))
    with pytest.raises(DataError, match="in 'dBZ', the truth in ''"):
        plots.film_strip(forecast, truth.drop_attrs(deep=True))
    with pytest.raises(DataError, match="decode_timedelta"):
        plots.film_strip(forecast.assign_coords(lead_time=np.arange(12)))
    with pytest.raises(DataError, match="at least one forecast"):
        plots.film_strip({})
    with pytest.raises(DataError, match="two dims beside"):
        plots.film_strip(forecast.isel(x=0))


def test_importing_leaves_matplotlib_alone():
    """In a fresh interpreter: no backend is chosen, no pyplot, no setting changed."""
    script = (
        "import sys, matplotlib; before = dict(matplotlib.rcParams.copy());"
        "import keras_wx.plots;"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "assert dict(matplotlib.rcParams.copy()) == before;"
        "assert matplotlib.get_backend(auto_select=False) is None"
    )
    environment = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
