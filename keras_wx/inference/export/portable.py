"""What keeps a network out of a file, and how it is taken out of a copy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from keras_wx.inference.network import built_in

if TYPE_CHECKING:
    import keras


def portable(model: keras.Model) -> keras.Model:
    """A copy that any format can hold; the model itself is left as it is.

    It computes in float32, since no other precision is to be had everywhere. Dropout is off: a
    file has no seeds, and all members would be drawn alike. Loops of Keras' recurrent layers are
    written out, which LiteRT has no lists of tensors for.
    """
    import keras

    from keras_wx.layers import switch_dropout

    with built_in("float32"):
        copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    switch_dropout(copy, False)
    for layer in copy._flatten_layers():
        if isinstance(layer, keras.layers.RNN):
            layer.unroll = True
    return copy


@contextmanager
def inlined() -> Iterator[None]:
    """Functions inside of layers become part of the graph that is traced.

    `keras_wx.layers.convlstm.gates` is compiled by XLA, which ONNX has no word for and a server
    need not have. TensorFlow's switch makes such functions run as plain Python, here while tracing.
    """
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


@contextmanager
def quietly() -> Iterator[None]:
    """Nothing reaches standard error: the converters print whole graphs there, then raise."""
    stderr = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
