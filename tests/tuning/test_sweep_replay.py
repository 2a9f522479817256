"""The replay of searches on a table, checked on a table whose best is known."""

import csv
import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest

from keras_wx.tuning.space import read_space

RECIPES = Path(__file__).parents[2] / "recipes"


def recipe(name):
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def replay():
    return recipe("sweep_replay")


@pytest.fixture
def table(tmp_path, replay):
    """All 200 configurations; the score is smooth in the learning rate and the size."""
    space = read_space(replay.SPACE, "convlstm")
    names = [list(parameter.options) for parameter in space.parameters.values()]
    path = tmp_path / "table.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*space.parameters, "mse_dbz2"])
        for row in itertools.product(*names):
            width, frames, rate, batch, loss = row
            score = 10 + (np.log10(rate) + 2) ** 2 + abs(names[0].index(width) - 3)
            score += 0.1 * (frames == 2) + 0.2 * (batch == 4) + 0.3 * (loss == "mae")
            writer.writerow([*row, "" if rate == 0.03 else score])
    return path


def test_a_table_is_replayed(replay, table):
    space = read_space(replay.SPACE, "convlstm")
    scores = replay.read(table, space)
    assert len(scores) == 200
    assert sum(score is None for score in scores.values()) == 40
    curves = {
        name: np.array([replay.replay(name, space, scores, seed, 24) for seed in range(2)])
        for name in replay.ORACLES
    }
    for curve in curves.values():
        assert (np.diff(curve, axis=1) <= 0).all()
    assert curves["bayesian"][:, -1].mean() < curves["random"][:, -1].mean()
    assert (curves["bayesian"][:, -1] <= 10.3).all()  # 10 is the best
    text = replay.report(curves, scores)
    assert "The best has 10.000 dBZ²" in text
    assert "40 failed" in text
    assert "| 24 |" in text


def test_a_part_of_a_table_is_not_replayed(replay, table):
    lines = table.read_text().splitlines()
    table.write_text("\n".join(lines[:-3]))
    with pytest.raises(SystemExit, match="197 of 200"):
        replay.read(table, read_space(replay.SPACE, "convlstm"))
