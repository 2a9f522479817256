"""Bad input: one message that names the option that helps, exit code 1; 2 for wrong usage."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from cli_radar import radar_frames

from keras_wx.cli._group import in_terms_of_options, with_note_on_python
from keras_wx.errors import DataError


def truncated(path):
    radar_frames(12).to_netcdf(path)
    os.truncate(path, path.stat().st_size // 2)


CASES = {
    "unknown preset": (
        lambda p: radar_frames(9).to_netcdf(p),
        ["convlstm_hok"],
        "Did you mean 'convlstm_hko'",
    ),
    "missing file": (None, ["{model}"], "INPUT takes a file, a folder, a pattern"),
    "truncated": (truncated, ["{model}"], "cut off"),
    "too few frames": (lambda p: radar_frames(2).to_netcdf(p), ["{model}"], "2016-09-28T15:05"),
    "other step": (lambda p: radar_frames(9, step=2).to_netcdf(p), ["{model}"], "--resample"),
    "coarser step": (
        lambda p: radar_frames(9, step=10).to_netcdf(p),
        ["{model}", "--resample"],
        "shorter step",
    ),
    "other spacing": (
        lambda p: radar_frames(9, spacing_km=1).to_netcdf(p),
        ["{model}"],
        "--regrid converts it",
    ),
    "no such variable": (
        lambda p: radar_frames(9).to_netcdf(p),
        ["{model}", "--variable", "rain"],
        "No field 'rain' in the file, which has 'reflectivity' [dBZ]",
    ),
    "no such time": (
        lambda p: radar_frames(9).to_netcdf(p),
        ["{model}", "--init-time", "2016-09-28T18:00"],
        "no frame at this time",
    ),
    "unknown dataset": (
        lambda p: radar_frames(9).to_netcdf(p),
        ["{model}", "--dataset", "radr"],
        "Did you mean 'radar'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_predict(run, model_folder, tmp_path, case):
    make, (model, *options), expected = CASES[case]
    if make is not None:
        make(tmp_path / "radar.nc")
    model = model.format(model=model_folder)
    result = run("predict", model, tmp_path / "radar.nc", tmp_path / "out.nc", *options)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert expected in result.output
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize(
    ("output", "options", "expected"),
    [
        ("out.txt", [], ".nc or .nc4"),
        ("out.nc", ["--init-time", "tomorrow"], "every N"),
        ("out.nc", ["--init-time", "every 0"], "every N"),
        ("out.nc", ["--zr", "200,x"], "200,1.6"),
        ("out.nc", ["--members", "0"], "--members"),
    ],
)
def test_usage(run, radar_file, tmp_path, output, options, expected):
    result = run("predict", "persistence", radar_file, tmp_path / output, *options)
    assert result.exit_code == 2
    assert expected in result.output


def test_folder_to_write_to(run, radar_file, tmp_path):
    result = run("predict", "persistence", radar_file, tmp_path / "no" / "out.nc")
    assert result.exit_code == 1
    assert f"no such folder to write to: {tmp_path / 'no'}" in result.output


def test_folder_without_permission(run, monkeypatch, radar_file, tmp_path):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    result = run("predict", "persistence", radar_file, tmp_path / "out.nc")
    assert result.exit_code == 1
    assert "No permission" in result.output


@pytest.mark.parametrize("how", ["--debug", "KERAS_WX_DEBUG"])
def test_debug_shows_the_traceback(run, how):
    if how == "--debug":
        result = run("--debug", "info", "nope")
    else:
        result = run("info", "nope", env={how: "1"})
    assert result.exit_code == 1
    assert isinstance(result.exception, LookupError)


def test_a_bug_is_not_hidden(run, monkeypatch):
    monkeypatch.setattr("keras_wx.zoo.presets.info", lambda name: 1 / 0)
    assert isinstance(run("info", "persistence").exception, ZeroDivisionError)


def test_warnings_are_one_line(run, model_folder, tmp_path):
    """The latest frame has no complete history: the forecast starts earlier."""
    radar = radar_frames(12).isel(time=[0, 1, 2, 3, 4, 5, 6, 7, 11])
    radar.to_netcdf(tmp_path / "gap.nc")
    result = run("predict", model_folder, tmp_path / "gap.nc", tmp_path / "out.nc")
    assert result.exit_code == 0
    warning, summary = result.output.splitlines()
    assert warning.startswith("Warning: The latest frame, 2016-09-28T15:55:00, has no complete")
    assert summary.endswith("started 2016-09-28T15:35 UTC")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("regrid=True converts it.", "--regrid converts it."),
        ("zr='hko_7' or zr=\"fmi\"", "--zr hko_7 or --zr fmi"),
        ("variable= names one, units= says them", "--variable names one, units= says them"),
        ("zr: expected a name. Received: zr=None", "--zr: expected a name. Received: --zr"),
        ("split=None takes everything.", "no --split takes everything."),
        ("path= takes a file", "INPUT takes a file"),
        ("val=False trains without one", "--val-path - trains without one"),
        ("Give open_dataset('radar', ..., spacing_km=...), or more", "Give --spacing-km, or more"),
        ("open_dataset('radar', path=...) reads others", "--dataset radar reads others"),
        ("keras_wx.data.conform(data, sample, zr=...) converts", "--zr converts"),
        ("After predict(..., regrid=True) it is", "After --regrid it is"),
        (
            "keras_wx.load(..., sample={'blind_zone': {'height': 1250}}) makes it",
            "--sample blind_zone.height=1250 makes it",
        ),
        (
            "load(..., sample={'grids': {'curtain': {'shape': [..., 128]}}, 'zr': None})",
            "--sample grids.curtain.shape=[..., 128] --sample zr=null",
        ),
        ("load(..., width=32) takes narrower", "--config width=32 takes narrower"),
        ("Received: zr=(0, 1.6)", "Received: --zr (0, 1.6)"),
        ("Received: variable=-1.", "Received: --variable -1."),
        ("Expected a time, not weights=None", "Expected a time, not weights=None"),
    ],
)
def test_messages_name_options(message, expected):
    names = ("regrid", "zr", "variable", "split", "spacing_km", "dataset", "sample", "config")
    parameters = [
        SimpleNamespace(name=name, opts=[f"--{name.replace('_', '-')}"], metavar=None)
        for name in names
    ]
    parameters.append(SimpleNamespace(name="path", opts=["path"], metavar="INPUT"))
    parameters.append(SimpleNamespace(name="val", opts=["--val-path"], metavar="FILE"))
    assert in_terms_of_options(message, parameters).startswith(expected)


@pytest.mark.parametrize(
    ("message", "noted"),
    [
        ("splits=(0.8, 0.2, 0) or dates, and gap='0min', divide them otherwise.", True),
        ("Expected at least one. Received: grid=(3, 4)", False),
        ("Received: grid=(3, 4). Set the grid, or use peephole='channel'.", True),
        ("--dataset-set start='2014-12-06' says it. Received: path", False),
        ("--sample step=30s takes them, --config width=32 narrower ones", False),
        ("--split takes all frames. +proj=stere, Z = 200 R^1.6, a == b", False),
    ],
)
def test_what_only_python_has_is_said(message, noted):
    assert with_note_on_python(message).startswith(message)
    assert ("argument in Python" in with_note_on_python(message)) == noted


def test_too_few_frames_in_a_part(run, radar_file):
    result = run("evaluate", "persistence", radar_file, "--output-frames", 40, "--split", "test")
    assert "no --split takes all frames" in result.output
    assert "(name=value is an argument in Python, and no option here.)" in result.output


def test_data_errors_are_the_users(run, monkeypatch):
    def refuse(name):
        raise DataError("brackets [dBZ] and [bold] are text")

    monkeypatch.setattr("keras_wx.zoo.presets.info", refuse)
    assert run("info", "x").output == "Error: brackets [dBZ] and [bold] are text\n"
