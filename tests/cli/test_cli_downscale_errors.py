"""What cannot be downscaled: the library and the command line say what is wrong, what they expected
and what they received, and leave nothing behind."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
import yaml
from cli_pairs import coarse_field, fine_field, write_pair

import keras_wx
from keras_wx.errors import KerasWxError

DAYS = 40


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    """Baselines as folders: with a history, a logarithm, another spacing, another step."""
    folder = tmp_path_factory.mktemp("presets")

    def written(name, transform=None, lags=0, step=None, fine=None):
        rain = {"units": "mm h-1"} | ({} if transform is None else {"transform": transform})
        variables = [
            {"name": "coarse_rain", "role": "input", "grid": "coarse", "steps": [0, 0], **rain},
            {"name": "rain", "role": "target", "grid": "fine", "steps": [0, 0], **rain},
        ]
        if lags:
            history = {"name": "rain", "role": "input", "grid": "fine", "steps": [-lags, -1]}
            variables.insert(1, history | rain)
        grids = {
            "fine": {"dims": ["lat", "lon"], **(fine or {})},
            "coarse": {"dims": ["coarse_lat", "coarse_lon"], "onto": "fine"},
        }
        sample = {"layout": "channels", "grids": grids, "variables": variables}
        preset = {
            "name": name,
            "title": "A baseline",
            "task": "downscale",
            "architecture": "interpolation",
            "config": {},
            "sample": sample if step is None else sample | {"step": step},
        }
        (folder / name).mkdir()
        (folder / name / "preset.yaml").write_text(yaml.safe_dump(preset), encoding="utf-8")
        return folder / name

    return {
        "history": written("history", lags=50),
        "logarithm": written("logarithm", transform=[{"log": {"floor": 1e-3}}]),
        "spacing": written("spacing", fine={"spacing": {"lat": "1deg", "lon": "1deg"}}),
        "step": written("step", step="6h"),
        "bilinear": "bilinear",
    }


def noleap(data):
    times = xr.date_range("2003-11-10", periods=DAYS, calendar="noleap", use_cftime=True)
    return data.assign_coords(time=times)


def in_units(data, units):
    return data.assign(rain=data.rain.assign_attrs(units=units))


CASES = {
    "a coarse grid that is too small": (
        lambda fine, coarse: (fine, coarse.isel(lon=slice(3))),
        {},
        "The coarse grid of 'coarse_rain' does not cover the fine one of 'rain': along 'lon' its "
        "cells reach from 5.875 to 7.375, and the fine points from 6 to 9.75, of which 6 of 16",
    ),
    "calendars that differ": (
        lambda fine, coarse: (noleap(fine), coarse),
        {},
        "The calendars of the pair differ: fine 'noleap', coarse 'standard'. Expected the standard "
        "calendar of both",
    ),
    "another calendar than the standard one": (
        lambda fine, coarse: (noleap(fine), noleap(coarse)),
        {},
        "are not the standard one: fine 'noleap', coarse 'noleap'",
    ),
    "a history that is too short": (
        lambda fine, coarse: (fine, coarse),
        {"name": "history"},
        "the model reads 51 consecutive frames, 1d apart. The dataset has 40, from 2003-11-10",
    ),
    "units that differ within the pair": (
        lambda fine, coarse: (fine, in_units(coarse, "mm/day")),
        {},
        "The units of 'rain' differ within the pair: fine 'mm h-1', coarse 'mm/day'",
    ),
    "units that do not convert": (
        lambda fine, coarse: (fine, in_units(coarse, "K")),
        {},
        "fine 'mm h-1', coarse 'K'. dataset['rain'].attrs['units'] says them, where they are wrong",
    ),
    "a stride with which the domain is not covered": (
        lambda fine, coarse: (fine, coarse),
        {"tile": 8, "overlap": 2, "halo": 2},
        "tile - overlap = 6, has to be 1 to tile - 2 halo = 4 points",
    ),
    "negative values under a logarithm": (
        lambda fine, coarse: (
            fine - 3,
            (coarse - 3).assign(rain=in_units(coarse - 3, "mm h-1").rain),
        ),
        {"name": "logarithm"},
        "its transform takes the logarithm. Expected values of at least 0",
    ),
    "another spacing": (
        lambda fine, coarse: (fine, coarse),
        {"name": "spacing"},
        "Variable 'rain' has a point every 0.25 degrees along 'lat', the sample needs one every 1",
    ),
    "another step": (
        lambda fine, coarse: (fine, coarse),
        {"name": "step"},
        "The data have a step of 1d, the sample needs 6h",
    ),
    "no time in common": (
        lambda fine, coarse: (
            fine,
            coarse.assign_coords(time=coarse.time + np.timedelta64(400, "D")),
        ),
        {},
        "The pair has no time in common: fine 2003-11-10T00:00 to 2003-12-19T00:00, coarse 2004",
    ),
    "a history of its own, without lags": (
        lambda fine, coarse: (fine, coarse),
        {"history": "own"},
        "is for models that read earlier frames of rain",
    ),
}
OPTIONS = {
    "units that differ within the pair": "--dataset-set convert_units=True converts the coarse",
    "a stride with which the domain is not covered": "Received: --tile 8, --overlap 2, --halo 2",
    "another spacing": "--sample grids.fine.spacing=... says another one",
    "a history of its own, without lags": "--history own is for models",
}
"""How the command line says what helps."""


@pytest.mark.filterwarnings("ignore:.*keep_attrs")
@pytest.mark.parametrize("case", CASES)
def test_bad_input(run, presets, tmp_path, case):
    change, options, expected = CASES[case]
    options = dict(options)
    name = presets[options.pop("name", "bilinear")]
    fine = fine_field(DAYS)
    with xr.set_options(keep_attrs=True):
        fine, coarse = change(fine, coarse_field(fine))

    with pytest.raises(KerasWxError) as error:
        _downscaled(name, fine, coarse, options)
    assert expected in str(error.value)

    fine.to_netcdf(tmp_path / "fine.nc")
    coarse.to_netcdf(tmp_path / "coarse.nc")
    words = []
    for key, value in options.items():
        words += [f"--{key}", *([value] * 2 if isinstance(value, int) else [value])]
    result = run(
        *("predict", name, tmp_path / "fine.nc", tmp_path / "out.nc"),
        *("--dataset-set", f"coarse={tmp_path / 'coarse.nc'}", *words),
    )
    assert result.exit_code == 1, result.output
    in_options = expected.replace("history='own'", "--history own")
    assert in_options in result.stderr
    assert OPTIONS.get(case, "") in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"fine.nc", "coarse.nc"}


def _downscaled(name, fine, coarse, options):
    pair = keras_wx.open_dataset("paired", fine=fine, coarse=coarse)
    return keras_wx.predict(keras_wx.load(name), pair, progress=False, **options)


def test_latitudes_may_run_either_way(run, tmp_path):
    fine = fine_field(5)
    coarse = coarse_field(fine)
    upside_down = coarse.isel(lat=slice(None, None, -1)), fine.isel(lat=slice(None, None, -1))
    model = keras_wx.load("bilinear")
    fields = [
        keras_wx.predict(
            model, keras_wx.open_dataset("paired", fine=f, coarse=c), progress=False
        ).rain.sortby("lat")
        for f, c in ((fine, coarse), (fine, upside_down[0]), (upside_down[1], coarse))
    ]
    for field in fields[1:]:
        np.testing.assert_allclose(field, fields[0], atol=1e-6)
    write_pair(tmp_path, days=5)
    upside_down[0].to_netcdf(tmp_path / "upside_down.nc")
    result = run(
        *("predict", "bilinear", tmp_path / "fine.nc", tmp_path / "out.nc"),
        *("--dataset-set", f"coarse={tmp_path / 'upside_down.nc'}"),
    )
    assert result.exit_code == 0, result.output
    found = xr.load_dataset(tmp_path / "out.nc").rain.sortby("lat")
    np.testing.assert_allclose(found, fields[0], atol=1e-6)


def test_units_are_converted_on_request(run, tmp_path):
    fine, coarse = write_pair(tmp_path, days=5)
    daily = xr.load_dataset(coarse)
    daily["rain"] = (daily.rain * 24).assign_attrs(units="mm/day")
    daily.to_netcdf(tmp_path / "daily.nc")
    for name, options in (("a.nc", ["coarse=coarse.nc"]), ("b.nc", ["coarse=daily.nc"])):
        words = [w.replace("=", f"={tmp_path}/") for w in options]
        given = [
            part for word in [*words, "convert_units=true"] for part in ("--dataset-set", word)
        ]
        result = run("predict", "bilinear", fine, tmp_path / name, *given)
        assert result.exit_code == 0, result.output
    first, second = (xr.load_dataset(tmp_path / name).rain for name in ("a.nc", "b.nc"))
    np.testing.assert_allclose(first, second, rtol=1e-5)


def test_a_spacing_that_is_asked_for(run, presets, tmp_path):
    fine, coarse = write_pair(tmp_path, days=5)
    result = run(
        *("predict", presets["spacing"], fine, tmp_path / "out.nc"),
        *("--dataset-set", f"coarse={coarse}", "--sample", "grids.fine.spacing={}"),
    )
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["evaluate", "bilinear", "FINE", "--members", 3], 1, "deterministic"),
        (["evaluate", "bilinear", "FINE", "--output-frames", 3], 1, "output_frames"),
        (["evaluate", "bilinear", "FINE", "--against", "persistence"], 1, "'nowcast'"),
        (["tune", "quantile_mapping", "FINE", "--output-dir", "OUT"], 1, "is a baseline"),
        (["train", "bilinear", "FINE", "--output-dir", "OUT"], 1, "there is nothing to train"),
        (
            ["train", "quantile_mapping", "FINE", "--output-dir", "OUT", "--epochs", 3],
            1,
            "--epochs: expected none for quantile_mapping",
        ),
        (["leaderboard", "FINE", "--models", "bilinear", "--output-dir", "OUT"], 0, ""),
        (
            ["leaderboard", "FINE", "--models", "bilinear", "--output-frames", 2],
            1,
            "--output-frames: expected none for fine fields",
        ),
    ],
)
def test_other_commands(run, tmp_path, words, code, expected):
    fine, coarse = write_pair(tmp_path)
    folder = tmp_path / "out"
    words = [{"FINE": fine, "OUT": folder}.get(word, word) for word in words]
    if words[0] == "leaderboard" and folder not in words:
        words += ["--output-dir", folder]
    result = run(*words, "--dataset-set", f"coarse={coarse}")
    assert result.exit_code == code, result.output
    assert expected in result.output
    assert folder.exists() == (code == 0)


def test_one_file_is_no_pair(run, tmp_path):
    fine, _ = write_pair(tmp_path, days=5)
    result = run("predict", "bilinear", fine, tmp_path / "out.nc")
    assert result.exit_code == 1
    assert "--dataset-set coarse=" in result.stderr or "coarse: expected a file" in result.stderr
