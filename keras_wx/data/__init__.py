"""From archives to samples: data sources, windows, splits and batches for `fit`.

Other names load on first use: reading a dataset needs no Keras.
"""

from __future__ import annotations

import importlib

# At once: its module has the same name, and would take its place at the first import of it.
from keras_wx.data.conform import conform as conform

_HOMES = {
    "domain_similarity": "similarity",
    "fit_statistics": "statistics",
    "init_indices": "windows",
    "list_datasets": "datasets",
    "open_dataset": "datasets",
    "split_periods": "splits",
    "training_statistics": "statistics",
    "FrameStore": "frames",
    "Samples": "pydataset",
}

_MODULES = ("curtain", "downscale", "hko_2015")

__all__ = sorted(["conform", *_HOMES, *_MODULES])


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return __all__
