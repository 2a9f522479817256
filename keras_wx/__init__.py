"""keras_wx: a Keras 3 model zoo for weather fields.

Public names load on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_FUNCTIONS = {
    "list_models": "keras_wx.zoo.presets",
    "info": "keras_wx.zoo.presets",
    "load": "keras_wx.zoo.loading",
    "save": "keras_wx.zoo.loading",
    "fetch": "keras_wx.zoo.weights",
    "list_datasets": "keras_wx.data.datasets",
    "open_dataset": "keras_wx.data.datasets",
    "samples": "keras_wx.data.samples",
    "predict": "keras_wx.inference.predict",
    "summarise": "keras_wx.inference.summary",
    "export": "keras_wx.inference.export",
    "verify": "keras_wx.verification.verify",
    "train": "keras_wx.training.train",
    "tune": "keras_wx.tuning.tune",
    "register_model": "keras_wx.registry",
    "register_dataset": "keras_wx.registry",
}
_MODULES = (
    "baselines",
    "data",
    "diffusion",
    "errors",
    "explain",
    "inference",
    "layers",
    "losses",
    "metrics",
    "models",
    "plots",
    "registry",
    "spec",
    "training",
    "transforms",
    "tuning",
    "verification",
    "zoo",
)

__all__ = sorted([*_FUNCTIONS, *_MODULES, "__version__"])

if TYPE_CHECKING:
    from keras_wx.data.datasets import list_datasets as list_datasets
    from keras_wx.data.datasets import open_dataset as open_dataset
    from keras_wx.data.samples import samples as samples
    from keras_wx.inference.export import export as export
    from keras_wx.inference.predict import predict as predict
    from keras_wx.inference.summary import summarise as summarise
    from keras_wx.registry import register_dataset as register_dataset
    from keras_wx.registry import register_model as register_model
    from keras_wx.training.train import train as train
    from keras_wx.tuning.tune import tune as tune
    from keras_wx.verification.verify import verify as verify
    from keras_wx.zoo.loading import load as load
    from keras_wx.zoo.loading import save as save
    from keras_wx.zoo.presets import info as info
    from keras_wx.zoo.presets import list_models as list_models
    from keras_wx.zoo.weights import fetch as fetch


def __getattr__(name: str):
    if name in _FUNCTIONS:
        value = getattr(importlib.import_module(_FUNCTIONS[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"keras_wx.{name}")
    else:
        raise AttributeError(f"module 'keras_wx' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return __all__
