"""What reliability, rank and spread figures show, read back from their axes."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from keras_wx import plots
from keras_wx.errors import DataError

LEADS = np.array([5, 10]) * np.timedelta64(60 * 10**9, "ns")


def ensemble_scores() -> xr.Dataset:
    """Three probabilities, 0, 1/2 and 1, at two thresholds and lead times; three members' ranks."""
    dims = ("threshold", "probability_bin", "lead_time")
    made = np.array([[[80, 60], [10, 30], [0, 10]], [[90, 90], [10, 10], [0, 0]]])
    seen = np.array([[[4, 6], [5, 15], [0, 6]], [[0, 0], [2, 2], [0, 0]]])
    said = made * np.array([0.0, 0.5, 1.0])[:, None]
    return xr.Dataset(
        {
            "forecast_count": (dims, made),
            "observed_count": (dims, seen),
            "probability_sum": (dims, said),
            "rank_histogram": (("rank", "lead_time"), [[1, 3], [2, 2], [2, 4], [5, 1]]),
            "rmse": ("lead_time", [2.0, 4.0], {"units": "dBZ"}),
            "spread": ("lead_time", [1.0, 3.0], {"units": "dBZ"}),
        },
        {
            "threshold": ("threshold", [10.0, 30.0], {"units": "dBZ"}),
            "lead_time": LEADS,
            "rank": [0, 1, 2, 3],
        },
        {"model": "steps"},
    )


def lines_of(axes):
    return [line for line in axes.lines if not line.get_label().startswith("_")]


def test_reliability_adds_counts_before_dividing():
    figure = plots.reliability(ensemble_scores())
    assert [axes.get_title() for axes in figure.axes] == ["≥ 10 dBZ", "≥ 30 dBZ"]
    (first,), (second,) = map(lines_of, figure.axes)
    np.testing.assert_allclose(first.get_xdata(), [0, 0.5, 1])
    np.testing.assert_allclose(first.get_ydata(), [10 / 140, 20 / 40, 6 / 10])
    # Nothing was forecast with probability 1 at 30 dBZ.
    np.testing.assert_allclose(second.get_xdata(), [0, 0.5])
    np.testing.assert_allclose(second.get_ydata(), [0, 4 / 20])
    (inset,) = figure.axes[0].child_axes
    np.testing.assert_allclose(inset.lines[0].get_ydata(), [140 / 190, 40 / 190, 10 / 190])


def test_reliability_at_one_lead_time():
    figure = plots.reliability(ensemble_scores(), thresholds=[10], lead_times=[5])
    (line,) = lines_of(figure.axes[0])
    np.testing.assert_allclose(line.get_ydata(), [4 / 80, 5 / 10])


def test_ranks_are_relative_frequencies():
    figure = plots.rank_histogram({"a": ensemble_scores(), "b": ensemble_scores()})
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
    bars = figure.axes[0].patches
    np.testing.assert_allclose([bar.get_height() for bar in bars], np.array([4, 4, 6, 6]) / 20)
    np.testing.assert_allclose([bar.get_x() + bar.get_width() / 2 for bar in bars], range(4))
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), 0.25)
    later = plots.rank_histogram(ensemble_scores(), lead_times=[10])
    np.testing.assert_allclose(later.axes[0].patches[0].get_height(), 0.3)


def test_spread_lies_beside_the_error():
    figure = plots.spread_skill({"steps": ensemble_scores()})
    error, spread = figure.axes[0].lines
    np.testing.assert_array_equal(error.get_xdata(), [5, 10])
    np.testing.assert_array_equal(error.get_ydata(), [2, 4])
    np.testing.assert_array_equal(spread.get_ydata(), [1, 3])
    assert (error.get_linestyle(), spread.get_linestyle()) == ("-", "--")
    assert error.get_color() == spread.get_color()


@pytest.mark.parametrize("plot", [plots.reliability, plots.rank_histogram, plots.spread_skill])
def test_they_are_written_and_say_what_they_need(plot, tmp_path):
    plot(ensemble_scores(), path=tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    single = ensemble_scores()[["rmse"]]
    with pytest.raises(DataError, match="several members"):
        plot(single)
    with pytest.raises(DataError, match="pool"):
        plot(ensemble_scores().expand_dims(init_time=2))
