"""What HDF5 files of the weather services have in common."""

from __future__ import annotations

from typing import Literal

import h5py
import numpy as np

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def layout(path: str, head: bytes) -> Literal["odim", "knmi"] | None:
    """Which layout an HDF5 file has; None for others, NetCDF among them.

    Args:
        path: a file.
        head: how it begins.
    """
    if not head.startswith(SIGNATURE):
        return None
    try:
        with h5py.File(path) as file:
            if text(file.attrs.get("Conventions", "")).startswith("ODIM_H5"):
                return "odim"
            return "knmi" if {"image1", "geographic", "overview"} <= set(file) else None
    except OSError:  # cut off: the reader that comes next says so
        return None


def text(value) -> str:
    """An attribute that is a string, however it was stored."""
    value = np.ravel(value)[0]
    return (value.decode() if isinstance(value, bytes) else str(value)).strip("\x00 ")


def number(value) -> float:
    """An attribute that is a number, or an array with one."""
    return float(np.ravel(value)[0])
