"""`leaderboard`: numbers against plain NumPy; models that do not fit, fail or draw at random."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made_up_models import (
    EVENTS,
    FRAMES,
    LEADS,
    Breaks,
    Network,
    Noisy,
    persistence,
    preset_of,
)

from keras_wx.baselines.persistence import Persistence
from keras_wx.errors import DataError, ModelError, UnknownNameError
from keras_wx.verification import hindcasts
from keras_wx.verification.leaderboard import board as board_module
from keras_wx.verification.leaderboard import cost, leaderboard, report


def by_hand(radar, factor, threshold):
    """CSI, bias, MSE and MAE of `Network`: means over lead times, in plain NumPy."""
    frames = radar.reflectivity.values.reshape(len(EVENTS), FRAMES, 10, 12)
    starts = np.arange(1, FRAMES - LEADS)
    csi, bias, mse, mae = [], [], [], []
    for lead in range(1, LEADS + 1):
        p, t = frames[:, starts] * factor**lead, frames[:, starts + lead]
        hits = ((p >= threshold) & (t >= threshold)).sum()
        either = ((p >= threshold) | (t >= threshold)).sum()
        csi.append(hits / either)
        bias.append((p >= threshold).sum() / (t >= threshold).sum())
        mse.append(((p - t) ** 2).mean())
        mae.append(np.abs(p - t).mean())
    return tuple(np.mean(values) for values in (csi, bias, mse, mae))


def test_the_table_is_what_plain_numpy_gives(radar):
    board = leaderboard([Network(), persistence()], radar, thresholds=[10, 30], repetitions=0)
    assert board.table.index.tolist() == ["network", "persistence"]
    for name, factor in (("network", 0.9), ("persistence", 1.0)):
        for threshold in (10, 30):
            csi, bias, mse, mae = by_hand(radar, factor, threshold)
            row = board.table.loc[name]
            np.testing.assert_allclose(row[f"CSI@{threshold}"], csi, rtol=1e-6)
            np.testing.assert_allclose(row[f"bias@{threshold}"], bias, rtol=1e-6)
        np.testing.assert_allclose(row[["MSE", "MAE"]].astype(float), [mse, mae], rtol=1e-5)
        assert row["CRPS"] == row["MAE"]  # of a single forecast
        assert row["CSI@10 low"] < row["CSI@10"] < row["CSI@10 high"]
        assert row["members"] == 1
    assert "FSS@10/4" in board.table
    assert "FSS@10/16" not in board.table  # wider than the grid
    starts = [cases.init_time.values for cases in board.cases.values()]
    np.testing.assert_array_equal(*starts)
    assert len(starts[0]) == len(EVENTS) * (FRAMES - LEADS - 1)
    assert board.facts["events"].startswith("3;")


def test_the_first_trained_model_says_on_what(radar):
    """Persistence alone would start at the first frame of each event too, and at any spacing."""
    board = leaderboard([persistence(), Network()], radar, repetitions=0)
    assert board.table.index.tolist() == ["network", "persistence"]
    assert board.facts["windows"].startswith("5 frames without a gap, as network takes them")
    assert board.cases["persistence"].sizes["init_time"] == len(EVENTS) * (FRAMES - LEADS - 1)
    assert board.baselines == ("persistence",)


def test_differences_are_to_the_baseline_that_is_best_at_the_score(radar):
    # Dimmed: worse at every threshold, better where it counts squares far from the shower.
    rivals = {"same": persistence(), "noisy": Noisy()}
    board = leaderboard({"ours": Network(0.8), **rivals}, radar, repetitions=0, members=8)
    found = board.differences.set_index(["model", "score"])
    for score in ("CSI@10", "CSI@20", "CSI@30", "MSE", "MAE", "CRPS", "FSS@20/4"):
        values = board.table.loc[["same", "noisy"], score]
        best = values.idxmax() if score[0] in "CF" and score != "CRPS" else values.idxmin()
        row = found.loc[("ours", score)]
        assert row.baseline == best
        expected = board.table.loc["ours", score] - values[best]
        np.testing.assert_allclose(row.difference, expected, rtol=1e-9)
        assert row.low <= row.difference <= row.high
        assert (best, score) not in found.index
    assert not found.index.get_level_values("score").str.startswith("bias").any()
    assert board.differences.baseline.nunique() == 2


def test_an_ensemble_is_scored_by_its_members(radar):
    board = leaderboard([Network(), Noisy()], radar, members=6, repetitions=0, seed=3)
    assert board.table["members"].tolist() == [1, 6]
    assert list(board.ensembles) == ["noisy"]
    from keras_wx import predict

    starts = board.cases["noisy"].init_time.values
    forecast = predict(Noisy(), radar, init_times=starts, members=6, seed=3).reflectivity.values
    forecast = np.maximum(forecast, 0)  # the preset's number for no echo
    position = np.searchsorted(radar.time.values, starts)[:, None] + np.arange(1, LEADS + 1)
    truth = radar.reflectivity.values[position]
    apart = np.abs(forecast[:, None] - forecast[None]).mean(axis=(0, 1))
    plain = (np.abs(forecast - truth).mean(axis=0) - apart / 2).mean()
    np.testing.assert_allclose(board.table.loc["noisy", "CRPS"], plain, rtol=1e-5)
    assert board.table.loc["noisy", "CRPS"] < board.table.loc["noisy", "MAE"]


def test_a_model_that_fails_in_the_middle_costs_the_others_nothing(radar, monkeypatch):
    alone = leaderboard([Network(), persistence()], radar, repetitions=0)
    monkeypatch.setattr(hindcasts, "PIXELS_IN_MEMORY", 4 * LEADS * 120)
    models = {"breaks": Breaks(), "network": Network(), "persistence": persistence()}
    board = leaderboard(models, radar, repetitions=0)
    assert board.left_out == {"breaks": "failed: FloatingPointError: velocity is infinite"}
    assert list(board.scores) == list(board.cases) == ["network", "persistence"]
    # And blocks of four start times change nothing.
    pd.testing.assert_frame_equal(board.table, alone.table)
    xr.testing.assert_allclose(board.spectra["network"], alone.spectra["network"])


def test_blocks_hold_few_frames(radar, monkeypatch):
    monkeypatch.setattr(hindcasts, "PIXELS_IN_MEMORY", 2 * LEADS * 120)
    sizes = []
    verify = board_module.verify
    monkeypatch.setattr(
        board_module,
        "verify",
        lambda f, t, **k: (
            sizes.append((f.sizes["init_time"], t.sizes["time"])) or verify(f, t, **k)
        ),
    )
    leaderboard([persistence()], radar, repetitions=0)
    assert max(starts for starts, _ in sizes) == 2
    assert max(frames for _, frames in sizes) <= 2 * (1 + LEADS)


@pytest.mark.parametrize(
    ("other", "reason", "told_at_once"),
    [
        (Network(spacing=3.5), "grid spacing of 3.5 km, the table 2 km", True),
        (Network(step="10min"), "time step of 10min, the table one of 5min", True),
        (Network(inputs=5), r"reads 5 frames, which 9 of the 15 start times do not have", False),
        (Network(units="mm h-1", variable="rain_rate"), r"forecasts rain_rate \[mm h-1\]", True),
    ],
)
def test_what_does_not_fit_is_listed_with_the_reason(radar, other, reason, told_at_once):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        board = leaderboard({"ours": Network(), "other": other}, radar, repetitions=0)
    assert ("other is left out" in " ".join(str(each.message) for each in told)) == told_at_once
    assert board.table.index.tolist() == ["ours"]
    assert re.search(reason, board.left_out["other"])


def test_baselines_that_know_dbz_stand_beside_a_network_of_rain_rate(radar):
    rain = (radar.reflectivity / 10).assign_attrs(units="mm h-1").to_dataset(name="rain_rate")
    network = Network(units="mm h-1", variable="rain_rate")
    rivals = ["persistence", "rover1"]
    board = leaderboard([network, *rivals], rain, thresholds=[1.0], repetitions=0)
    assert board.left_out == {}
    assert set(board.table.index) == {"network", *rivals}
    *_, mse, _ = by_hand(radar, 1.0, 10)
    np.testing.assert_allclose(board.table.loc["persistence", "MSE"], mse / 100, rtol=1e-5)


def test_another_horizon_of_a_loaded_model(radar):
    longer = Persistence(5)
    longer.preset = preset_of("longer", spacing=None).model_copy(
        update={"sample": preset_of(spacing=None).sample.with_frames(output_frames=5)}
    )
    board = leaderboard([Network(), longer], radar, repetitions=0)
    assert "output_frames=3" in board.left_out["longer"]


def test_presets_without_weights_are_listed(radar):
    names = ["persistence", "convlstm_mnist_1layer"]
    board = leaderboard(names, radar, output_frames=LEADS, repetitions=0)
    assert board.left_out == {"convlstm_mnist_1layer": "has no trained weights"}
    np.testing.assert_allclose(board.table.loc["persistence", "MSE"], _mse_of_persistence(radar))
    with pytest.raises(UnknownNameError, match="Did you mean 'persistence'"):
        leaderboard(["persistense"], radar)


def _mse_of_persistence(radar):
    """From every frame that has three behind it, the first of an event too."""
    frames = radar.reflectivity.values.astype("float32").reshape(len(EVENTS), FRAMES, 10, 12)
    starts = np.arange(FRAMES - LEADS)
    errors = [((frames[:, starts] - frames[:, starts + n]) ** 2).mean() for n in (1, 2, 3)]
    return np.mean(errors)


def test_no_model_is_left(radar):
    with pytest.raises(DataError, match=r"(?s)None of the models.*other: .*3.5 km"):
        leaderboard({"other": Network(spacing=3.5)}, radar)
    broken = Breaks()
    broken.calls = 2
    with pytest.raises(ModelError, match=r"(?s)Every model failed.*infinite"):
        leaderboard([broken], radar)
    with pytest.raises(ModelError, match="members: expected at least 1"):
        leaderboard([persistence()], radar, members=0)
    with pytest.raises(DataError, match="at least one"):
        leaderboard([], radar)


def test_a_single_event_has_no_interval(radar):
    first = radar.isel(time=slice(0, FRAMES))
    board = leaderboard([Network(), persistence()], first, repetitions=0)
    assert board.table.filter(like=" low").isna().all(axis=None)
    assert board.differences[["low", "high"]].isna().all(axis=None)
    assert "none" in board.facts["intervals"]
    assert "to nan" not in board.to_markdown()


def test_where_one_model_has_no_forecast_is_said(radar):
    radar.reflectivity[1, :3] = np.nan  # the network sees these pixels in the frame before
    board = leaderboard([Network(), persistence()], radar, repetitions=0)
    assert "pixels" in board.facts
    assert np.isfinite(board.spectra["network"].forecast_power).all()


def test_baselines_alone_start_where_each_has_its_history(radar):
    noisy = Noisy()  # reads two frames, persistence one
    board = leaderboard([persistence(), noisy], radar, members=2, repetitions=0)
    assert not board.left_out
    assert board.cases["persistence"].sizes["init_time"] == len(EVENTS) * (FRAMES - LEADS - 1)


def test_files(radar, tmp_path):
    radar = radar.assign_attrs(title="a title\n of two lines")
    models = {"network": Network(), "noisy": Noisy(), "run #2": persistence()}
    board = leaderboard(models, radar, members=4, repetitions=2)
    assert board.facts["data"].startswith("a title of two lines;")
    files = board.save(tmp_path / "new" / "folder", pictures={"Skill": "skill.png"})
    assert [file.name for file in files] == [
        "leaderboard.csv",
        "leaderboard.md",
        "differences.csv",
        "by_lead_time.csv",
    ]
    text = files[0].read_text(encoding="utf-8")
    table, facts = report.read_csv(text)
    assert facts == board.facts
    pd.testing.assert_frame_equal(table, board.table, rtol=1e-5, check_dtype=False)

    markdown = files[1].read_text(encoding="utf-8")
    assert "![Skill](skill.png)" in markdown
    row = next(line for line in markdown.splitlines() if line.startswith("| `noisy` | 4 |"))
    value = board.table.loc["noisy", "CSI@10"]
    assert f"| {value:.3f} ({board.table.loc['noisy', 'CSI@10 low']:.3f} to " in row

    leads = pd.read_csv(files[3], comment="#")
    chosen = leads.query("model == 'network' and score == 'csi' and threshold == 10")
    assert chosen.lead_minutes.tolist() == [5, 10, 15]
    expected = board.scores["network"].csi.sel(threshold=10)
    np.testing.assert_allclose(chosen.value, expected, rtol=1e-5)
    assert set(board.cost.columns) == {
        *("median_ms", "fastest_ms", "slowest_ms", "repetitions"),
        *("members", "windows", "batch_size"),
    }
    assert (board.cost["windows"] == 8).all()
    assert board.cost["batch_size"].tolist() == [8, 8, 8]
    assert (board.table["ms"] == board.cost["median_ms"]).all()


def test_cost_is_measured_in_turn_on_warm_calls():
    now, calls = [0.0], []

    def call(name, seconds):
        def forecast():
            calls.append(name)
            now[0] += seconds.pop(0)
            if seconds == []:
                raise ValueError("out of time")

        return forecast

    failures = {}
    table = cost.measure(
        {
            "slow": call("slow", [9.0, 0.4, 0.8, 0.6, 0]),
            "quick": call("quick", [1.0, 0.04, 0.02, 0.01, 0]),
            "broken": call("broken", [0.0]),
        },
        windows=4,
        repetitions=3,
        failures=failures,
        clock=lambda: now[0],
    )
    assert calls == ["slow", "quick", "broken", *["slow", "quick"] * 3]
    np.testing.assert_allclose(table.loc["slow"], [150, 100, 200, 3])
    np.testing.assert_allclose(table.loc["quick"], [5, 2.5, 10, 3])
    assert list(failures) == ["broken"]
    assert table.index.tolist() == ["slow", "quick"]


def test_the_machine_is_named():
    assert re.search(r"\d+ cores, Keras 3\..* with \w+ on .*\d", cost.machine())


def test_persistence_beside_a_model_of_another_variable(radar):
    vil = radar.rename(reflectivity="vil")
    vil.vil.attrs["units"] = "kg m-2"
    network = Network(units="kg m-2", variable="vil")
    board = leaderboard(
        {"network": network, "persistence": "persistence", "rover1": "rover1"},
        vil,
        thresholds=[10],
        repetitions=0,
    )
    assert board.table.loc["persistence", "CSI@10"] == pytest.approx(by_hand(radar, 1.0, 10)[0])
    assert list(board.left_out) == ["rover1"]


def test_data_without_a_name_are_called_like_their_file(radar, tmp_path):
    radar.drop_attrs(deep=False).to_netcdf(tmp_path / "my_radar.nc")
    with xr.open_dataset(tmp_path / "my_radar.nc") as opened:
        board = leaderboard(persistence(), opened, repetitions=0)
    assert board.facts["data"].startswith("my_radar.nc; 10 x 12 points")
    board = leaderboard(persistence(), radar.drop_attrs(deep=False), repetitions=0)
    assert board.facts["data"].startswith("not named;")


def test_a_single_model(radar):
    board = leaderboard(Network(), radar, repetitions=0)
    assert board.table.index.tolist() == ["network"]
    assert board.differences.empty
