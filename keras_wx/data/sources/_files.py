"""Opens NetCDF files and Zarr stores, or says which one cannot be read and what to do."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

import xarray as xr

from keras_wx.errors import DataError

PathLike = str | os.PathLike
_SUFFIXES = (".nc", ".nc4", ".netcdf", ".h5", ".hdf5", ".zarr")


def open_files(
    path: PathLike | Iterable[PathLike], *, chunks=None, engine: str | None = None
) -> xr.Dataset:
    """Opens one file, or several joined along `time`; nothing but metadata is read.

    Args:
        path: a NetCDF file, a Zarr store, a folder of them, a pattern such as `"2016*.nc"`, or a
            list of files in any order.
        chunks: as in `xarray.open_dataset`: sizes of dask chunks, or None for xarray's own lazy
            reading of a single file.
        engine: as in `xarray.open_dataset`; None recognises the format.

    Raises:
        DataError: naming the file that is missing, cut off or in no known format.
    """
    paths = _expand(path)
    if len(paths) == 1:
        return _open(paths[0], chunks, engine)
    parts = [_open(p, {} if chunks is None else chunks, engine) for p in paths]
    for part, name in zip(parts, paths, strict=True):
        if "time" not in part.dims:
            raise DataError(f"{name}: expected a dimension 'time' to join files along, found none.")
    parts.sort(key=lambda part: part["time"].values[0])
    try:
        joined = xr.concat(
            parts,
            dim="time",
            data_vars="minimal",
            coords="minimal",
            compat="override",
            join="exact",
            combine_attrs="override",
        )
    except ValueError as error:
        raise DataError(
            f"The {len(paths)} files do not fit together along time: {error}. Open files of one "
            "grid and one product at a time."
        ) from error
    for name, variable in joined.variables.items():
        # The packing of the first file is no truth about others that are packed differently.
        if any(_packing(part[name]) != _packing(parts[0][name]) for part in parts):
            variable.encoding = {}
    return joined


def _packing(variable) -> tuple:
    keys = ("dtype", "scale_factor", "add_offset", "_FillValue", "missing_value")
    return tuple(str(variable.encoding.get(key)) for key in keys)


def _expand(path: PathLike | Iterable[PathLike]) -> list[str]:
    if not isinstance(path, (str, os.PathLike)):
        paths = [name for part in path for name in _expand(part)]
        if not paths:
            raise DataError("Expected at least one file, received an empty list.")
        return paths
    name = os.path.expanduser(os.fspath(path))
    if "://" in name or _is_store(Path(name)) or os.path.isfile(name):
        return [name]
    if os.path.isdir(name):
        found = sorted(str(p) for p in Path(name).iterdir() if p.suffix.lower() in _SUFFIXES)
        if not found:
            raise DataError(
                f"{name}: expected a Zarr store, or a folder with files named "
                f"*{', *'.join(_SUFFIXES)}. Found neither."
            )
        return found
    found = sorted(glob.glob(name))
    if not found:
        raise DataError(
            f"No such file: {name} (looked from {os.getcwd()}). Check the path= option."
        )
    return found


def _is_store(path: Path) -> bool:
    return any((path / mark).exists() for mark in ("zarr.json", ".zgroup", ".zmetadata"))


def _open(name: str, chunks, engine: str | None) -> xr.Dataset:
    if engine is None and (_is_store(Path(name)) or name.rstrip("/").endswith(".zarr")):
        engine = "zarr"
    try:
        return xr.open_dataset(name, engine=engine, chunks=chunks)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        size = f", {os.path.getsize(name):,} bytes" if os.path.isfile(name) else ""
        raise DataError(
            f"Cannot read {name}{size}: {_first_line(error)}. It is cut off, damaged, or no NetCDF "
            "or Zarr: copy or download it again, and compare its size with the original's."
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
