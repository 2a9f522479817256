"""TensorFlow SavedModel: a folder that TensorFlow Serving serves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from keras_wx.inference.export.physical import Physical
from keras_wx.inference.export.record import RECORD_FILE


def write(physical: Physical, path: Path, record: str) -> None:
    import keras

    # Keras' own model.export also tracks the model, and so writes every weight twice.
    archive = keras.export.ExportArchive()
    archive.add_endpoint("serve", physical.model.__call__, input_signature=physical.signature)
    archive.write_out(path, verbose=False)
    # TensorFlow's place for files that belong to a model and not to its graph.
    extra = path / "assets.extra"
    extra.mkdir()
    (extra / RECORD_FILE).write_text(record, encoding="utf-8")


def reader(path: Path) -> Callable[[dict], dict]:
    """A function from arrays by name to arrays by name."""
    import tensorflow as tf

    served = tf.saved_model.load(path)

    def run(x: dict) -> dict:
        y = served.signatures["serving_default"](**{k: tf.constant(v) for k, v in x.items()})
        return {name: value.numpy() for name, value in y.items()}

    return run
