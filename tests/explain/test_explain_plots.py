"""What the pictures of explanations show, read back from their axes."""

from __future__ import annotations

import explain_cases as cases
import numpy as np
import pytest
import xarray as xr
from matplotlib.dates import date2num

from keras_wx.errors import DataError
from keras_wx.plots.explain_channels import channel_importance
from keras_wx.plots.explain_features import feature_maps
from keras_wx.plots.explain_saliency import saliency

HOLE = np.broadcast_to(np.arange(cases.ROWS) < cases.BLIND, (cases.COLUMNS, cases.ROWS))


def explained_curtain() -> xr.Dataset:
    gradient = np.random.default_rng(0).normal(size=(2, cases.COLUMNS, cases.ROWS))
    greatest = np.where(HOLE, np.nan, np.abs(gradient).max(0))
    data = cases.curtain()
    dims = ("time", "height")
    return xr.Dataset(
        {"gradient": (("variable", *dims), gradient), "saliency": (dims, greatest)},
        {
            "time": data.time, "height": data.height, "blind_zone": (dims, HOLE * 1.0),
            "variable": ["reflectivity", "temperature"],
        },
    )  # fmt: skip


def explained_forecast() -> xr.Dataset:
    attribution = np.random.default_rng(0).normal(size=(1, 2, 7, 4, 5))
    data = cases.radar()
    return xr.Dataset(
        {"attribution": (("variable", "init_time", "lag", "y", "x"), attribution)},
        {
            "variable": ["reflectivity"],
            "init_time": data.time.values[:2],
            "lag": np.arange(6, -1, -1) * np.timedelta64(300, "s").astype("m8[ns]"),
            "y": data.y,
            "x": data.x,
        },
    )


def panels_of(figure):
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def test_a_row_an_input_and_the_greatest_of_all(tmp_path):
    found = explained_curtain()
    figure = saliency(found, path=tmp_path / "saliency.png")
    assert (tmp_path / "saliency.png").stat().st_size > 0
    rows = panels_of(figure)
    titles = [axes.get_title(loc="left") for axes in rows]
    assert titles == ["Greatest of all", "reflectivity", "temperature"]
    images = [axes.collections[0] for axes in rows]
    np.testing.assert_allclose(images[2].get_array(), found.gradient.values[1].T)
    mask = np.ma.getmaskarray(images[0].get_array())
    np.testing.assert_array_equal(mask, HOLE.T)
    assert images[0].norm.vmin == 0
    assert images[1].norm.vmin == -images[1].norm.vmax
    assert images[1].norm is images[2].norm
    (line,) = rows[1].collections[1].get_paths()
    np.testing.assert_allclose(line.vertices[:, 1], 0.4)  # km, between the gates
    corners = images[1].get_coordinates()[0, :, 0]
    np.testing.assert_allclose(
        (corners[1:] + corners[:-1]) / 2, date2num(found.time.values), atol=1e-7
    )


def test_a_column_a_frame():
    found = explained_forecast()
    figure = saliency(found, init_time=found.init_time.values[1])
    columns = panels_of(figure)
    assert [axes.get_title() for axes in columns] == [
        "−30 min", "−20 min", "−15 min", "−10 min", "0 min",
    ]  # fmt: skip
    for axes, lag in zip(columns, (0, 2, 3, 4, 6), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), found.attribution[0, 1, lag])
    assert columns[0].get_ylabel() == "reflectivity"


def test_the_features_that_vary_most():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2, 4, 5, 3)) * [1, 9, 4] * np.array([1, -1])[:, None, None, None]
    maps = xr.Dataset({"features": (("frame", "y", "x", "feature"), features)})
    shown = panels_of(feature_maps(maps, most=2, frame=0))
    assert [axes.get_title(loc="left") for axes in shown] == ["Feature 1", "Feature 2"]
    np.testing.assert_array_equal(shown[1].images[0].get_array(), features[0, ..., 2])
    assert shown[0].images[0].norm.vmin < 0
    last = panels_of(feature_maps(abs(maps)))
    np.testing.assert_array_equal(last[0].images[0].get_array(), abs(features[1, ..., 1]))
    assert last[0].images[0].norm.vmin == 0


def test_bars_in_one_order():
    def made_up(values):
        return xr.Dataset(
            {"importance": (("repeat", "variable"), np.array(values))}, {"variable": ["u", "v"]}
        )

    figure = channel_importance(
        {"first": made_up([[1.0, 4.0], [3.0, 4.0]]), "second": made_up([[5.0, -1.0]])}
    )
    first, second = figure.axes
    assert [text.get_text() for text in first.get_yticklabels()] == ["u", "v"]
    assert [bar.get_width() for bar in first.patches] == [2, 4]
    assert [bar.get_width() for bar in second.patches] == [5, -1]
    dots = [line.get_xdata().tolist() for line in first.lines if line.get_marker() == "."]
    assert dots == [[1, 4], [3, 4]]


def test_other_datasets():
    data = cases.radar()
    with pytest.raises(DataError, match=r"explain\.saliency"):
        saliency(data)
    with pytest.raises(DataError, match="init_time: expected one of"):
        saliency(explained_forecast(), init_time="2021-01-01")
    with pytest.raises(DataError, match=r"explain\.feature_maps"):
        feature_maps(data)
    with pytest.raises(DataError, match="positions along"):
        feature_maps(xr.Dataset({"features": (("y", "x", "feature"), np.ones((2, 2, 1)))}), call=0)
    with pytest.raises(DataError, match="permutation_importance"):
        channel_importance(data)
