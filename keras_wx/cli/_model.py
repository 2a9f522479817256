"""Loads a model without the announcements of TensorFlow's libraries."""

from __future__ import annotations

import os

QUIET = "3"
"""Of TF_CPP_MIN_LOG_LEVEL: neither information nor warnings nor errors."""


def load_model(name: str, **overrides):
    """What `keras_wx.load` gives, not compiled for training."""
    from keras_wx.zoo import presets

    presets.get(name)  # a wrong name is told at once, not after the seconds that Keras takes
    import_keras()
    from keras_wx.zoo.loading import load

    return load(name, compile=False, **overrides)


def import_keras() -> None:
    """Imports Keras and its backend; later imports find them.

    While they are loaded, TensorFlow's libraries write to file descriptor 2 whatever the log level
    says, about instruction sets and GPUs. It leads nowhere meanwhile, unless the user asked for
    the log by another TF_CPP_MIN_LOG_LEVEL. Exceptions are not concerned.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", QUIET) != QUIET:
        return
    stderr = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        import keras  # noqa: F401
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
