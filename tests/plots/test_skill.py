"""What a skill figure shows, read back from its axes."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg

from keras_wx import plots
from keras_wx.errors import DataError


def scores_of(shift=0.0, *, thresholds=(10.0, 20.0, 30.0), minutes=5, leads=6) -> xr.Dataset:
    """Made-up scores in the form of `keras_wx.verify`."""
    lead = np.arange(1, leads + 1) * np.timedelta64(minutes, "m").astype("timedelta64[ns]")
    csi = 0.8 - 0.1 * np.arange(len(thresholds))[:, None] - 0.05 * np.arange(leads) + shift
    return xr.Dataset(
        {
            "csi": (
                ("threshold", "lead_time"),
                csi,
                {"long_name": "critical success index", "units": "1"},
            ),
            "mse": (
                "lead_time",
                10.0 * np.arange(leads) + shift,
                {"long_name": "mean squared error", "units": "(dBZ)^2"},
            ),
        },
        coords={
            "lead_time": lead,
            "threshold": ("threshold", list(thresholds), {"units": "dBZ"}),
        },
        attrs={"model": "ours"},
    )


def test_a_panel_a_threshold_and_a_line_a_model():
    ours, theirs = scores_of(0.05), scores_of()
    figure = plots.skill({"ours": ours, "persistence": theirs})
    assert [axes.get_title() for axes in figure.axes] == ["≥ 10 dBZ", "≥ 20 dBZ", "≥ 30 dBZ"]
    for k, axes in enumerate(figure.axes):
        first, second = axes.lines
        np.testing.assert_array_equal(first.get_xdata(), [5, 10, 15, 20, 25, 30])
        np.testing.assert_array_equal(first.get_ydata(), ours.csi[k])
        np.testing.assert_array_equal(second.get_ydata(), theirs.csi[k])
        assert first.get_color() != second.get_color()
        assert first.get_marker() != second.get_marker()
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["ours", "persistence"]
    assert figure.get_supxlabel() == "Lead time [min]"
    assert figure.get_supylabel() == "Critical success index"


def test_chosen_thresholds():
    figure = plots.skill(scores_of(), thresholds=[30, 10])
    assert [axes.get_title() for axes in figure.axes] == ["≥ 30 dBZ", "≥ 10 dBZ"]
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), scores_of().csi[2])


def test_a_score_without_threshold_has_units():
    figure = plots.skill(scores_of(), score="mse")
    assert len(figure.axes) == 1
    assert figure.get_supylabel() == "Mean squared error [dBZ²]"


def test_long_lead_times_are_in_hours():
    figure = plots.skill(scores_of(minutes=60))
    assert figure.get_supxlabel() == "Lead time [h]"
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_xdata(), [1, 2, 3, 4, 5, 6])


def test_five_thresholds_make_two_rows_each_with_its_numbers():
    figure = plots.skill(scores_of(thresholds=(0.5, 2.0, 5.0, 10.0, 30.0)))
    FigureCanvasAgg(figure).draw()
    assert len(figure.axes) == 5
    labelled = [axes.xaxis.get_tick_params()["labelbottom"] for axes in figure.axes]
    assert labelled == [False, False, True, True, True]


def test_no_text_lies_on_another():
    names = ["convlstm_hko.taasrad19", "persistence", "rover1", "marching_average", "bilinear"]
    figure = plots.skill({name: scores_of() for name in names})
    FigureCanvasAgg(figure).draw()
    texts = [figure._supxlabel, figure._supylabel, *(axes.title for axes in figure.axes)]
    boxes = [*(text.get_window_extent() for text in texts), figure.legends[0].get_window_extent()]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
        assert figure.bbox.containsx(box.x0)
        assert figure.bbox.containsx(box.x1)


def test_it_is_written(tmp_path):
    plots.skill(scores_of(), path=tmp_path / "skill.png")
    assert (tmp_path / "skill.png").read_bytes().startswith(b"\x89PNG")
    plots.skill(scores_of(), path=tmp_path / "skill.svg")
    assert b"<svg" in (tmp_path / "skill.svg").read_bytes()


def test_what_it_refuses():
    with pytest.raises(DataError, match=r"no 'CSI'. Expected one of \['csi', 'mse'\]"):
        plots.skill(scores_of(), score="CSI")
    with pytest.raises(DataError, match=r"\[10.0, 20.0, 30.0\]. Received: \[15\]"):
        plots.skill(scores_of(), thresholds=[15])
    with pytest.raises(DataError, match="pool"):
        plots.skill(scores_of().expand_dims(init_time=2))
    with pytest.raises(DataError, match="at least one model"):
        plots.skill({})
    with pytest.raises(DataError, match=r"that 'persistence' has, \[1.0, 2.0\]"):
        plots.skill({"ours": scores_of(), "persistence": scores_of(thresholds=(1.0, 2.0))})
