"""Downscaling on the command line: from two files to fine fields, scores, tables and pictures."""

from __future__ import annotations

import errno

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from cli_pairs import write_pair

import keras_wx
from keras_wx.cli._options import source_of
from keras_wx.cli.leaderboard import PICTURES


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Fine and coarse fields of the same 40 days."""
    return write_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="module")
def given(files):
    """INPUT and the option that says where the coarse fields are."""
    fine, coarse = files
    return [fine, "--dataset-set", f"coarse={coarse}"]


@pytest.fixture(scope="module")
def pair(files):
    return keras_wx.open_dataset("paired", fine=files[0], coarse=files[1]).load()


def interpolated(pair):
    """By xarray, with the values at the rim held."""
    lat = pair.lat.clip(pair.coarse_lat.min(), pair.coarse_lat.max())
    lon = pair.lon.clip(pair.coarse_lon.min(), pair.coarse_lon.max())
    return pair.coarse_rain.interp(coarse_lat=lat, coarse_lon=lon).transpose("time", "lat", "lon")


@pytest.mark.parametrize("name", ["out.nc", "out.zarr"])
def test_predict(run, given, pair, tmp_path, name):
    result = run("predict", "bilinear", *given[:1], tmp_path / name, *given[1:])
    assert result.exit_code == 0, result.output
    assert "rain [mm h-1], 40 fields, 12 x 16, 2003-11-10T00:00" in result.stdout
    with xr.open_dataset(tmp_path / name) as found:
        np.testing.assert_array_equal(found.time, pair.time)
        np.testing.assert_array_equal(found.lat, pair.lat)
        np.testing.assert_allclose(found.rain, interpolated(pair), atol=1e-4)
        assert found.attrs["license"] == "CC0"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.slow
def test_predict_on_a_cluster(run, given, pair, tmp_path):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        words = "--cluster", cluster.scheduler_address, "--tile", 8, 8
        result = run("predict", "bilinear", given[0], tmp_path / "out.nc", *given[1:], *words)
        done = cluster.scheduler.transition_counter
    assert result.exit_code == 0, result.output
    assert done > 0, "the cluster had nothing to do"
    np.testing.assert_allclose(
        xr.load_dataset(tmp_path / "out.nc").rain, interpolated(pair), atol=1e-4
    )


def test_no_scheduler_answers(run, given, tmp_path):
    pytest.importorskip("distributed")
    words = "--cluster", "nowhere://1"
    result = run("predict", "bilinear", given[0], tmp_path / "out.nc", *given[1:], *words)
    assert result.exit_code == 2
    assert "--cluster" in result.stderr
    assert "nowhere" in result.stderr
    assert not list(tmp_path.iterdir())


def test_predict_tiles_and_times(run, given, pair, tmp_path):
    words = "--tile", 8, 8, "--overlap", 4, 4, "--halo", 1, 1, "--init-time", "every 5"
    result = run("predict", "bilinear", given[0], tmp_path / "out.nc", *given[1:], *words)
    assert result.exit_code == 0, result.output
    found = xr.load_dataset(tmp_path / "out.nc")
    np.testing.assert_array_equal(found.time, pair.time[::5])
    np.testing.assert_allclose(found.rain, interpolated(pair)[::5], atol=1e-4)
    latest = "--init-time", "latest"
    run("predict", "bilinear", given[0], tmp_path / "last.nc", *given[1:], *latest)
    assert xr.load_dataset(tmp_path / "last.nc").time.values == pair.time.values[-1]


def test_a_run_that_was_stopped_goes_on(run, given, tmp_path, monkeypatch):
    """What is done when it is killed stays, and is not made again."""
    from keras_wx.inference.downscale import maker, plan

    monkeypatch.setattr(plan, "SUM_POINTS", 4 * 12 * 16)  # four days at a time
    make, made = maker.Maker.make, []

    def counted(self, job):
        made.append(job)
        if len(made) == 4:
            raise KeyboardInterrupt
        return make(self, job)

    monkeypatch.setattr(maker.Maker, "make", counted)
    words = "predict", "bilinear", given[0], tmp_path / "out.zarr", *given[1:]
    assert run(*words).exit_code == 130
    assert not (tmp_path / "out.zarr").exists()
    other = run(*words, "--tile", 8, 8)
    assert other.exit_code == 1
    assert other.stderr.startswith("Error: /")
    assert "is what an unfinished run has left, of another model" in other.stderr
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert len(made) == 11
    assert len({job.name for job in made}) == 10
    assert [path.name for path in tmp_path.iterdir()] == ["out.zarr"]
    again = run(*words, "--overwrite")
    assert again.exit_code == 0, again.output


def test_fields_outlive_a_disk_that_is_full(run, given, pair, tmp_path, monkeypatch):
    from keras_wx.cli import _output

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    words = "predict", "bilinear", given[0], tmp_path / "out.nc", *given[1:]
    with monkeypatch.context() as patch:
        patch.setattr(_output, "write_netcdf", full)
        result = run(*words)
    assert result.exit_code == 1
    (store,) = tmp_path.iterdir()
    assert f"All fields are drawn, and stay in {store}." in result.stderr
    np.testing.assert_allclose(
        xr.open_zarr(store, consolidated=False).rain, interpolated(pair), atol=1e-4
    )
    again = run(*words)
    assert again.exit_code == 1
    assert "holds all fields of an earlier call" in again.stderr
    store.rename(tmp_path / "kept.zarr")
    assert run(*words).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.zarr", "out.nc"]


def test_a_file_that_holds_both(run, pair, tmp_path):
    pair.to_netcdf(tmp_path / "pair.nc")
    assert source_of(tmp_path / "pair.nc") == "paired"
    result = run("predict", "bilinear", tmp_path / "pair.nc", tmp_path / "out.nc")
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(
        xr.load_dataset(tmp_path / "out.nc").rain, interpolated(pair), atol=1e-4
    )


def test_evaluate(run, given, pair, tmp_path):
    result = run(
        *("evaluate", "bicubic", *given, "--split", "test"),
        *("--output", tmp_path / "scores.nc", "--plot", tmp_path / "spectra.png"),
    )
    assert result.exit_code == 0, result.output
    assert (
        "6 fields of rain, 2003-12-14T00:00:00 to 2003-12-19T00:00:00 UTC (test)" in result.stdout
    )
    assert "bicubic minus bilinear, and 95 % of 1000 bootstrap draws of 2 blocks of 5 days" in (
        result.stdout
    )
    error = (interpolated(pair) - pair.rain).isel(time=slice(34, None))
    scores = xr.load_dataset(tmp_path / "scores.nc").sel(model="bilinear")
    np.testing.assert_allclose(scores.rmse, np.sqrt((error**2).mean()), rtol=1e-4)
    np.testing.assert_allclose(scores.crps, abs(error).mean(), rtol=1e-4)
    row = next(line for line in result.stdout.splitlines() if line.startswith("bilinear"))
    assert f"{float(scores.rmse):.3f}" in row
    for heading in ("(correlation)", "(1 - SSE/SST)", "NSE", "KGE", "variogram"):
        assert heading in result.stdout
    assert (tmp_path / "spectra.png").stat().st_size > 0


def test_quantile_mapping(run, given, pair, tmp_path):
    """Untrained it is fitted to evaluate it; `train` fits it to stay."""
    result = run("evaluate", "quantile_mapping", *given, "--split", "test")
    assert result.exit_code == 0, result.output
    assert 'quantile_mapping: fitted to the part "train"' in result.stdout
    refused = run("predict", "quantile_mapping", given[0], tmp_path / "out.nc", *given[1:])
    assert refused.exit_code == 1
    assert "knows no quantiles yet" in refused.output
    assert not list(tmp_path.iterdir())

    folder = tmp_path / "run"
    trained = run("train", "quantile_mapping", *given, "--output-dir", folder)
    assert trained.exit_code == 0, trained.output
    assert f"Its model: {folder / 'best'}" in trained.stdout
    result = run("predict", folder / "best", given[0], tmp_path / "out.nc", *given[1:])
    assert result.exit_code == 0, result.output
    # 70 % of the days are for training.
    train = pair.rain[:28].values.ravel()
    coarse = interpolated(pair)
    ranks = np.searchsorted(np.sort(coarse[:28].values.ravel()), coarse[30].values) / train.size
    expected = np.quantile(train, np.clip(ranks, 0, 1))
    found = xr.load_dataset(tmp_path / "out.nc").rain[30]
    np.testing.assert_allclose(found, expected, atol=0.15)


def test_leaderboard(run, given, pair, tmp_path):
    folder = tmp_path / "board"
    result = run(
        *("leaderboard", given[0], "--dataset", "paired", *given[1:], "--output-dir", folder),
        *("--models", "bilinear,bicubic,quantile_mapping,persistence", "--repetitions", 1),
        *("--split", "test"),
    )
    assert result.exit_code == 0, result.output
    tables = {"leaderboard.csv", "leaderboard.md", "differences.csv", "by_score.csv"}
    drawn = {p.file for p in PICTURES["downscale"] if p.of != "ensembles"}
    assert {path.name for path in folder.iterdir()} == tables | drawn
    table = pd.read_csv(folder / "leaderboard.csv", comment="#", index_col="model")
    assert table.index.tolist() == ["bilinear", "bicubic", "quantile_mapping"]
    error = (interpolated(pair) - pair.rain).isel(time=slice(34, None))
    np.testing.assert_allclose(table.loc["bilinear", "MAE"], abs(error).mean(), rtol=1e-4)
    low, high = table.loc["bilinear", ["CRPS low", "CRPS high"]]
    assert low < table.loc["bilinear", "CRPS"] < high
    assert (table["spectrum error"] > 0).all()
    assert table["variogram error low"].isna().all()
    assert (table["ms"] > 0).all()
    assert "is for the task 'nowcast', and the data are for 'downscale': persistence" in (
        result.stdout
    )
    assert "blocks: 2 of 5d" in result.stdout
    markdown = (folder / "leaderboard.md").read_text(encoding="utf-8")
    assert "![Variograms](variogram.png)" in markdown
    assert 'fitted: quantile_mapping, to the part "train"' in markdown
