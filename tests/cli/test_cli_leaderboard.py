"""`leaderboard`: the files that it writes, and what it says about models that take no part."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from cli_radar import OUTPUT_FRAMES, radar_frames

from keras_wx import plots


@pytest.fixture(scope="session")
def two_events(tmp_path_factory):
    """Two runs of twelve frames on two days."""
    path = tmp_path_factory.mktemp("radar") / "two_events.nc"
    days = [radar_frames(12, start=f"2016-09-{day}T15:00") for day in (27, 29)]
    xr.concat(days, "time").to_netcdf(path)
    return path


def test_tables_pictures_and_what_is_left_out(run, model_folder, two_events, tmp_path):
    folder = tmp_path / "boards" / "one"
    result = run(
        *("leaderboard", two_events, "--min-rain", 0, "--output-dir", folder),
        *("--models", f"persistence, {model_folder},convlstm_mnist_1layer", "--repetitions", 1),
        *("--thresholds", "15,30"),
    )
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in folder.iterdir()) == [
        *("by_lead_time.csv", "differences.csv", "leaderboard.csv", "leaderboard.md"),
        *("performance.png", "skill.png", "spectra.png"),
    ]
    table = pd.read_csv(folder / "leaderboard.csv", comment="#", index_col="model")
    assert table.index.tolist() == ["convlstm_hko.tiny", "persistence"]
    assert (table["ms"] > 0).all()

    with xr.open_dataset(two_events) as radar:
        dbz = radar.reflectivity.values.clip(0, 60).astype(float).reshape(2, 12, 20, 24)
    starts = np.arange(2, 12 - OUTPUT_FRAMES)
    errors = [(dbz[:, starts + n] - dbz[:, starts]) ** 2 for n in range(1, OUTPUT_FRAMES + 1)]
    np.testing.assert_allclose(table.loc["persistence", "MSE"], np.mean(errors), rtol=1e-5)

    assert "forecasts: 12 of 4 frames, 5min apart, started 2016-09-27T15:10" in result.stdout
    assert "data: two_events.nc; 20 x 24 points of 3.75 km" in result.stdout
    assert "has no trained weights: convlstm_mnist_1layer" in result.stdout
    assert "convlstm_hko.tiny minus the best baseline" in result.stdout
    row = next(line for line in result.stdout.splitlines() if line.startswith("persistence"))
    assert f"{table.loc['persistence', 'CSI@15']:.3f}" in row
    markdown = (folder / "leaderboard.md").read_text(encoding="utf-8")
    assert "![Performance diagram](performance.png)" in markdown


def test_numbers_are_there_when_a_picture_fails(run, radar_file, tmp_path, monkeypatch):
    def fails(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(plots, "skill", fails)
    arguments = ["leaderboard", radar_file, "--models", "persistence", "--output-frames", 4]
    result = run(*arguments, "--output-dir", tmp_path, "--repetitions", 0)
    assert result.exit_code == 1
    assert "no space left" in result.output
    assert (tmp_path / "leaderboard.csv").exists()
    again = run(*arguments, "--output-dir", tmp_path)
    assert again.exit_code == 1
    assert "--overwrite" in again.output


@pytest.mark.parametrize("file", ["leaderboard.md", "by_lead_time.csv", "spread_skill.png"])
def test_no_file_is_replaced_unasked(run, radar_file, tmp_path, file):
    (tmp_path / file).write_text("mine")
    arguments = ["leaderboard", radar_file, "--models", "persistence", "--output-frames", 4]
    result = run(*arguments, "--output-dir", tmp_path)
    assert result.exit_code == 1
    assert f"--overwrite replaces it: {tmp_path / file}" in result.output
    assert [path.name for path in tmp_path.iterdir()] == [file]


def test_a_pattern_is_named_as_it_was_given(run, tmp_path):
    frames = radar_frames(12)
    frames.isel(time=slice(6)).to_netcdf(tmp_path / "r1.nc")
    frames.isel(time=slice(6, None)).to_netcdf(tmp_path / "r2.nc")
    result = run(
        *("leaderboard", tmp_path / "r?.nc", "--models", "persistence", "--output-frames", 2),
        *("--output-dir", tmp_path / "out", "--repetitions", 0),
    )
    assert "data: r?.nc;" in result.stdout


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (["--models", "persistance"], 1, "Did you mean 'persistence'"),
        (["--thresholds", "10;20"], 2, "such as 10,20,30"),
        (["--split", "tset"], 1, "Did you mean 'test'"),
    ],
)
def test_errors(run, radar_file, tmp_path, options, code, expected):
    defaults = {"--models": "persistence"} | dict([options])
    arguments = [text for pair in defaults.items() for text in pair]
    result = run("leaderboard", radar_file, "--output-dir", tmp_path, *arguments)
    assert result.exit_code == code
    assert expected in result.output


def test_warnings_name_options_of_the_command(run, tmp_path):
    rain = radar_frames(12).rename(reflectivity="rain_rate")
    rain.rain_rate.attrs = {"units": "mm h-1"}
    rain.to_netcdf(tmp_path / "rain.nc")
    result = run(
        *("leaderboard", tmp_path / "rain.nc", "--models", "persistence"),
        *("--output-dir", tmp_path),
    )
    warning = next(line for line in result.output.splitlines() if line.startswith("Warning: "))
    assert "--zr marshall_palmer" in warning
    assert result.exit_code == 1
