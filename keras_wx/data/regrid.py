"""Another grid spacing: area-weighted means where it gets coarser, bilinear where it gets finer."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import xarray as xr

from keras_wx.data.additive import deferred, from_additive, to_additive
from keras_wx.data.geometry import (
    POSITIONS,
    is_geographic,
    same_spacing,
    spacing_km,
    spatial_dims,
)
from keras_wx.errors import DataError

MIN_VALID = 0.5
"""Share of a new cell that must hold valid data; below it the cell is missing."""


def regrid(data: xr.DataArray, spacing: float, dims: tuple[str, str] | None = None) -> xr.DataArray:
    """The same field on a grid of another spacing.

    Along an axis that gets coarser each new cell is the mean of the old ones, weighted by the area
    of the overlap; along one that gets finer it is interpolated linearly; one that fits already
    stays. dBZ is averaged as the reflectivity factor Z. Missing cells carry no weight, and a new
    cell of which less than half is valid is missing. The new grid lies in the middle of the old
    one: what is left over at the edges is smaller than one cell.

    Args:
        data: field with dims `(..., y, x)` and coordinates along both.
        spacing: distance of the new grid points in km.
        dims: names of the two dimensions, where they are known.

    Returns:
        The field with dims `(..., y, x)`, `float32`, lazy where `data` is. Its 2-D coordinates,
        such as latitude and longitude, are averaged in the same way; those that are no numbers are
        left out.

    Raises:
        DataError: for data without coordinates, or an area smaller than one new cell.
    """
    ydim, xdim = dims or spatial_dims(data)
    old = spacing_km(data, (ydim, xdim))
    if old is None:
        raise DataError(
            f"Expected coordinates along {ydim!r} and {xdim!r} to regrid. Received none."
        )
    # Between circles of latitude the area of a sphere goes with the sine.
    y_metric = _sine_of_degrees if is_geographic(data, ydim) else None
    y, y_weights = _axis(data[ydim], spacing / old[0], y_metric)
    x, x_weights = _axis(data[xdim], spacing / old[1])

    units = data.attrs.get("units", "")
    new = xr.apply_ufunc(
        lambda block: from_additive(
            _average(to_additive(block.astype("float32"), units), y_weights, x_weights), units
        ),
        deferred(data),
        input_core_dims=[[ydim, xdim]],
        output_core_dims=[[ydim, xdim]],
        exclude_dims={ydim, xdim},
        dask="parallelized",
        output_dtypes=["float32"],
        dask_gufunc_kwargs={
            "output_sizes": {ydim: y.size, xdim: x.size},
            "allow_rechunk": True,
        },
        keep_attrs=True,
    )
    flat = {
        name: ((ydim, xdim), _average_flat(c.transpose(ydim, xdim), y_weights, x_weights), c.attrs)
        for name, c in data.coords.items()
        if set(c.dims) == {ydim, xdim} and c.dtype.kind in "iuf"
    }
    return new.assign_coords({ydim: y, xdim: x} | flat).rename(data.name)


def _axis(coordinate: xr.DataArray, factor: float, metric=None) -> tuple[xr.Variable, sp.csr_array]:
    """New centres along one axis, and the matrix that takes old values there."""
    old = coordinate.values.astype("float64")
    if same_spacing(factor, 1.0):
        return coordinate.variable, sp.eye_array(old.size, dtype="float32", format="csr")
    step = (old[-1] - old[0]) / (old.size - 1)
    # The allowance lets a spacing that is a multiple up to rounding keep its last cell.
    size = int(old.size / factor + 0.05)
    if size < 1:
        raise DataError(
            f"The data have {old.size} points along {coordinate.name!r}, which is less than one "
            f"cell of the new grid ({factor:.3g} old cells)."
        )
    new = (old[0] + old[-1]) / 2 + step * factor * (np.arange(size) - (size - 1) / 2)
    if factor > 1:
        weights = _overlap(_edges(old, step), _edges(new, step * factor), np.sign(step), metric)
    else:
        weights = _interpolation((new - old[0]) / step, old.size)
    return xr.Variable(coordinate.dims, new.astype(coordinate.dtype), coordinate.attrs), weights


def _edges(centres: np.ndarray, step: float) -> np.ndarray:
    return np.append(centres - step / 2, centres[-1] + step / 2)


def _overlap(old: np.ndarray, new: np.ndarray, sign: float, metric=None) -> sp.csr_array:
    """Rows: new cells; columns: old cells; values: share of the new cell's extent."""
    old, new = old * sign, new * sign
    cuts = np.union1d(old, new)
    cuts = cuts[(cuts >= max(old[0], new[0])) & (cuts <= min(old[-1], new[-1]))]
    middles = (cuts[1:] + cuts[:-1]) / 2
    lengths = np.diff(metric(cuts) if metric else cuts)
    cells = [np.searchsorted(edges, middles) - 1 for edges in (new, old)]
    weights = sp.csr_array((lengths, tuple(cells)), shape=(new.size - 1, old.size - 1))
    return (sp.diags_array(1 / weights.sum(axis=1)) @ weights).tocsr().astype("float32")


def _interpolation(position: np.ndarray, size: int) -> sp.csr_array:
    """Rows: new points at `position` in units of old ones; the outermost points are held."""
    position = position.clip(0, size - 1)
    left = np.minimum(position.astype(int), max(size - 2, 0))
    share = position - left
    rows = np.arange(position.size)
    values = np.concatenate([1 - share, share])
    columns = np.concatenate([left, np.minimum(left + 1, size - 1)])
    shape = (position.size, size)
    return sp.csr_array((values, (np.tile(rows, 2), columns)), shape=shape).astype("float32")


def _average(block: np.ndarray, y_weights: sp.csr_array, x_weights: sp.csr_array) -> np.ndarray:
    """Weighted means of the valid values of `block`, shape `(..., y, x)`."""
    *lead, ny, nx = block.shape
    new = np.empty((int(np.prod(lead)), y_weights.shape[0], x_weights.shape[0]), "float32")
    for frame, result in zip(block.reshape(-1, ny, nx), new, strict=True):
        valid = np.isfinite(frame)
        if valid.all():
            result[...] = y_weights @ frame @ x_weights.T
        else:
            total = y_weights @ np.where(valid, frame, 0) @ x_weights.T
            share = y_weights @ valid.astype("float32") @ x_weights.T
            enough = share >= MIN_VALID - 1e-6
            result[...] = np.where(enough, total / np.where(enough, share, 1), np.nan)
    return new.reshape(*lead, *new.shape[1:])


def _average_flat(coordinate: xr.DataArray, y_weights, x_weights) -> np.ndarray:
    """Means of a 2-D coordinate."""
    units = str(coordinate.attrs.get("units", ""))
    if units.startswith("degree") or (not units and str(coordinate.name).lower() in POSITIONS):
        return _average_angle(coordinate.values, y_weights, x_weights)
    return _average(coordinate.values.astype("float32"), y_weights, x_weights)


def _average_angle(degrees: np.ndarray, y_weights, x_weights) -> np.ndarray:
    """Means of degrees, right across the date line too."""
    radians = np.deg2rad(degrees.astype("float64"))
    sine, cosine = (y_weights @ part(radians) @ x_weights.T for part in (np.sin, np.cos))
    return np.rad2deg(np.arctan2(sine, cosine)).astype(degrees.dtype)


def _sine_of_degrees(values: np.ndarray) -> np.ndarray:
    return np.sin(np.deg2rad(values))
