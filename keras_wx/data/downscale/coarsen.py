"""A coarse partner of a fine field: means over blocks of cells that conserve what they average."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.data.additive import deferred, from_additive, to_additive
from keras_wx.data.geometry import is_geographic
from keras_wx.data.regrid import MIN_VALID
from keras_wx.errors import DataError


def block_means(field: xr.DataArray, factor: int) -> xr.DataArray:
    """Means over `factor` x `factor` cells, weighted by their area on the sphere.

    Missing cells carry no weight, and a block of which less than half is valid is missing. dBZ is
    averaged as the reflectivity factor. Rows and columns at the end that fill no block are left
    out.

    Args:
        field: dims `(..., y, x)`, evenly spaced.
        factor: cells of a block along each axis.

    Returns:
        float32, lazy where `field` is, each coordinate in the middle of its block.

    Raises:
        DataError: for a field smaller than one block, and a factor that is no whole number.
    """
    ydim, xdim = field.dims[-2:]
    least = min(field.shape[-2:])
    if not isinstance(factor, (int, np.integer)) or not 1 <= factor <= least:
        raise DataError(
            f"factor: expected one from 1 to {least}, the smaller side of the grid, and a whole "
            f"number. Received: factor={factor!r}"
        )
    rows, columns = (field.sizes[dim] // factor for dim in (ydim, xdim))
    field = field.isel({ydim: slice(rows * factor), xdim: slice(columns * factor)})
    weights = np.ones(rows * factor)
    if is_geographic(field, ydim):
        # Cells between the same meridians: the difference of sines, sin(a + h) - sin(a - h),
        # is 2 sin(h) cos(a), and the same h for all.
        weights = np.cos(np.deg2rad(field[ydim].values.astype("float64")))
    units = str(field.attrs.get("units", ""))
    coarse = xr.apply_ufunc(
        lambda block: from_additive(
            _means(to_additive(block.astype("float32"), units), weights, factor), units
        ),
        deferred(field),
        input_core_dims=[[ydim, xdim]],
        output_core_dims=[[ydim, xdim]],
        exclude_dims={ydim, xdim},
        dask="parallelized",
        output_dtypes=["float32"],
        dask_gufunc_kwargs={"output_sizes": {ydim: rows, xdim: columns}, "allow_rechunk": True},
        keep_attrs=True,
    )
    middles = {
        dim: (dim, field[dim].values.reshape(-1, factor).mean(axis=1), field[dim].attrs)
        for dim in (ydim, xdim)
        if dim in field.coords
    }
    return coarse.assign_coords(middles).rename(field.name)


def _means(block: np.ndarray, weights: np.ndarray, factor: int) -> np.ndarray:
    """Weighted means of `(..., y, x)`; `weights` are those of the rows."""
    *lead, ny, nx = block.shape
    shape = (*lead, ny // factor, factor, nx // factor, factor)
    valid = np.isfinite(block)
    share = (weights[:, None] * valid).reshape(shape).sum(axis=(-3, -1))
    total = (weights[:, None] * np.where(valid, block, 0)).reshape(shape).sum(axis=(-3, -1))
    whole = factor * weights.reshape(-1, factor).sum(axis=1)[:, None]
    enough = share >= (MIN_VALID - 1e-6) * whole
    return np.where(enough, total / np.where(enough, share, 1), np.nan).astype("float32")
