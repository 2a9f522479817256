"""`predict`: files in, files out."""

from __future__ import annotations

import os
import subprocess
import sys

import netCDF4
import numpy as np
import pytest
import xarray as xr
from cli_radar import OUTPUT_FRAMES, radar_frames

import keras_wx


def opened(path) -> xr.Dataset:
    """As a user's xarray opens it, who says nothing about times or engines."""
    with xr.open_dataset(path) as forecast:
        return forecast.load()


@pytest.mark.parametrize("name", ["out.nc", "out.zarr"])
def test_writes_what_predict_gives(run, model_folder, radar_file, tmp_path, name):
    result = run("predict", model_folder, radar_file, tmp_path / name, "--init-time", "every 4")
    assert result.exit_code == 0, result.output
    assert "reflectivity [dBZ], 3 x 4 frames of 20 x 24" in result.stdout

    radar = keras_wx.open_dataset("radar", path=radar_file)
    expected = keras_wx.predict(keras_wx.load(model_folder), radar, init_times=4)
    found = opened(tmp_path / name)
    xr.testing.assert_allclose(found.reset_coords(), expected.reset_coords(), atol=1e-5)
    assert found.attrs == expected.attrs
    assert found.reflectivity.attrs == expected.reflectivity.attrs
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == [name]


def test_netcdf_is_for_every_reader(run, model_folder, radar_file, tmp_path):
    run("predict", model_folder, radar_file, tmp_path / "out.nc")
    with netCDF4.Dataset(tmp_path / "out.nc") as file:
        lead, init = file["lead_time"], file["init_time"]
        np.testing.assert_array_equal(lead[:], [5, 10, 15, 20])
        assert (lead.units, lead.standard_name) == ("minutes", "forecast_period")
        assert str(netCDF4.num2date(init[0], init.units, init.calendar)) == "2016-09-28 15:55:00"
        assert file["reflectivity"].filters()["zlib"]
        assert file.Conventions.startswith("CF-")


