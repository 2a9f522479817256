"""What cannot be exported, and where to: clear words, and nothing left behind."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

import keras_wx
from keras_wx.errors import ModelError, UnknownNameError
from keras_wx.inference.export import export
from keras_wx.inference.export.write import _format

TINY = {"input_frames": 2, "output_frames": 1, "filters": (2,)}


@pytest.fixture(scope="module")
def model():
    return keras_wx.load("convlstm_hko", weights=None, **TINY)


@pytest.fixture(scope="module")
def unusual(model):
    """A network with an operation that neither ONNX nor LiteRT knows."""
    frames = keras.Input((2, None, None, 1), name="frames")
    unusual = keras.Model(frames, ops.erfinv(0.9 * frames[:, -1:]), name="unusual")
    unusual.preset = model.preset
    return unusual


def test_a_baseline(tmp_path):
    with pytest.raises(ModelError, match=r"persistence is a baseline.*keras_wx.predict runs it"):
        export(keras_wx.load("persistence"), tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("name", "format", "message"),
    [
        ("a.pb", None, r"\.onnx for ONNX, \.tflite for LiteRT. Received: '.*a\.pb'"),
        ("a.onnx", "litert", r"ends in \.tflite for LiteRT. Received: '.*a\.onnx'"),
        ("a.onnx", "saved_model", "ends in nothing for SavedModel"),
    ],
)
def test_a_name_of_another_format(model, tmp_path, name, format, message):
    with pytest.raises(ModelError, match=message):
        export(model, tmp_path / name, format)


def test_a_folder_may_have_a_dot_in_its_name():
    assert _format(Path("nowcast.taasrad19"), "saved_model", folder=False).title == "SavedModel"


def test_an_unknown_format(model, tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'onnx'"):
        export(model, tmp_path / "a.onnx", "onx")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid": (5, 8)}, r"multiples of 2. Received: grid=\(5, 8\)"),
        ({"grid": (8,)}, r"grid: expected \(rows, columns\). Received: grid=\(8,\)"),
        ({"batch_size": 0}, "batch_size: expected at least 1"),
    ],
    ids=str,
)
def test_sizes_that_the_model_does_not_take(model, tmp_path, options, message):
    with pytest.raises(ModelError, match=message):
        export(model, tmp_path / "a", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_one_grid(tmp_path):
    fixed = keras_wx.load("convlstm_hko", weights=None, grid=(4, 6), **TINY)
    with pytest.raises(ModelError, match=r"built for 4 x 6 points.*Received: grid=\(8, 8\)"):
        export(fixed, tmp_path / "a", grid=(8, 8))


def test_nothing_is_replaced_unasked(model, tmp_path):
    (tmp_path / "a.onnx").write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True replaces it"):
        export(model, tmp_path / "a.onnx")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="without a SavedModel"):
        export(model, tmp_path / "folder", overwrite=True)


def test_a_missing_package(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ModelError, match=r"ONNX needs .*tf2onnx: pip install 'keras-wx\[export\]'"):
        export(model, tmp_path / "a.onnx")


@pytest.mark.parametrize(("name", "title"), [("a.onnx", "ONNX"), ("a.tflite", "LiteRT")])
def test_an_operation_that_the_format_does_not_know(unusual, tmp_path, name, title):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("ai_edge_litert")
    with pytest.raises(ModelError, match=rf"cannot be written as {title}: .*(?i:erfinv)"):
        export(unusual, tmp_path / name, grid=(4, 4))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_gives_something_else(model, tmp_path, monkeypatch):
    from keras_wx.inference.export import saved_model

    read = saved_model.reader

    def wrong(path):
        return lambda x: {k: y + np.float32(0.1) for k, y in read(path)(x).items()}

    monkeypatch.setattr(saved_model, "reader", wrong)
    with pytest.raises(ModelError, match=r"does not give what the model gives.*0\.1 of a range of"):
        export(model, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_the_model_is_left_as_it_was_and_a_file_can_be_replaced(tmp_path):
    import tensorflow as tf

    model = keras_wx.load("convlstm_hko", weights=None, dropout=0.2, **TINY)
    for _ in range(2):
        export(model, tmp_path / "a", overwrite=True, batch_size=1, grid=(4, 4))
    assert model.stochastic
    assert not tf.config.functions_run_eagerly()
    served = tf.saved_model.load(str(tmp_path / "a"))
    (given,) = served.signatures["serving_default"].structured_input_signature[1].values()
    assert given.shape == (1, 2, 4, 4, 1)


@pytest.mark.slow
def test_under_jax(tmp_path):
    code = (
        "import keras_wx\n"
        "from keras_wx.inference.export import export\n"
        f"model = keras_wx.load('convlstm_hko', weights=None, input_frames=2, filters=(2,))\n"
        f"export(model, {str(tmp_path / 'a.onnx')!r})\n"
    )
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert "ModelError" in done.stderr
    assert "KERAS_BACKEND=tensorflow" in done.stderr
