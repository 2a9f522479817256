"""LiteRT (TensorFlow Lite): one file for phones and small computers."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from keras_wx.inference.export.physical import Physical
from keras_wx.inference.export.record import RECORD_FILE


def write(physical: Physical, path: Path, record: str) -> None:
    import tensorflow as tf

    physical.model.export(
        path,
        format="litert",
        input_signature=physical.signature,
        verbose=False,
        # Without TensorFlow's own operators, which no plain interpreter has.
        target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]},
    )
    # Files that go with a LiteRT model are a zip archive at its end, by the format's convention.
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(RECORD_FILE, record)


def reader(path: Path) -> Callable[[dict], dict]:
    """A function from arrays by name to arrays by name."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(str(path)).get_signature_runner()
    return lambda x: run(**x)