@pytest.mark.parametrize(
    ("words", "minutes"),
    [
        (["latest"], [55]),
        (["all"], list(range(0, 60, 5))),
        (["every 5"], [0, 25, 50]),
        (["2016-09-28T15:20"], [20]),
        (["2016-09-28T15:40", "2016-09-28 15:20"], [20, 40]),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_init_times(run, radar_file, tmp_path, words, minutes):
    options = [part for word in words for part in ("--init-time", word)]
    result = run("predict", "persistence", radar_file, tmp_path / "out.nc", *options)
    assert result.exit_code == 0, result.output
    starts = opened(tmp_path / "out.nc").init_time.values - np.datetime64("2016-09-28T15:00", "ns")
    np.testing.assert_array_equal(starts / np.timedelta64(1, "m"), minutes)


def test_conversions(run, model_folder, tmp_path):
    """Rain rate, 2 km and 2.5 min, in a Zarr store, for a model of dBZ, 3.75 km and 5 min."""
    radar = radar_frames(24, shape=(40, 48), spacing_km=2.0)
    radar["time"] = radar.time.values[0] + np.arange(24) * np.timedelta64(150, "s")
    rate = (10 ** (radar.reflectivity / 10) / 200) ** (1 / 1.6)
    rate.attrs = {"units": "mm h-1", "standard_name": "rainfall_rate"}
    rate.to_dataset(name="rain").to_zarr(tmp_path / "rain.zarr", consolidated=False)
    arguments = ["predict", model_folder, tmp_path / "rain.zarr", tmp_path / "out.nc"]
    allowed = []
    for option, words in (
        ("--zr", ["200,1.6"]),
        ("--resample", []),
        ("--regrid", []),
    ):
        refused = run(*arguments, *allowed)
        assert refused.exit_code == 1
        assert option in refused.output
        allowed += [option, *words]
    result = run(*arguments, *allowed)
    assert result.exit_code == 0, result.output
    assert opened(tmp_path / "out.nc").reflectivity.shape == (1, OUTPUT_FRAMES, 21, 25)


def test_output_frames_and_tiles(run, model_folder, radar_file, tmp_path):
    result = run(
        *("predict", model_folder, radar_file, tmp_path / "out.nc"),
        *("--output-frames", 6, "--tile", 16, 16, "--batch-size", 3),
    )
    assert result.exit_code == 0, result.output
    assert opened(tmp_path / "out.nc").reflectivity.shape == (1, 6, 20, 24)


def test_describes_a_file_that_says_little(run, tmp_path):
    radar = radar_frames(4).drop_vars(["y", "x"])
    radar["other"] = radar.reflectivity.copy()
    del radar.other.attrs["units"], radar.reflectivity.attrs["units"]
    radar.to_netcdf(tmp_path / "bare.nc")
    arguments = ["predict", "persistence", tmp_path / "bare.nc", tmp_path / "out.nc"]
    assert "--units" in run(*arguments).output
    result = run(*arguments, "--variable", "other", "--units", "dBZ", "--spacing-km", 2)
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(np.diff(opened(tmp_path / "out.nc").x), 2000)


def test_a_dataset_without_files(run, tmp_path):
    result = run("predict", "persistence", "-", tmp_path / "out.nc", "--dataset", "synthetic_rain")
    assert result.exit_code == 0, result.output


def test_does_not_overwrite(run, radar_file, tmp_path):
    for name in ("out.nc", "out.zarr"):
        arguments = ["predict", "persistence", radar_file, tmp_path / name]
        assert run(*arguments).exit_code == 0
        refused = run(*arguments, "--init-time", "all")
        assert refused.exit_code == 1
        assert "--overwrite replaces it" in refused.output
        assert opened(tmp_path / name).sizes["init_time"] == 1
        assert run(*arguments, "--init-time", "all", "--overwrite").exit_code == 0
        assert opened(tmp_path / name).sizes["init_time"] == 12
        assert [p.name for p in tmp_path.glob("*out*")] == [name]
        (tmp_path / name).rename(tmp_path / f"{name[4:]} done")


def test_never_replaces_its_input(run, tmp_path):
    radar_frames(4).to_netcdf(tmp_path / "radar.nc")
    result = run(
        "predict", "persistence", tmp_path / "radar.nc", tmp_path / "radar.nc", "--overwrite"
    )
    assert result.exit_code == 2
    assert "time" in opened(tmp_path / "radar.nc")


def test_a_folder_that_is_no_store_stays(run, radar_file, tmp_path):
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "diary.txt").touch()
    result = run("predict", "persistence", radar_file, tmp_path / "mine.zarr", "--overwrite")
    assert result.exit_code == 1
    assert (tmp_path / "mine.zarr" / "diary.txt").exists()


@pytest.mark.parametrize("end", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("name", ["out.nc", "out.zarr"])
def test_leaves_nothing_half_written(run, monkeypatch, radar_file, tmp_path, end, name):
    arguments = ["predict", "persistence", radar_file, tmp_path / name]
    run(*arguments)
    before = opened(tmp_path / name)

    def breaks_off(*args, path, **kwargs):
        path.mkdir()
        (path / "zarr.json").write_text("half of it")
        raise end

    monkeypatch.setattr("keras_wx.predict", breaks_off)
    result = run(*arguments, "--overwrite")
    assert result.exit_code == (130 if end is KeyboardInterrupt else 1)
    assert ("Interrupted" in result.output) == (end is KeyboardInterrupt)
    assert [path.name for path in tmp_path.glob("*out*")] == [name]
    xr.testing.assert_identical(opened(tmp_path / name), before)


@pytest.mark.slow
def test_uses_the_backend_of_the_user(model_folder, radar_file, tmp_path):
    """A fresh process; JAX, and TensorFlow not imported."""
    pytest.importorskip("jax")
    code = (
        "import sys\n"
        "from keras_wx.cli import app\n"
        f"try: app(['predict', {str(model_folder)!r}, {str(radar_file)!r}, 'out.nc'])\n"
        "except SystemExit as end: assert not end.code\n"
        "assert 'jax' in sys.modules and 'tensorflow' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert opened(tmp_path / "out.nc").reflectivity.notnull().all()


def test_open_mrg(run, model_folder, shared_data, tmp_path):
    result = run(
        *("predict", model_folder, shared_data / "openmrg_rad_20150827.nc", tmp_path / "out.nc"),
        *("--zr", "marshall_palmer", "--regrid", "--init-time", "2015-08-27T06:00"),
    )
    assert result.exit_code == 0, result.output
    forecast = opened(tmp_path / "out.nc")
    assert forecast.reflectivity.shape == (1, OUTPUT_FRAMES, 25, 19)
    assert forecast.lat.dims == ("y", "x")
    assert "SMHI" in forecast.attrs["source"]
