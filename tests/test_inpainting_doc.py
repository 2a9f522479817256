"""docs/inpainting.md: its programs run, its command lines are ones, its tables are complete."""

from __future__ import annotations

import re

import pytest
from documented import check_command_lines, names_in_tables, page, pictures, program

import keras_wx
from keras_wx.baselines import Baseline
from keras_wx.data.sources._curtain import DBZ
from keras_wx.registry import datasets, models

DOC = page("inpainting.md")
SHORTER = {
    "columns=1024": "columns=512",
    "members=20": "members=3",
    "epochs=3": "epochs=1",
    "steps_per_epoch=20": "steps_per_epoch=2",
    "stride=8": "stride=64",
}


@pytest.mark.slow
def test_the_program_runs(shared_data, tmp_path, monkeypatch):
    code = program(DOC, SHORTER)
    for name in re.findall(r'"(\S+\.nc)"', code):
        (tmp_path / name).symlink_to(shared_data / name)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(code, "docs/inpainting.md", "exec"), names)
    assert (names["filled"].sizes["realization"], names["filled"].sizes["height"]) == (3, 128)
    assert len(pictures(code)) == 6
    assert all((tmp_path / name).stat().st_size > 0 for name in pictures(code))
    assert names["later"].input_shape[-1] == names["mine"].input_shape[-1] == 3


def test_the_command_lines_have_options_that_there_are():
    check_command_lines(DOC)


def test_every_source_and_every_baseline_is_in_a_table():
    baselines = {
        name
        for name in keras_wx.list_models(task="inpaint")
        if issubclass(models.get(keras_wx.info(name).architecture), Baseline)
    }
    assert baselines <= names_in_tables(DOC)
    with_curtains = {
        name
        for name in datasets
        if "curtain" in name or (datasets.get(name).__globals__.get("DBZ") is DBZ)
    }
    assert {"gpm_ku", "cloudnet", "curtain"} <= with_curtains
    assert with_curtains <= names_in_tables(DOC)
