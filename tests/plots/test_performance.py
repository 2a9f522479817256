"""What a performance diagram shows, read back from its axes."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg

from keras_wx import plots
from keras_wx.errors import DataError


def scores_of(hits: float) -> xr.Dataset:
    """100 observed events; so many hits, fewer with each lead time, and 40 false alarms."""
    lead = np.arange(1, 4) * np.timedelta64(5 * 60 * 10**9, "ns")
    hit = hits - 10.0 * np.arange(3) - np.array([[0.0], [15.0]])
    dims = ("threshold", "lead_time")
    return xr.Dataset(
        {"pod": (dims, hit / 100), "far": (dims, 40 / (hit + 40))},
        {"lead_time": lead, "threshold": ("threshold", [10.0, 30.0], {"units": "dBZ"})},
        {"model": "ours"},
    )


def test_a_line_goes_through_the_lead_times_of_each_model():
    figure = plots.performance({"ours": scores_of(80), "persistence": scores_of(60)})
    assert [axes.get_title() for axes in figure.axes] == ["≥ 10 dBZ", "≥ 30 dBZ"]
    ours, theirs = (line for line in figure.axes[1].lines if not line.get_label().startswith("_"))
    # 65, 55 and 45 hits of 100 events, and 40 false alarms.
    np.testing.assert_allclose(ours.get_ydata(), [0.65, 0.55, 0.45])
    np.testing.assert_allclose(ours.get_xdata(), [65 / 105, 55 / 95, 45 / 85])
    np.testing.assert_allclose(theirs.get_ydata(), [0.45, 0.35, 0.25])
    assert ours.get_markevery() == [0]
    assert ours.get_color() != theirs.get_color()


def test_isolines_are_those_of_csi_and_bias():
    figure = plots.performance(scores_of(80), thresholds=[10])
    FigureCanvasAgg(figure).draw()
    (axes,) = figure.axes
    (contours,) = axes.collections
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        success, detection = path.vertices.T
        # A hundred forecasts of the event: hits, false alarms, and misses by the detection rate.
        hits = 100 * success
        csi = hits / (100 + hits / detection - hits)
        np.testing.assert_allclose(csi, level, atol=0.005)
    biases = [text.get_text() for text in axes.texts if text.get_text() in ("0.5", "1", "2")]
    rays = {
        round(line.get_ydata()[1] / line.get_xdata()[1], 6)
        for line in axes.lines
        if line.get_label().startswith("_")
    }
    assert rays == {0.25, 0.5, 1.0, 2.0, 4.0}
    assert sorted(biases) == ["0.5", "1", "2"]


def test_it_is_written(tmp_path):
    plots.performance(scores_of(80), path=tmp_path / "performance.png")
    assert (tmp_path / "performance.png").read_bytes().startswith(b"\x89PNG")


def test_what_it_refuses():
    with pytest.raises(DataError, match="no 'far'"):
        plots.performance(scores_of(80).drop_vars("far"))
    with pytest.raises(DataError, match=r"\[10.0, 30.0\]. Received: \[20\]"):
        plots.performance(scores_of(80), thresholds=[20])
    with pytest.raises(DataError, match="pool"):
        plots.performance(scores_of(80).expand_dims(init_time=2))
