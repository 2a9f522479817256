"""Curtains: height x time, with a blind zone at the bottom that a model fills in.

Reflectivity is in dBZ, -60 or less where there is no echo, and NaN where nothing is measured, as
below `blind_zone_top`; heights ascend in metres above the surface. Names load on first use: reading
a dataset needs no Keras.
"""

from __future__ import annotations

import importlib

_HOMES = {
    "blind_rows": "mask",
    "mask_of": "mask",
    "soft_mask": "mask",
    "gate_values": "gates",
    "decorrelation_time": "decorrelation",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return __all__
