"""Pictures of a search, and the numbers in them."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from keras_wx.errors import DataError
from keras_wx.plots.search import importance, importances, parallel_coordinates, search_history


def trials(count=60, direction="min"):
    draw = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "config.width": draw.choice([8, 16, 32], count),
            "training.rate": 10 ** draw.uniform(-4, -1, count),
            "training.loss": draw.choice(["mse", "mae"], count),
            "config.nothing": draw.uniform(0, 1, count),
        }
    )
    table["score"] = (
        4 * np.abs(np.log10(table["training.rate"]) + 2.5)
        + (table["training.loss"] == "mae")
        + 0.01 * table["config.width"]
    )
    table["status"] = "completed"
    table.loc[3, ["score", "status"]] = [np.nan, "failed"]
    table.attrs = {"objective": "val_loss", "direction": direction,
                   "parameters": list(table.columns[:4])}  # fmt: skip
    return table


def test_importance_ranks_what_made_the_score():
    found = importances(trials())
    assert list(found.index[:2]) == ["training.rate", "training.loss"]
    assert found.loc["training.rate", "mean"] > 5 * found.loc["training.loss", "mean"]
    assert abs(found.loc["config.nothing", "mean"]) < 0.1


def test_history_shows_the_best_so_far():
    for direction, best in (("min", np.fmin), ("max", np.fmax)):
        table = trials(direction=direction)
        axes = search_history(table).axes[0]
        lines = {line.get_label(): line for line in axes.lines}
        assert np.array_equal(lines["best so far"].get_ydata(), best.accumulate(table["score"]))
        assert list(lines["failed"].get_xdata()) == [4]


def test_parallel_coordinates_have_a_line_for_each_completed_trial():
    axes = parallel_coordinates(trials()).axes[0]
    lines = [line for line in axes.lines if len(line.get_xdata()) == 4]
    assert len(lines) == 59
    heights = np.array([line.get_ydata() for line in lines])
    assert heights.min() == 0
    assert heights.max() == 1


@pytest.mark.parametrize("draw", [search_history, parallel_coordinates, importance])
def test_pictures_are_written(draw, tmp_path):
    draw(trials(12), path=tmp_path / "picture.png")
    assert Image.open(tmp_path / "picture.png").size[0] > 500


def test_conditional_values_and_few_trials():
    table = trials(12)
    table.loc[::2, "training.rate"] = np.nan
    parallel_coordinates(table)
    assert "training.rate" in importances(table).index
    with pytest.raises(DataError, match="at least 8"):
        importance(trials(6))
    with pytest.raises(DataError, match="nothing to show"):
        search_history(trials(6).assign(score=np.nan))
