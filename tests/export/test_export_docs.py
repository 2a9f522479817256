"""docs/export.md: every preset is in its table, and its programs run as they are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import keras_wx
from keras_wx.baselines import Baseline
from keras_wx.inference.export import export
from keras_wx.registry import models

DOC = (Path(__file__).resolve().parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(import .*?)```", DOC, flags=re.DOTALL)
ROWS = {
    line.split("`")[1]: [cell.strip() for cell in line.strip("|").split("|")]
    for line in DOC.splitlines()
    if line.startswith("| `")
}


@pytest.mark.parametrize("name", keras_wx.list_models())
def test_every_preset_is_in_the_table(name):
    assert name in ROWS, f"run python tools/update_export.py {name}"
    preset = keras_wx.info(name)
    _, weights, *files = ROWS[name]
    is_baseline = issubclass(models.get(preset.architecture), Baseline)
    assert weights == ("none" if is_baseline else preset.variant or "random")
    assert len(files) == 3
    assert all(cell.startswith("no: ") == is_baseline for cell in files)


@pytest.mark.slow
def test_the_programs_run(tmp_path):
    """In processes of their own, in a folder where the files of the first example lie."""
    pytest.importorskip("tf2onnx")
    pytest.importorskip("ai_edge_litert")
    model = keras_wx.load("convlstm_hko")
    for name in ("nowcast", "nowcast.onnx", "nowcast.tflite"):
        export(model, tmp_path / name)
    assert len(PROGRAMS) == 3
    for program in PROGRAMS:
        blocked = f"import sys; sys.modules['keras_wx'] = sys.modules['keras'] = None\n{program}"
        done = subprocess.run(
            [sys.executable, "-c", blocked],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        first, last = done.stdout.splitlines()[-2:]
        assert first.startswith("dBZ 5min Free to use")
        assert last == "(1, 15, 64, 64, 1)"
