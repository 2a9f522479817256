"""Opens NetCDF files and Zarr stores, or says which one cannot be read and what to do."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import xarray as xr

from keras_wx.errors import DataError

PathLike = str | os.PathLike
_SUFFIXES = (".nc", ".nc4", ".netcdf", ".h5", ".hdf5", ".zarr")
_PACKING = ("dtype", "scale_factor", "add_offset", "_FillValue", "missing_value")


def open_files(
    path: PathLike | Iterable[PathLike],
    *,
    chunks=None,
    engine: str | None = None,
    decode: Callable[[xr.Dataset], xr.Dataset] = xr.decode_cf,
) -> xr.Dataset:
    """Opens one file, or several joined along `time`; no field is read.

    Args:
        path: a NetCDF file, a Zarr store, a folder of them, a pattern such as `"2016*.nc"`, or a
            list of files in any order.
        chunks: sizes of dask chunks, as in `xarray.open_dataset`; None reads a single file without
            dask.
        engine: as in `xarray.open_dataset`; None recognises the format.
        decode: makes physical fields of one file's undecoded ones.

    Raises:
        DataError: naming the file that is missing, cut off or in no known format, or files that do
            not belong together.
    """
    paths = expand(path)
    if len(paths) == 1:
        return _open(paths[0], chunks, engine, decode)
    parts = [_open(name, {} if chunks is None else chunks, engine, decode) for name in paths]
    for name, part in zip(paths, parts, strict=True):
        if "time" not in part.dims or "time" not in part.coords:
            raise DataError(f"{name}: expected times to join files along. Found none.")
    # A file that was opened for writing and never written to has no time to sort by.
    parts = [part for part in parts if part.sizes["time"]] or parts[:1]
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
            "product on one grid."
        ) from error
    for name, variable in joined.variables.items():
        # xarray keeps the packing of the first file, which is not true of one packed otherwise.
        if any(_packing(part[name]) != _packing(parts[0][name]) for part in parts):
            variable.encoding = {}
    return joined


def _packing(variable: xr.DataArray) -> list[str]:
    return [str(variable.encoding.get(key)) for key in _PACKING]


def expand(path: PathLike | Iterable[PathLike], suffixes: tuple[str, ...] = _SUFFIXES) -> list[str]:
    """The files and stores that a file, folder, pattern or list of them means.

    Args:
        path: what the user gave.
        suffixes: how the names end that are taken from a folder.

    Raises:
        DataError: none is there.
    """
    if not isinstance(path, (str, os.PathLike)):
        paths = [name for part in path for name in expand(part, suffixes)]
        if not paths:
            raise DataError("Expected at least one file. Received an empty list.")
        return paths
    name = os.path.expanduser(os.fspath(path))
    if "://" in name or os.path.isfile(name) or is_store(name):
        return [name]
    if os.path.isdir(name):
        found = sorted(str(p) for p in Path(name).iterdir() if p.name.lower().endswith(suffixes))
        if not found:
            raise DataError(
                f"{name}: expected a Zarr store, or a folder with files named "
                f"*{', *'.join(suffixes)}. Found neither."
            )
        return found
    found = sorted(glob.glob(name))
    if not found:
        raise DataError(
            f"No such file: {name!r}, looked for from {os.getcwd()}. path= takes a file, a folder, "
            "a pattern or a list of files."
        )
    return found


def is_store(name: str) -> bool:
    """Whether a folder is a Zarr store."""
    return any((Path(name) / mark).exists() for mark in ("zarr.json", ".zgroup", ".zmetadata"))


def _open(name: str, chunks, engine: str | None, decode) -> xr.Dataset:
    if engine is None and (is_store(name) or name.rstrip("/").endswith(".zarr")):
        engine = "zarr"
    try:
        with warnings.catch_warnings():
            # Slower to open is no news that a user can act on.
            warnings.filterwarnings("ignore", "Failed to open Zarr store with consolidated")
            raw = xr.open_dataset(name, engine=engine, chunks=chunks, decode_cf=False)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        size = f" ({os.path.getsize(name):,} bytes)" if os.path.isfile(name) else ""
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        if reason.startswith("did not find a match"):  # and goes on with advice on engines
            reason = "its content is of no format that xarray reads"
        raise DataError(
            f"Cannot read {name}{size}: {reason}. The file is cut off, damaged, or neither NetCDF "
            "nor Zarr. Copy or download it again and compare its size with the original's."
        ) from error
    try:
        return decode(raw)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"Cannot decode {name}: {error}") from error
