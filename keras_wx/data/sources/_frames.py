"""Archives with one file a frame, in formats of their own: joined along time, read when used."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import dask.array as da
import numpy as np
import xarray as xr

from keras_wx.data.sources._files import PathLike, expand
from keras_wx.data.sources._latlon_grid import LatLonGrid
from keras_wx.data.sources._projected_grid import ProjectedGrid
from keras_wx.errors import DataError

_ATTRS = {
    "reflectivity": {"units": "dBZ", "standard_name": "equivalent_reflectivity_factor"},
    "rain_rate": {"units": "mm h-1", "standard_name": "rainfall_rate"},
}
_DAMAGE = (OSError, EOFError, RuntimeError, KeyError, ValueError, zlib.error)


@dataclass(frozen=True)
class Header:
    """What one file says about its frame."""

    time: np.datetime64
    quantity: Literal["reflectivity", "rain_rate"]
    product: str
    """Frames of two products do not make one sequence."""
    grid: ProjectedGrid | LatLonGrid


def find_frames(path: PathLike | Iterable[PathLike], suffixes: tuple[str, ...]) -> list[str]:
    """The files that are meant, as for NetCDF, but with other names in a folder.

    Args:
        path: a file, a folder, a pattern, or a list of them.
        suffixes: how the names of a folder's files end.

    Raises:
        DataError: when there is none.
    """
    return expand(path, (*suffixes, ".zarr"))


def first_bytes(path: str, count: int = 4096) -> bytes:
    """The beginning of a file, unpacked if it is packed; nothing of what is no file."""
    if not Path(path).is_file():
        return b""
    try:
        with unpacked(path) as file:
            return file.read(count)
    except _DAMAGE:
        return b""


def unpacked(path: str):
    """Opens a file, or what is inside of a gzip or bzip2 file."""
    with open(path, "rb") as file:
        magic = file.read(3)
    if magic[:2] == b"\x1f\x8b":
        return gzip.open(path)
    if magic == b"BZh":
        return bz2.open(path)
    return open(path, "rb")


def open_frames(
    paths: list[str],
    read_header: Callable[[str], Header],
    read_values: Callable[[str], np.ndarray],
    attrs: dict[str, str],
) -> xr.Dataset:
    """Joins files of one frame each along time. Headers are read now, fields when they are used.

    Args:
        paths: files in any order.
        read_header: what a file says about its frame.
        read_values: its field in dBZ or mm/h, NaN where missing, shape `(y, x)` or `(lat, lon)`.
        attrs: attributes of the dataset.

    Raises:
        DataError: naming the file that is damaged, or two that do not belong together.
    """
    headers = [_guarded(read_header, path) for path in paths]
    first = headers[0]
    for path, header in zip(paths, headers, strict=True):
        if (header.product, header.quantity) != (first.product, first.quantity):
            raise DataError(
                f"{path} holds {header.product!r}, {paths[0]} holds {first.product!r}. Open files "
                "of one product."
            )
        if not first.grid.same_as(header.grid):
            raise DataError(
                f"{path} has a grid of {header.grid}, {paths[0]} one of {first.grid}. Open files "
                "of one product on one grid."
            )
    times = np.array([header.time for header in headers], "datetime64[ns]")
    order = np.argsort(times, kind="stable")
    names = np.array(paths, dtype=object)[order]
    field = da.map_blocks(
        partial(_read_block, read_values=read_values, shape=first.grid.shape),
        da.from_array(names, chunks=1),
        dtype="float32",
        chunks=((1,) * len(names), *((size,) for size in first.grid.shape)),
        new_axis=[1, 2],
        meta=np.empty((0, 0, 0), "float32"),
    )
    field_attrs = _ATTRS[first.quantity] | {"long_name": first.product}
    return xr.Dataset(
        {first.quantity: (("time", *first.grid.dims), field, field_attrs)},
        coords={"time": times[order], **first.grid.coordinates()},
        attrs=first.grid.attrs | attrs,
    )


def _read_block(names: np.ndarray, *, read_values, shape: tuple[int, int]) -> np.ndarray:
    frames = [_guarded(read_values, name) for name in names]
    for name, frame in zip(names, frames, strict=True):
        if frame.shape != shape:
            raise DataError(f"{name}: expected {shape} values, received {frame.shape}.")
    return np.stack(frames).astype("float32", copy=False)


def _guarded(read: Callable[[str], object], path: str):
    try:
        return read(path)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except _DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"Cannot read {path} ({Path(path).stat().st_size:,} bytes): {reason}. The file is cut "
            "off, damaged, or of another product. Copy or download it again and compare its size "
            "with the original's."
        ) from error
