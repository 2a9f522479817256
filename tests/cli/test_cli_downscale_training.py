"""From a series and a pair to trained networks and their scores, by the command line alone."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
from small_downscaling import ddpm_folder, pair, transfer_folder


@pytest.fixture(scope="module")
def data_file(tmp_path_factory):
    """Fine and coarse fields in one file, as `pair.to_netcdf` has written them."""
    path = tmp_path_factory.mktemp("data") / "pair.nc"
    pair().to_netcdf(path)
    return path


@pytest.mark.slow
def test_the_whole_way(run, data_file, tmp_path):
    transfer = transfer_folder(tmp_path / "transfer", epochs=1)
    ddpm = ddpm_folder(tmp_path / "ddpm", epochs=1)

    def succeeds(*words):
        result = run(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    runs = tmp_path / "runs"
    succeeds("train", transfer, data_file, "--output-dir", runs / "transfer", "--quiet")
    said = succeeds(
        *("train", ddpm, data_file, "--output-dir", runs / "ddpm", "--quiet"),
        *("--encoder", runs / "transfer", "--val-members", 2),
    )
    assert "val_crps" in said
    best = runs / "ddpm" / "best"
    record = yaml.safe_load((runs / "ddpm" / "run.yaml").read_text())
    assert record["recipe"]["encoder"] == str(runs / "transfer")

    said = succeeds("predict", best, data_file, tmp_path / "members.nc", "--members", 3)
    assert "air [K], 57 fields of 3 members, 8 x 10, 2001-02-04T00:00" in said
    members = xr.load_dataset(tmp_path / "members.nc").air
    assert (members.std("realization") > 0).all()
    options = "--members", 3, "--quantiles", "0.5"
    succeeds("predict", best, data_file, tmp_path / "summary.nc", *options)
    median = xr.load_dataset(tmp_path / "summary.nc").air_quantile.sel(quantile=0.5)
    np.testing.assert_allclose(median, members.median("realization"), rtol=1e-6)

    said = succeeds("evaluate", best, data_file, "--split", "test", "--members", 3)
    assert "3 members; errors, R2, NSE and KGE are those of their mean" in said
    assert "spread/skill" in said
    assert "small_ddpm.ddpm minus bilinear" in said

    board = tmp_path / "board"
    succeeds(
        *("leaderboard", data_file, "--models", f"{best},bilinear,bicubic", "--members", 3),
        *("--split", "test", "--repetitions", 1, "--output-dir", board),
    )
    table = pd.read_csv(board / "leaderboard.csv", comment="#", index_col="model")
    assert table["members"].tolist() == [3, 1, 1]
    differences = pd.read_csv(board / "differences.csv", comment="#")
    assert {"CRPS", "variogram error", "spectrum error"} <= set(differences["score"])
    for picture in ("rank_histogram.png", "spread_skill.png", "field.png"):
        assert (board / picture).stat().st_size > 0


@pytest.mark.slow
def test_a_search(run, data_file, tmp_path):
    ddpm = ddpm_folder(tmp_path / "ddpm", epochs=1)
    space = tmp_path / "space.yaml"
    space.write_text("parameters:\n  config.prediction: [v, x0]\n")
    words = "tune", ddpm, data_file, "--output-dir", tmp_path / "sweep", "--space", space
    refused = run(*words, "--oracle", "grid")
    assert refused.exit_code == 1
    assert "--objective val_crps" in refused.stderr
    assert not (tmp_path / "sweep").exists()
    result = run(*words, "--oracle", "grid", "--objective", "val_crps")
    assert result.exit_code == 0, result.output
    assert "2 trials, 0 of them failed" in result.stdout
    trials = pd.read_csv(tmp_path / "sweep" / "trials.csv")
    assert (trials["score"] > 0).all()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--encoder", "bilinear"], "--encoder bilinear: Expected a transfer network"),
        (["--encoder", "no_such_run"], "no_such_run"),
        (["--val-members", 2, "--val-path", "-"], "--val-members: expected 1 or more"),
    ],
)
def test_errors(run, data_file, tmp_path, words, expected):
    ddpm = ddpm_folder(tmp_path / "ddpm", epochs=1)
    given = "train", ddpm, data_file, "--output-dir", tmp_path / "run", "--quiet"
    result = run(*given, *words)
    assert result.exit_code == 1, result.output
    assert expected in result.stderr
    assert not (tmp_path / "run").exists()
