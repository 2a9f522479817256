"""What the command line costs and prints before any work: real processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import keras_wx

HEAVY = ("keras", "tensorflow", "xarray", "numpy", "pandas", "jax", "torch", "requests")


def keras_wx_process(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "keras_wx.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=6000,
    )


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["info", "convlstm_hko"], ["predict", "--help"]],
    ids=" ".join,
)
def test_imports_nothing_heavy(arguments):
    code = (
        "import sys\n"
        "from keras_wx.cli import app\n"
        f"try: app({arguments})\n"
        "except SystemExit as end: assert not end.code\n"
        f"print('HEAVY', [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stderr


def test_version():
    assert keras_wx_process("--version").stdout == f"keras-wx {keras_wx.__version__}\n"


def test_plain_text_in_a_pipe():
    done = keras_wx_process("list")
    assert "\x1b" not in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["convlstm_hko", "nowcast", "896,260"] in [row[:3] for row in rows]


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m keras_wx.cli list | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=600)
    assert done.stdout.startswith("Preset")
    assert done.stderr == ""


@pytest.mark.parametrize(("environment", "colored"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_errors_are_red_on_a_terminal(environment, colored):
    done = keras_wx_process("info", "nope", FORCE_COLOR="1", **environment)
    assert done.returncode == 1
    assert ("\x1b[31m" in done.stderr) is colored
    assert "Traceback" not in done.stderr


def test_names_a_command_that_is_nearly_right():
    done = keras_wx_process("evalute")
    assert done.returncode == 2
    assert "Did you mean 'evaluate'?" in done.stderr


@pytest.mark.slow
def test_tensorflow_starts_without_a_word(model_folder, radar_file, tmp_path):
    done = keras_wx_process(
        "predict", model_folder, radar_file, tmp_path / "out.nc", KERAS_BACKEND="tensorflow"
    )
    assert done.returncode == 0
    assert done.stderr == ""
