"""`keras-wx export`."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

import keras_wx


@pytest.fixture
def run():
    from keras_wx.cli import app

    return lambda *arguments: CliRunner().invoke(app, ["export", *map(str, arguments)])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    config = {"input_frames": 2, "output_frames": 1, "filters": (2,)}
    model = keras_wx.load("convlstm_hko", weights=None, **config)
    return keras_wx.save(model, tmp_path_factory.mktemp("saved") / "small")


def test_writes_a_saved_model(run, saved, tmp_path):
    import tensorflow as tf

    result = run(saved, tmp_path / "out", "--grid", 4, 6, "--batch-size", 1, "--output-frames", 2)
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"{tmp_path / 'out'}: convlstm_hko.small, 0.")
    served = tf.saved_model.load(str(tmp_path / "out"))
    assert served.serve(tf.zeros((1, 2, 4, 6, 1)))["forecast"].shape == (1, 2, 4, 6, 1)
    again = run(saved, tmp_path / "out")
    assert again.exit_code == 1
    assert "--overwrite replaces it" in again.stderr


def test_says_why_not(run, tmp_path):
    result = run("persistence", tmp_path / "a.onnx")
    assert result.exit_code == 1
    assert "persistence is a baseline" in result.stderr
    result = run("convlstm_hko", tmp_path / "a.onnx", "--format", "onx")
    assert "Did you mean 'onnx'" in result.stderr
