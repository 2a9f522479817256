"""`predict`, `evaluate` and `leaderboard` of curtains, from a file to a file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import keras_wx
from keras_wx.cli._options import source_of
from keras_wx.cli.leaderboard import PICTURES

HOLE = 16
"""Gates of 78.125 m below 1250 m."""


@pytest.fixture(scope="session")
def curtain_file(tmp_path_factory):
    """Three events of 128 columns, with the splits of the source."""
    path = tmp_path_factory.mktemp("curtain") / "curtain.nc"
    made = keras_wx.open_dataset("synthetic_curtain", columns=384, events=3, seed=2)
    made.to_netcdf(path)
    return path


@pytest.fixture(scope="session")
def unet_folder(tmp_path_factory):
    """A saved UNet 3+ with random weights that says what it drops out."""
    import keras

    from keras_wx.zoo.loading import load, save

    keras.utils.set_random_seed(0)
    options = {"weights": None, "filters": 2, "depth": 3, "deep_supervision": False}
    model = load("unet3plus_curtain_small", **options, dropout=0.3)
    return save(model, tmp_path_factory.mktemp("models") / "unet")


def test_predict_fills_a_file(run, curtain_file, tmp_path):
    result = run("predict", "repeat", curtain_file, tmp_path / "filled.nc")
    assert result.exit_code == 0, result.output
    assert "reflectivity [dBZ], 384 profiles of 128 heights, 2000-01-01T00:00:00" in result.stdout
    truth, filled = xr.load_dataset(curtain_file), xr.load_dataset(tmp_path / "filled.nc")
    filled = filled.transpose("time", "height")
    assert (filled.blind_zone[:, :HOLE] == 1).all()
    lowest = np.broadcast_to(truth.reflectivity[:, [HOLE]], (384, HOLE))
    np.testing.assert_allclose(filled.reflectivity[:, :HOLE], lowest, atol=1e-4)
    filled, truth = filled.isel(height=slice(40, None)), truth.isel(height=slice(40, None))
    np.testing.assert_array_equal(filled.reflectivity, truth.reflectivity)


@pytest.mark.parametrize(
    "name", ["members.nc", pytest.param("members.zarr", marks=pytest.mark.slow)]
)
def test_members_and_their_summary(run, unet_folder, curtain_file, tmp_path, name):
    common = "predict", unet_folder, curtain_file
    result = run(*common, tmp_path / name, "--members", 3, "--seed", 1)
    assert result.exit_code == 0, result.output
    with xr.open_dataset(tmp_path / name) as file:
        members = file.reflectivity.transpose("realization", "time", "height").load()
    assert members.shape == (3, 384, 128)
    assert (members.std("realization")[:, :HOLE] > 0).any()

    summary = f"summary_{name}"
    options = "--members", 3, "--seed", 1, "--quantiles", "0.5", "--thresholds", "-20,0"
    result = run(*common, tmp_path / summary, *options)
    assert result.exit_code == 0, result.output
    with xr.open_dataset(tmp_path / summary) as file:
        found = file.load()
    assert "reflectivity" not in found
    median = found.reflectivity_quantile.sel(quantile=0.5).transpose("time", "height")
    np.testing.assert_allclose(median, members.median("realization"), atol=1e-4)
    share = found.reflectivity_probability.sel(threshold=-20).transpose("time", "height")
    np.testing.assert_allclose(share, (members >= -20).mean("realization"), atol=1e-6)


def test_options_of_a_dataset(run, tmp_path):
    options = "columns=96", "events=3", "seed=4"
    given = [word for option in options for word in ("--dataset-set", option)]
    result = run("predict", "repeat", "-", tmp_path / "f.nc", "--dataset=synthetic_curtain", *given)
    assert result.exit_code == 0, result.output
    made = keras_wx.open_dataset("synthetic_curtain", columns=96, events=3, seed=4)
    filled = xr.load_dataset(tmp_path / "f.nc").transpose("time", "height")
    np.testing.assert_array_equal(filled.time, made.time)
    np.testing.assert_array_equal(filled.reflectivity[:, 40:], made.reflectivity[:, 40:])


def test_another_sample(run, tmp_path):
    """Profiles every 30 s, without echo as NaN, of which 2 km are blind."""
    made = keras_wx.open_dataset("synthetic_curtain", columns=64, events=1, step="30s")
    made = made.assign(reflectivity=made.reflectivity.where(made.reflectivity > -60))
    made.to_netcdf(tmp_path / "in.nc")
    given = ["predict", "marching_average", tmp_path / "in.nc", tmp_path / "out.nc"]
    given += ["--sample", "step=4s"]
    result = run(*given)
    assert result.exit_code == 1
    assert "a profile every 30s, the sample needs one every 4s. --sample step=30s" in result.output
    result = run(*given[:-1], "step=30s", "--sample", "blind_zone.height=2000")
    assert "--sample variables.reflectivity.fill=-60 gives a value" in result.output
    fill = "--sample", "variables.reflectivity.fill=-60"
    result = run(*given[:-1], "step=30s", "--sample", "blind_zone.height=2000", *fill)
    assert result.exit_code == 0, result.output
    filled = xr.load_dataset(tmp_path / "out.nc")
    assert ((filled.blind_zone == 1).sum("height") == 26).all()


COMMANDS = {
    "predict": ("repeat", "-", "OUT"),
    "evaluate": ("repeat", "-"),
    "train": ("unet3plus_curtain_small", "-", "--output-dir", "OUT"),
    "tune": ("unet3plus_curtain_small", "-", "--output-dir", "OUT"),
    "leaderboard": ("-", "--output-dir", "OUT"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("setting", "code", "expected"),
    [
        ("colums=96", 1, "Did you mean 'columns'? keras-wx datasets synthetic_curtain lists its"),
        ("columns=2", 1, "at least one column an event, two rows and a positive spacing. Received"),
        ("columns", 2, "expected KEY=VALUE. Received: 'columns'"),
    ],
)
def test_wrong_options_of_a_dataset(run, tmp_path, command, setting, code, expected):
    words = [tmp_path / "out.nc" if word == "OUT" else word for word in COMMANDS[command]]
    result = run(command, *words, "--dataset", "synthetic_curtain", "--dataset-set", setting)
    assert result.exit_code == code, result.output
    assert expected in " ".join(result.output.replace("│", "").split())
    assert "no option here" not in result.output
    assert not (tmp_path / "out.nc").exists()


def test_evaluate_by_hand(run, curtain_file, tmp_path):
    result = run(
        *("evaluate", "marching_average", curtain_file, "--split", "test"),
        *("--output", tmp_path / "scores.nc", "--plot", tmp_path / "events.png"),
    )
    assert result.exit_code == 0, result.output
    assert "128 profiles, 2000-01-05T00:00:00" in result.stdout
    assert "(test)" in result.stdout
    assert "marching_average minus repeat, in a single block" in result.stdout
    truth = xr.load_dataset(curtain_file).reflectivity.values[256:].astype(float)
    error = np.abs(truth[:, [HOLE]] - truth[:, :HOLE])
    row = next(line for line in result.stdout.splitlines() if line.startswith("repeat"))
    assert f"{error.mean():.3f}" in row or f"{error.mean():.2f}" in row
    scores = xr.load_dataset(tmp_path / "scores.nc")
    np.testing.assert_allclose(scores.mae.sel(model="repeat"), error.mean(), rtol=1e-5)
    assert scores.model.values.tolist() == ["marching_average", "repeat"]
    assert set(scores.event.values) == {"cloud", "shallow_precipitation", "virga"}
    assert scores.attrs["profiles"] == 128
    assert (tmp_path / "events.png").stat().st_size > 0


@pytest.mark.slow
def test_evaluate_an_ensemble(run, unet_folder, curtain_file):
    result = run("evaluate", unet_folder, curtain_file, "--members", 3, "--split", "test")
    assert result.exit_code == 0, result.output
    assert "3 members, scored by their median" in result.stdout
    assert "Spearman" in result.stdout


def test_leaderboard_of_tables_and_pictures(run, unet_folder, curtain_file, tmp_path):
    folder = tmp_path / "board"
    result = run(
        *("leaderboard", curtain_file, "--output-dir", folder, "--members", 3),
        *("--models", f"repeat,{unet_folder},linear,persistence", "--repetitions", 1),
    )
    assert result.exit_code == 0, result.output
    tables = {"leaderboard.csv", "leaderboard.md", "differences.csv", "by_event.csv"}
    pictures = {picture.file for picture in PICTURES["inpaint"]}
    assert {path.name for path in folder.iterdir()} == tables | pictures
    table = pd.read_csv(folder / "leaderboard.csv", comment="#", index_col="model")
    assert table.index.tolist() == ["unet3plus_curtain_small.unet", "repeat", "linear"]
    assert table["members"].tolist() == [3, 1, 1]
    truth = xr.load_dataset(curtain_file).reflectivity.values.astype(float)
    error = np.abs(truth[:, [HOLE]] - truth[:, :HOLE])
    np.testing.assert_allclose(table.loc["repeat", "MAE"], error.mean(), rtol=1e-5)
    assert (table["ms"] > 0).all()
    assert "blocks: 3 of columns" in result.stdout
    assert "is for the task 'nowcast', and the data are for 'inpaint': persistence" in result.stdout
    assert "unet3plus_curtain_small.unet minus the best baseline" in result.stdout
    markdown = (folder / "leaderboard.md").read_text(encoding="utf-8")
    assert "![Detection of events](events.png)" in markdown


def test_a_file_says_itself_what_it_is(curtain_file, radar_file):
    assert source_of(curtain_file) == "curtain"
    assert source_of(radar_file) == "radar"
    assert source_of("no such file") == "radar"


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["predict", "repeat", "IN", "OUT", "--init-time", "all"], 1, "--init-time"),
        (["predict", "repeat", "IN", "OUT", "--members", 3], 1, "deterministic"),
        (["predict", "repeat", "IN", "OUT", "--quantiles", "0.5"], 2, "--members"),
        (["predict", "repeat", "IN", "OUT", "--quantiles", "a", "--members", 3], 2, "--quantiles"),
        (["evaluate", "repeat", "IN", "--stride", 2, "--min-rain", 0], 1, "--stride"),
        (["evaluate", "repeat", "IN", "--members", 3], 1, "deterministic"),
        (["leaderboard", "IN", "--models", "repeat", "--stride", 2], 1, "--stride"),
        (["leaderboard", "IN", "--dataset", "radar"], 1, "one dimension along y"),
    ],
)
def test_errors(run, curtain_file, tmp_path, arguments, code, expected):
    places = {"IN": curtain_file, "OUT": tmp_path / "out.nc"}
    arguments = [places.get(each, each) for each in arguments]
    if arguments[0] == "leaderboard":
        arguments += ["--output-dir", tmp_path / "a" / "b"]
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert expected in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_quantiles_of_a_distribution_need_no_members(run, curtain_file, tmp_path):
    from keras_wx.zoo.loading import load, save

    options = {"weights": None, "filters": 2, "depth": 3, "deep_supervision": False}
    model = load("unet3plus_curtain_era5_prob_small", **options)
    folder = save(model, tmp_path / "prob")
    given = "predict", folder, curtain_file, tmp_path / "out.nc"
    result = run(*given, "--quantiles", "0.1,0.9", "--thresholds", "-10")
    assert result.exit_code == 0, result.output
    found = xr.load_dataset(tmp_path / "out.nc")
    assert found["quantile"].values.tolist() == [0.1, 0.9]
    expected = keras_wx.predict(
        keras_wx.load(folder),
        xr.open_dataset(curtain_file),
        quantiles=(0.1, 0.9),
        thresholds=(-10,),
    )
    for name in ("reflectivity_quantile", "reflectivity_probability"):
        np.testing.assert_allclose(
            found[name], expected[name].transpose(*found[name].dims), atol=1e-4
        )
