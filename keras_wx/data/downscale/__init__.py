"""Downscaling: fields on two grids that meet on the fine one, with statics and a calendar.

A dataset holds the fine variables on `(time, lat, lon)` or `(time, y, x)`, the coarse ones on
`(time, coarse_lat, coarse_lon)` or `(time, coarse_y, coarse_x)`, and what does not change on the
fine grid alone. Names load on first use: reading a dataset needs no Keras.
"""

from __future__ import annotations

import importlib

_HOMES = {
    "calendar_map": "calendar",
    "block_means": "coarsen",
    "Fields": "fields",
    "groups_of": "groups",
    "to_network": "numbers",
    "to_physical": "numbers",
    "Onto": "onto",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return __all__
