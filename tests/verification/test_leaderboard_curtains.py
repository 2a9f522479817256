"""`leaderboard` of curtains: numbers against plain NumPy, blocks, and who takes part."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr
from made_up_curtains import COLUMNS, EVENTS, HOLE, ROWS, Clear, Noisy, curtain

import keras_wx
from keras_wx.errors import DataError, ModelError
from keras_wx.verification import profiles as profiles_module
from keras_wx.verification.curtain import joined
from keras_wx.verification.leaderboard import leaderboard, report
from keras_wx.verification.profiles import Profiles, profiles_of, score_curtains


@pytest.fixture(scope="module")
def board():
    models = ["repeat", "marching_average", Clear(), Noisy()]
    return leaderboard(models, curtain(), members=7, seed=2, repetitions=1)


def test_the_table_is_what_plain_numpy_gives(board):
    truth = curtain().reflectivity.values.astype(float)
    hole = truth[:, :HOLE]
    assert board.task == "inpaint"
    assert board.table.index.tolist() == ["clear", "repeat", "marching_average", "noisy"]
    repeated = np.broadcast_to(truth[:, [HOLE]], hole.shape)
    for name, made in (("clear", np.full(hole.shape, -60.0)), ("repeat", repeated)):
        row = board.table.loc[name]
        np.testing.assert_allclose(row["MAE"], np.abs(made - hole).mean(), rtol=1e-5)
        rmse = np.sqrt(((made - hole) ** 2).mean())
        np.testing.assert_allclose(row["RMSE"], rmse, rtol=1e-5)
        both = ((made > -60) & (hole > -60)).sum()
        dice = 2 * both / ((made > -60).sum() + (hole > -60).sum())
        np.testing.assert_allclose(row["Dice"], dice, rtol=1e-6)
        assert row["CRPS"] == row["MAE"]
        assert row["members"] == 1
        assert np.isnan(row["Spearman"])
    r = scipy.stats.pearsonr(repeated[:, 0], hole[:, 0]).statistic
    np.testing.assert_allclose(board.table.loc["repeat", "edge r"], r, atol=1e-6)
    assert np.isnan(board.table.loc["clear", "edge r"])
    assert board.table.loc["repeat", "CSI cloud"] == 1  # there is cloud in every scene
    row = board.table.loc["repeat"]
    assert row["Dice low"] < row["Dice"] < row["Dice high"]


def test_an_ensemble_is_scored_by_its_median_and_its_members(board):
    made = keras_wx.predict(Noisy(), curtain(), members=7, seed=2).reflectivity.values[..., :HOLE]
    truth = curtain().reflectivity.values[:, :HOLE].astype(float)
    made = np.maximum(made.astype(float), -60)
    row = board.table.loc["noisy"]
    error = np.abs(np.median(made, axis=0) - truth)
    np.testing.assert_allclose(row["MAE"], error.mean(), rtol=1e-5)
    apart = np.abs(made[:, None] - made[None]).mean(axis=(0, 1))
    crps = (np.abs(made - truth).mean(axis=0) - apart / 2).mean()
    np.testing.assert_allclose(row["CRPS"], crps, rtol=1e-5)
    expected = scipy.stats.spearmanr(made.std(axis=0, ddof=1).ravel(), error.ravel()).statistic
    np.testing.assert_allclose(row["Spearman"], expected, atol=0.01)
    assert row["Spearman low"] <= row["Spearman"] <= row["Spearman high"]
    assert list(board.ensembles) == ["noisy"]
    assert board.facts["ensembles"].startswith("scored by the median")


def test_the_example_is_where_most_cloud_is_hidden(board):
    hidden = (curtain().reflectivity.values[:, :HOLE] > -60).reshape(EVENTS, -1).sum(axis=1)
    start = int(hidden.argmax()) * COLUMNS
    np.testing.assert_array_equal(board.observed.time, curtain().time[start : start + COLUMNS])
    assert list(board.examples) == board.table.index.tolist()
    assert board.examples["noisy"].sizes["realization"] == 7


def test_differences_are_to_the_best_baseline(board):
    assert board.baselines == ("repeat", "marching_average", "noisy")
    found = board.differences.set_index(["model", "score"])
    for score in ("Dice", "MAE", "EMD", "CSI cloud"):
        values = board.table.loc[list(board.baselines), score]
        best = values.idxmin() if score in ("MAE", "EMD") else values.idxmax()
        row = found.loc[("clear", score)]
        assert row.baseline == best
        np.testing.assert_allclose(row.difference, board.table.loc["clear", score] - values[best])


def test_blocks_are_events_as_columns_of_one_are_alike(board):
    cases = board.cases["repeat"]
    assert cases.sizes["block"] == EVENTS
    np.testing.assert_array_equal(cases.start_time, curtain().time[::COLUMNS])
    assert board.facts["blocks"].startswith("3 of columns, at least")
    assert f"{COLUMNS * EVENTS:,}, 4s apart" in board.facts["profiles"]
    single = leaderboard([Clear(), "repeat"], curtain().isel(time=slice(COLUMNS)), repetitions=0)
    assert single.table.filter(like=" low").isna().all(axis=None)
    assert "none" in single.facts["intervals"]


def test_files(board, tmp_path):
    files = board.save(tmp_path / "new", pictures={"Events": "events.png"})
    names = ["leaderboard.csv", "leaderboard.md", "differences.csv", "by_event.csv"]
    assert [file.name for file in files] == names
    table, facts = report.read_csv(files[0].read_text(encoding="utf-8"))
    assert facts == board.facts
    pd.testing.assert_frame_equal(table, board.table, rtol=1e-5, check_dtype=False)
    markdown = files[1].read_text(encoding="utf-8")
    assert "scored by the median of its members" in markdown
    assert "![Events](events.png)" in markdown
    events = pd.read_csv(files[3], comment="#")
    row = events.query("model == 'clear' and score == 'csi' and event == 'cloud'")
    assert row.value.tolist() == [0]
    brief = report.summary(board.table)
    assert f"| {board.table.loc['repeat', 'Dice']:.3f} (" in brief
    assert board.cost.columns.tolist()[-2:] == ["members", "columns"]
    assert (board.table["ms"] > 0).all()


def test_a_model_of_other_variables_stands_beside_the_first(board):
    ours = {"clear": Clear(), "warm": Clear("warm", inputs=("reflectivity", "temperature"))}
    both = leaderboard(ours | {"repeat": "repeat"}, curtain(), repetitions=0)
    assert both.left_out == {}
    clear, warm = (both.table.loc[name] for name in ("clear", "warm"))
    pd.testing.assert_series_equal(warm, clear, check_names=False)
    with pytest.warns(UserWarning, match="warm is left out"):
        left = leaderboard(ours, curtain().drop_vars("temperature"), repetitions=0).left_out
    assert "'temperature'" in left["warm"]


@pytest.mark.filterwarnings("ignore:.*left out")
def test_who_takes_no_part_is_listed_with_the_reason():
    class Broken(Clear):
        def predict_on_batch(self, x):
            raise FloatingPointError("no number")

    others = {"deeper": Clear(height=500), "persistence": "persistence", "broken": Broken()}
    board = leaderboard({"clear": Clear(), **others}, curtain(), repetitions=0)
    assert board.table.index.tolist() == ["clear"]
    assert board.left_out == {
        "persistence": "is for the task 'nowcast', and the data are for 'inpaint'",
        "deeper": "has another blind zone, one of 500 m, the table one of 400 m",
        "broken": "failed: FloatingPointError: no number",
    }
    with pytest.raises(ModelError, match=r"(?s)Every model failed.*no number"):
        leaderboard(Broken(), curtain(), repetitions=0)
    with pytest.raises(DataError, match=r"stride, thresholds: expected none for a curtain"):
        leaderboard(Clear(), curtain(), stride=2, thresholds=[10])


def test_baselines_fill_the_blind_zone_of_the_first_model():
    board = leaderboard([Clear(height=700), "linear"], curtain(), repetitions=0)
    assert board.table.index.tolist() == ["clear", "linear"]
    assert board.scores["linear"].n_pairs == 7 * COLUMNS * EVENTS
    alone = leaderboard(["linear", "repeat"], curtain(), repetitions=0)
    assert alone.scores["repeat"].n_pairs == 12 * COLUMNS * EVENTS  # that of the preset: 1250 m


def test_pieces_change_nothing(monkeypatch):
    data, models = curtain(), {"clear": Clear()}
    sample = models["clear"].preset.sample
    whole = score_curtains(models, data, sample, profiles_of(data, sample, None))
    monkeypatch.setattr(profiles_module, "BLOCK", 128)
    monkeypatch.setattr(profiles_module, "PIXELS_IN_MEMORY", 128 * ROWS)
    parts = score_curtains(models, data, sample, profiles_of(data, sample, None))
    assert parts["clear"].sizes["block"] == 2 * whole["clear"].sizes["block"]
    xr.testing.assert_allclose(joined(whole["clear"]), joined(parts["clear"]))


def test_hours_without_a_blind_zone_are_passed_over(monkeypatch):
    """As the melting layer has when it is cold: the depth of the zone is that of the data."""
    monkeypatch.setattr(profiles_module, "PIXELS_IN_MEMORY", 1)  # pieces of one event
    monkeypatch.setattr(profiles_module, "BLOCK", COLUMNS)
    data, models = curtain(), [Clear(height=None)]
    warm = np.arange(data.sizes["time"]) // COLUMNS == 1
    data["blind_zone_top"] = "time", np.where(warm, 100.0 * HOLE, 0.0), {"units": "m"}
    board = leaderboard(models, data, repetitions=1)
    assert board.scores["clear"].n_columns == COLUMNS
    mae = np.abs(data.reflectivity.values[warm, :HOLE] + 60).mean()
    assert board.scores["clear"].mae == pytest.approx(mae)
    np.testing.assert_array_equal(board.observed.time, data.time[warm])
    assert board.table["ms"].notna().all()
    cold = data.assign_attrs(split_test="2017-01-05/2017-01-05")
    with pytest.raises(DataError, match=r"none of the 256 profiles from 2017-01-05.*blind zone"):
        leaderboard(models, cold, split="test", repetitions=0)


def test_pieces_look_at_what_is_beside_them_in_their_part():
    profiles = Profiles((slice(0, 600), slice(700, 1500)), np.arange(1400), None)
    pieces = list(profiles.pieces(512))
    assert pieces == [
        (slice(0, 512), slice(0, 600)),
        (slice(256, 344), slice(256, 600)),
        (slice(0, 512), slice(700, 1468)),
        (slice(256, 544), slice(956, 1500)),
    ]
    assert profiles.apart == timedelta(0)


def test_the_profiles_of_a_split_are_those_of_the_samples():
    data = curtain().assign_attrs(
        split_train="2017-01-05/2017-01-05", split_test="2017-01-07/2017-01-07", split_gap="1h"
    )
    preset = Clear().preset
    found = profiles_of(data, preset.sample, "test")
    np.testing.assert_array_equal(found.times, data.time[2 * COLUMNS :])
    windows = keras_wx.samples(data, preset.sample, split="test", batch_size=1)
    assert windows.init_times[0] == found.times[0]
    board = leaderboard([Clear()], data, split="test", repetitions=0)
    assert "(test)" in board.facts["profiles"]
    assert board.scores["clear"].n_columns == COLUMNS
    with pytest.raises(DataError, match="no profile"):
        profiles_of(data.isel(time=slice(COLUMNS)), preset.sample, "test")


def test_how_long_columns_remember_each_other():
    """Means of nine columns, with and without cloud: e-folding within a few columns."""
    sample = Clear().preset.sample
    found = profiles_of(curtain(), sample, None)
    assert timedelta(seconds=12) <= found.decorrelation <= timedelta(seconds=28)
    assert found.apart == 2 * found.decorrelation
    assert not found.is_lower_bound
    # Each event is of one kind: its columns never forget which.
    kinds = curtain()
    kinds["reflectivity"][:] = np.repeat([-60, 0, 10], COLUMNS)[:, None]
    assert profiles_of(kinds, sample, None).is_lower_bound
