"""A forecast as a dataset, in memory or block by block in a Zarr store."""

from __future__ import annotations

import math
import os
import shutil
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from filelock import FileLock, Timeout

from keras_wx import __version__
from keras_wx.errors import DataError
from keras_wx.spec import Preset

LARGE_BYTES = 4 * 2**30
"""Size of a forecast in memory from which a warning names `path=`."""

CHUNK_BYTES = 64 * 2**20

Block = tuple[slice, dict[str, np.ndarray]]
"""Which part along the outline's `along`, and the values of each variable with its dims."""

_KEPT_ATTRS = (
    *("source", "institution", "license", "attribution", "citation", "doi"),
    *("projection", "proj_string"),
)


@dataclass(frozen=True)
class Outline:
    """Everything of a forecast but its values.

    Attributes:
        along: the dim along which blocks follow each other.
        sizes: of all dims; a grid without coordinates is not among `coords`.
        coords: coordinates of the forecast.
        variables: name -> dims, attributes.
        attrs: global attributes.
        auxiliary: those of the variables that are coordinates.
    """

    along: str
    sizes: dict[str, int]
    coords: xr.Dataset
    variables: dict[str, tuple[tuple[str, ...], dict]]
    attrs: dict
    auxiliary: tuple[str, ...] = ()

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a variable."""
        return tuple(self.sizes[dim] for dim in self.variables[name][0])

    def index(self, name: str, part: slice) -> tuple[slice, ...]:
        """The index of a block in the array of a variable."""
        return (slice(None),) * self.variables[name][0].index(self.along) + (part,)

    def dataset(self, arrays: dict) -> xr.Dataset:
        data = {name: (dims, arrays[name], attrs) for name, (dims, attrs) in self.variables.items()}
        return xr.Dataset(data, self.coords.coords, self.attrs).set_coords(self.auxiliary)


def outline(
    preset: Preset,
    dataset: xr.Dataset,
    grid: xr.DataArray,
    init_times: np.ndarray,
    lead_times: np.ndarray,
    members: int,
) -> Outline:
    """Coordinates and attributes of a forecast, by the CF conventions.

    Args:
        preset: of the model.
        dataset: what the user gave.
        grid: a field on the grid of the forecast, dims `(..., y, x)`.
        init_times: datetime64, when the forecasts start.
        lead_times: timedelta64.
        members: of the ensemble; 1 gives no dim `realization`.
    """
    horizontal = grid.dims[-2:]
    coords = {name: c.variable for name, c in grid.coords.items() if set(c.dims) <= set(horizontal)}
    coords |= {
        "init_time": ("init_time", init_times, {"standard_name": "forecast_reference_time"}),
        "lead_time": ("lead_time", lead_times, {"standard_name": "forecast_period"}),
        "valid_time": (
            ("init_time", "lead_time"),
            np.add.outer(init_times, lead_times),
            {"standard_name": "time"},
        ),
    }
    sizes = {"init_time": len(init_times), "lead_time": len(lead_times)}
    sizes |= dict(zip(horizontal, grid.shape[-2:], strict=True))
    if members > 1:
        sizes = {"realization": members, **sizes}
        coords["realization"] = realizations(members)
    variables, mappings = described_targets(preset, dataset, tuple(sizes))
    coords |= mappings
    attrs = attributes(preset, dataset, f"Forecast of {', '.join(variables)}")
    return Outline("init_time", sizes, xr.Dataset(coords=coords), variables, attrs)


def described_targets(
    preset: Preset, dataset: xr.Dataset, dims: tuple[str, ...]
) -> tuple[dict[str, tuple], dict[str, xr.Variable]]:
    """Dims and attributes of each target, and the grid mappings that these name."""
    variables, mappings = {}, {}
    for target in preset.sample.targets:
        known = dataset[target.name].attrs if target.name in dataset else {}
        kept = {k: known[k] for k in ("standard_name", "long_name", "grid_mapping") if k in known}
        variables[target.name] = dims, {"units": target.units, **kept}
        if kept.get("grid_mapping") in dataset.variables:
            mappings[kept["grid_mapping"]] = dataset.variables[kept["grid_mapping"]]
    return variables, mappings


def realizations(members: int) -> tuple:
    """The coordinate of an ensemble."""
    attrs = {"standard_name": "realization", "units": "1"}
    return "realization", np.arange(members), attrs


def attributes(preset: Preset, dataset: xr.Dataset, what: str) -> dict[str, str]:
    """Global attributes: what it is, of which model, and whose data it was made from."""
    attrs = {
        "Conventions": "CF-1.11",
        "title": f"{what} by {preset.full_name}",
        "model": preset.full_name,
        "software": f"keras_wx {__version__}",
    }
    return attrs | {name: dataset.attrs[name] for name in _KEPT_ATTRS if name in dataset.attrs}


def in_memory(outline: Outline, blocks: Iterable[Block]) -> xr.Dataset:
    """Collects blocks in one array a variable."""
    arrays = empty_arrays(outline)
    for part, values in blocks:
        for name, block in values.items():
            arrays[name][outline.index(name, part)] = block
    return outline.dataset(arrays)


def empty_arrays(outline: Outline) -> dict[str, np.ndarray]:
    """An array in memory for each variable, with a warning where they are large."""
    size = 4 * sum(math.prod(outline.shape(name)) for name in outline.variables)
    if size > LARGE_BYTES:
        warnings.warn(
            f"The forecast takes {size / 2**30:.1f} GiB of memory. "
            "predict(..., path='forecast.zarr') writes it block by block instead.",
            stacklevel=4,
        )
    return {name: np.empty(outline.shape(name), np.float32) for name in outline.variables}


def in_zarr(outline: Outline, blocks: Iterable[Block], path: Path, *, together: int) -> xr.Dataset:
    """Writes blocks into a Zarr store, which appears under its name once it is complete.

    Args:
        outline: of the forecast.
        blocks: as they are computed.
        path: of the store, see `writable`.
        together: size of a chunk along `outline.along`: that of the blocks, where they have one.
    """
    import dask.array
    import zarr

    def empty(name: str) -> dask.array.Array:
        dims, shape = outline.variables[name][0], outline.shape(name)
        most = {outline.along: together, "lead_time": CHUNK_BYTES // (4 * math.prod(shape[-2:]))}
        most |= dict.fromkeys(("realization", "quantile", "threshold"), 1)
        chunks = [min(n, max(1, most.get(dim, n))) for dim, n in zip(dims, shape, strict=True)]
        return dask.array.empty(shape, chunks=chunks, dtype=np.float32)

    template = outline.dataset({name: empty(name) for name in outline.variables})
    with _unfinished(path) as partial:
        template.to_zarr(partial, mode="w", compute=False, consolidated=False)
        store = zarr.open_group(partial, mode="r+")
        for part, values in blocks:
            for name, block in values.items():
                store[name][outline.index(name, part)] = block
        os.rename(partial, path)
    return xr.open_zarr(path, chunks=None, consolidated=False, decode_timedelta=True)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Refuses a second process that writes the same store; the lock dies with its process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise DataError(f"path: another process is writing {path}. Choose another name.") from None
    try:
        yield
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """Where a store is until it is complete, and gone afterwards. What a process that was killed
    has left there is removed."""
    partial = path.with_name(f".{path.name}.partial")
    with alone(path):
        shutil.rmtree(partial, ignore_errors=True)
        try:
            yield partial
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def writable(path: str | os.PathLike) -> Path:
    """The path of a store that can be written, or an error before anything is computed."""
    path = Path(path).expanduser()
    if path.suffix != ".zarr":
        raise DataError(
            "path: expected a Zarr store, named *.zarr. "
            f"predict(...).to_netcdf(...) writes NetCDF. Received: {str(path)!r}"
        )
    if path.exists():
        raise DataError(f"path: {path} exists already. Remove it, or choose another name.")
    return path
