"""Files that a command writes: refused before the work or there after it, never by halves."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from keras_wx.errors import DataError

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
    """Runs `keras_wx.predict` into a Zarr store or NetCDF file, in bounded memory.

    Args:
        path: of the file or store.
        model, dataset: as `keras_wx.predict` takes them.
        summary: of `keras_wx.summarise`, to write what it gives in place of the members; or, of a
            model that gives distributions, what `keras_wx.predict` says of them.
        options: of `keras_wx.predict`.

    Returns:
        The forecast with its coordinates; its fields are in the file.
    """
    import xarray as xr

    from keras_wx import predict, summarise

    if summary is not None and options["members"] < 2:  # it gives distributions
        options, summary = options | summary, None
    # predict writes into a store only: other files are made of it.
    with _store_for(path, resumable=model.preset.sample.is_downscaling) as store:
        forecast = predict(model, dataset, path=store, **options)
        if path.suffix in ZARR and summary is None:
            _consolidate(store)
            with replacing(path) as new:
                os.rename(store, new)
            return forecast
        forecast = xr.open_zarr(store, chunks={}, consolidated=False, decode_timedelta=True)
        if summary is not None:
            forecast = summarise(forecast, **summary)
        if path.suffix in ZARR:
            with replacing(path) as new:
                forecast.drop_encoding().to_zarr(new, consolidated=False)
                _consolidate(new)
        else:
            write_netcdf(forecast, path)
    return forecast


@contextmanager
def _store_for(path: Path, *, resumable: bool) -> Iterator[Path]:
    """A store beside `path` to forecast into, which is gone when all went well.

    Of a resumable run it always has the same name: what `keras_wx.predict` has made of it when it
    is stopped stays, and the next run goes on with that. A store that is whole stays too when the
    file could not be made of it, as on a full disk.

    Raises:
        DataError: such a store is there, of which call nobody knows.
    """
    if not resumable:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as scratch:
            yield Path(scratch) / "forecast.zarr"
        return
    from keras_wx.inference.downscale.results import discard_if_empty

    store = path.with_name(f".{path.name}.unfinished.zarr")
    if store.exists():
        raise DataError(
            f"{store} holds all fields of an earlier call, which could not be written to its "
            "output. xarray.open_zarr reads it. Move or remove it."
        )
    try:
        yield store
    except DataError as error:  # of a path that is none of the user's
        raise DataError(str(error).removeprefix("path: ")) from error
    except BaseException:
        if store.exists():
            typer.echo(f"All fields are drawn, and stay in {store}.", err=True)
        raise
    else:
        shutil.rmtree(store, ignore_errors=True)
    finally:
        discard_if_empty(store)


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
