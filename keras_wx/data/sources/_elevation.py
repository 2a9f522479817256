"""Terrain on the grid of a dataset."""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np
import xarray as xr
from scipy.ndimage import uniform_filter

from keras_wx.data.downscale.onto import interpolated
from keras_wx.data.geometry import is_geographic, spatial_dims
from keras_wx.data.sources._files import PathLike, open_files
from keras_wx.data.units import conversion
from keras_wx.errors import DataError

Elevation = PathLike | Iterable[PathLike] | xr.DataArray | xr.Dataset

_NAMES = ("elevation", "surface_altitude", "orog", "orography", "topography", "z", "height", "hgt")
_STANDARD_NAMES = ("surface_altitude", "height_above_mean_sea_level", "height", "altitude")
_ATTRS = {"units": "m", "standard_name": "surface_altitude", "long_name": "elevation"}


def with_elevation(dataset: xr.Dataset, elevation: Elevation | None) -> xr.Dataset:
    """The dataset with a variable `elevation` in metres on the grid of its fine fields.

    Terrain that is much finer is averaged about each of its points first, over cells of about the
    size of the dataset's, and then interpolated linearly.

    Args:
        dataset: fine fields come first.
        elevation: file or field with coordinates like those of the dataset; None adds nothing.

    Raises:
        DataError: for terrain that cannot be read, is ambiguous, or does not cover the grid.
    """
    if elevation is None:
        return dataset
    fine = next(iter(dataset.data_vars.values()))
    terrain = _read(elevation)
    ydim, xdim = spatial_dims(terrain)
    terrain = terrain.squeeze([d for d in terrain.dims if d not in (ydim, xdim)], drop=True)
    terrain = _near(terrain.transpose(ydim, xdim), fine)
    units = str(terrain.attrs.get("units", "")).strip() or "m"
    factors = (1.0, 0.0) if units.startswith("m a") else conversion(units, "m")
    if factors is None:
        raise DataError(f"elevation: expected metres, received units {units!r}")
    terrain = terrain.astype("float32").fillna(0.0)  # charts leave out the sea
    ratio = min(
        _step(fine, there) / _step(terrain, here)
        for there, here in zip(fine.dims[-2:], terrain.dims, strict=True)
    )
    if ratio >= 2:
        # Means about every point, not of blocks: what the last block holds would be lost.
        width = int(ratio) // 2 * 2 + 1
        terrain = terrain.copy(data=uniform_filter(terrain.values, width, mode="nearest"))
    values = interpolated(terrain, fine, "bilinear") * factors[0] + factors[1]
    return dataset.assign(elevation=(fine.dims[-2:], values.values, _ATTRS))


def _read(elevation: Elevation) -> xr.DataArray:
    if isinstance(elevation, xr.DataArray):
        return elevation.rename(elevation.name or "elevation")
    if not isinstance(elevation, xr.Dataset):
        if not isinstance(elevation, (str, os.PathLike)):
            elevation = list(elevation)
        elevation = open_files(elevation)
    fields = {str(name): field for name, field in elevation.items() if field.ndim >= 2}
    for known in (
        [name for name in fields if fields[name].attrs.get("standard_name") in _STANDARD_NAMES],
        [name for name in fields if name.lower() in _NAMES],
        list(fields),
    ):
        if len(known) == 1:
            return fields[known[0]]
    raise DataError(
        "elevation: expected one field of terrain, named such as 'elevation'. Received "
        f"{sorted(fields) or 'none'}. A single one of them, dataset['name'], says which is meant."
    )


def _near(terrain: xr.DataArray, fine: xr.DataArray) -> xr.DataArray:
    """The part of the terrain about the grid, so that a chart of the world is not read whole."""
    for there, here in zip(fine.dims[-2:], terrain.dims, strict=True):
        if here not in terrain.coords or there not in fine.coords:
            continue
        values, wanted = terrain[here].values, fine[there].values
        if is_geographic(terrain, terrain.dims[0]) and here == terrain.dims[-1]:
            middle = (wanted[0] + wanted[-1]) / 2
            values = middle + (values - middle + 180.0) % 360.0 - 180.0
        elif not is_geographic(terrain, terrain.dims[0]):
            continue
        margin = 2 * max(_step(fine, there), _step(terrain, here))
        inside = (values >= wanted.min() - margin) & (values <= wanted.max() + margin)
        if inside.any():
            terrain = terrain.isel({here: np.flatnonzero(inside)[np.argsort(values[inside])]})
            terrain = terrain.assign_coords(
                {here: (here, np.sort(values[inside]), terrain[here].attrs)}
            )
    return terrain


def _step(field: xr.DataArray, dim: str) -> float:
    values = field[dim].values.astype("float64")
    return float(abs(values[-1] - values[0])) / max(1, values.size - 1)
