"""Files that a command writes: refused before the work or there after it, never by halves."""

from __future__ import annotations

import errno
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import xarray as xr

NETCDF = (".nc", ".nc4", ".netcdf")
ZARR = (".zarr",)
PICTURES = (".png", ".pdf", ".svg")
_STORE_MARKS = ("zarr.json", ".zgroup", ".zmetadata")


def check_output(
    path: Path | None, suffixes: Sequence[str], option: str, *, overwrite: bool
) -> None:
    """Refuses before the work what could not be written after it. None passes.

    Args:
        path: of the file or store.
        suffixes: the endings that say a format.
        option: what the command calls the path.
        overwrite: whether something may be there already.

    Raises:
        typer.BadParameter: another suffix.
        OSError: no such folder, or something there that is not to be replaced.
    """
    if path is None:
        return
    if path.suffix not in suffixes:
        raise typer.BadParameter(
            f"expected a name that ends in {' or '.join(suffixes)}. Received: {str(path)!r}",
            param_hint=option,
        )
    if not path.parent.is_dir():
        raise _error(errno.ENOENT, "There is no such folder to write to", path.parent)
    if not os.access(path.parent, os.W_OK):
        raise _error(errno.EACCES, "No permission to write to this folder", path.parent)
    if path.exists() and not overwrite:
        raise _error(errno.EEXIST, "This exists already, and --overwrite replaces it", path)
    is_store = any((path / mark).exists() for mark in _STORE_MARKS)
    if path.is_dir() and not (is_store and path.suffix in ZARR):
        raise _error(errno.EISDIR, "A folder is in the place of the output", path)


def check_folder(path: Path) -> None:
    """Refuses before the work a folder that could not be made after it.

    Raises:
        OSError: something else is in its place or above it, or nothing may be written there.
    """
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not there.is_dir():
        raise _error(errno.ENOTDIR, "This is no folder", there)
    if not os.access(there, os.W_OK):
        raise _error(errno.EACCES, "No permission to write to this folder", there)


def _error(number: int, message: str, path: Path) -> OSError:
    return OSError(number, message, str(path))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a path to write to, and moves what was written to `path` when all went well.

    It is in a scratch folder beside `path`, so that the move is a rename.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as scratch:
        new = Path(scratch) / path.name
        yield new
        if path.is_dir():  # a folder is not replaced in one step: out of the way first
            os.replace(path, Path(scratch) / "old")
        os.replace(new, path)


def write_forecast(
    path: Path,
    model,
    dataset: xr.Dataset,
    *,
    summary: dict[str, Sequence[float]] | None = None,
    **options,
) -> xr.Dataset:
    """Runs `keras_wx.predict` into a Zarr store or NetCDF file: of forecasts, in bounded memory.

    Args:
        path: of the file or store.
        model, dataset: as `keras_wx.predict` takes them.
        summary: of `keras_wx.summarise`, to write what it gives in place of the members.
        options: of `keras_wx.predict`.

    Returns:
        The forecast with its coordinates; its fields are in the file.
    """
    import xarray as xr

    from keras_wx import predict, summarise

    is_curtain = model.preset.sample.is_curtain
    if path.suffix in ZARR and summary is None and not is_curtain:
        with replacing(path) as new:
            forecast = predict(model, dataset, path=new, **options)
            _consolidate(new)
        return forecast
    # predict streams into a store only, and curtains not at all: other files are made of these.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as scratch:
        if is_curtain:
            forecast = predict(model, dataset, **options).drop_encoding()
        else:
            store = Path(scratch) / "forecast.zarr"
            predict(model, dataset, path=store, **options)
            forecast = xr.open_zarr(store, chunks={}, consolidated=False)
        if summary is not None:
            forecast = summarise(forecast, **summary)
        if path.suffix in ZARR:
            with replacing(path) as new:
                forecast.drop_encoding().to_zarr(new, consolidated=False)
                _consolidate(new)
        else:
            write_netcdf(forecast, path)
    return forecast


def _consolidate(store: Path) -> None:
    """xarray opens a store without it, but warns; zarr warns of the reverse."""
    import zarr

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(store)


def write_netcdf(dataset: xr.Dataset, path: Path) -> None:
    """Writes compressed NetCDF-4 that any CF reader understands; lazy data chunk by chunk."""
    encoding = {name: {"zlib": True, "complevel": 4, "shuffle": True} for name in dataset.data_vars}
    for name, coordinate in dataset.coords.items():
        encoding[name] = {"_FillValue": None}
        if coordinate.dtype.kind == "M":
            encoding[name] |= {"units": "seconds since 1970-01-01", "dtype": "float64"}
        elif coordinate.dtype.kind == "m":
            encoding[name] |= {"units": "minutes", "dtype": "float64"}
    with replacing(path) as new:
        dataset.to_netcdf(new, engine="h5netcdf", encoding=encoding)
