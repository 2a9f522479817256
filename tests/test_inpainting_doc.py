"""docs/inpainting.md: its programs run, its command lines are ones, its tables are complete."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

import keras_wx
from keras_wx.baselines import Baseline
from keras_wx.data.sources._curtain import DBZ
from keras_wx.registry import datasets, models

DOC = (Path(__file__).resolve().parents[1] / "docs" / "inpainting.md").read_text(encoding="utf-8")
PROGRAM = "\n".join(re.findall(r"```python\n(.*?)```", DOC, flags=re.DOTALL))
LINES = re.findall(r"```\n(keras-wx .*?)```", DOC, flags=re.DOTALL)
FEWER = {
    "columns=1024": "columns=512",
    "members=20": "members=3",
    "epochs=3": "epochs=1",
    "steps_per_epoch=20": "steps_per_epoch=2",
    "stride=8": "stride=64",
}
"""So that the test does not take as long as what it stands for."""


@pytest.mark.slow
def test_the_program_runs(shared_data, tmp_path, monkeypatch):
    for name in re.findall(r'"(\S+\.nc)"', PROGRAM):
        (tmp_path / name).symlink_to(shared_data / name)
    monkeypatch.chdir(tmp_path)
    program = PROGRAM
    for long, short in FEWER.items():
        assert long in program
        program = program.replace(long, short)
    names: dict = {}
    exec(compile(program, "docs/inpainting.md", "exec"), names)
    assert (names["filled"].sizes["realization"], names["filled"].sizes["height"]) == (3, 128)
    pictures = re.findall(r'path="(\S+\.png)"', PROGRAM)
    assert len(pictures) == 6
    assert all((tmp_path / name).stat().st_size > 0 for name in pictures)
    assert names["later"].input_shape[-1] == names["mine"].input_shape[-1] == 3


def test_the_command_lines_have_options_that_there_are():
    from keras_wx.cli import app

    commands = typer.main.get_command(app).commands
    lines = "".join(LINES).replace("\\\n", " ").splitlines()
    assert len(lines) > 5
    for line in lines:
        _, name, *words = shlex.split(line)
        known = {option for parameter in commands[name].params for option in parameter.opts}
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= known, line


def test_every_source_and_every_baseline_is_in_a_table():
    rows = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", DOC, re.MULTILINE))))
    baselines = {
        name
        for name in keras_wx.list_models()
        if keras_wx.info(name).task == "inpaint"
        and issubclass(models.get(keras_wx.info(name).architecture), Baseline)
    }
    assert baselines <= rows
    with_curtains = {
        name
        for name in datasets
        if "curtain" in name or (datasets.get(name).__globals__.get("DBZ") is DBZ)
    }
    assert {"gpm_ku", "cloudnet", "curtain"} <= with_curtains
    assert with_curtains <= rows
