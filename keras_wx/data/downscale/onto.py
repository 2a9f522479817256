"""Interpolation of coarse frames onto the fine grid, over the crop that is wanted alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from keras_wx.data.additive import deferred
from keras_wx.data.geometry import is_geographic, unit_km
from keras_wx.errors import DataError

_ROUNDING = 1e-3
"""What part of a cell a fine point may lie beyond it: coordinates are of single precision."""


Method = Literal["nearest", "bilinear", "bicubic"]


@dataclass(frozen=True)
class _Axis:
    """For each fine point some coarse ones, and the share of each, both `(points, neighbours)`."""

    points: np.ndarray
    shares: np.ndarray

    def __getitem__(self, part: slice) -> _Axis:
        return _Axis(self.points[part], self.shares[part])

    def along(self, axis: int, frames: np.ndarray) -> np.ndarray:
        """Interpolates along the last axis or the one before it."""
        shares = self.shares.astype(frames.dtype)
        parts = (
            np.take(frames, points, axis) * (share if axis == -1 else share[:, None])
            for points, share in zip(self.points.T, shares.T, strict=True)
        )
        total = next(parts)
        for part in parts:
            total += part
        return total


class Onto:
    """Brings frames of a coarse grid onto a fine one, by the nearest point, lines or cubics.

    Each axis by itself: coordinates may ascend or descend, be unevenly spaced, and longitudes may
    be counted from 0 or from -180. Between the outermost coarse points and the edges of their cells
    their values are held.

    Args:
        coarse: field with dims `(..., y, x)` and coordinates along both.
        fine: the same on the fine grid.
        method: `"nearest"`, `"bilinear"` or `"bicubic"` (cubic convolution with a = -1/2, which
            can go beyond its neighbours' values).

    Attributes:
        shape: rows and columns of the fine grid.

    Raises:
        DataError: for a coarse grid that does not cover the fine one, and for grids of which one
            has degrees and the other metres, or no coordinates.

    References:
        Keys 1981, Cubic convolution interpolation for digital image processing, IEEE Transactions
        on Acoustics, Speech, and Signal Processing 29, 1153-1160.

    Example:

    ```python
    onto = Onto(dataset["coarse_air"], dataset["air"], "bilinear")
    fine = onto(dataset["coarse_air"].values)
    ```
    """

    def __init__(self, coarse: xr.DataArray, fine: xr.DataArray, method: Method):
        degrees = [_in_degrees(field) for field in (coarse, fine)]
        if degrees[0] != degrees[1]:
            kinds = ["degrees" if one else "metres" for one in degrees]
            raise DataError(
                f"{coarse.name!r} has coordinates in {kinds[0]}, {fine.name!r} in {kinds[1]}. Both "
                "need the same: bring one of them onto the other's projection first."
            )
        self._axes = tuple(
            _axis(coarse, fine, axis, method, around=degrees[0] and axis == -1) for axis in (-2, -1)
        )
        self._nearest = method == "nearest"
        self.shape = fine.shape[-2:]

    def __call__(
        self, frames: np.ndarray, rows: slice = slice(None), columns: slice = slice(None)
    ) -> np.ndarray:
        """Interpolates.

        Args:
            frames: `(..., coarse y, coarse x)`.
            rows, columns: of the fine grid.

        Returns:
            `(..., rows, columns)`, NaN where a point that counts is missing.
        """
        y, x = (axis[part] for axis, part in zip(self._axes, (rows, columns), strict=True))
        if self._nearest:
            return frames[..., y.points, x.points[:, 0]]
        return x.along(-1, y.along(-2, frames))


def interpolated(coarse: xr.DataArray, fine: xr.DataArray, method: Method) -> xr.DataArray:
    """A whole coarse field on the fine grid, lazy where it is lazy; see `Onto`.

    Args:
        coarse: dims `(..., y, x)`.
        fine: a field on the fine grid.
        method: see `Onto`.

    Returns:
        float32 with the dimensions and coordinates in space of `fine`.
    """
    onto, old, new = Onto(coarse, fine, method), coarse.dims[-2:], fine.dims[-2:]
    field = xr.apply_ufunc(
        lambda block: onto(block.astype("float32")),
        deferred(coarse),
        input_core_dims=[old],
        output_core_dims=[new],
        exclude_dims={*old},
        dask="parallelized",
        output_dtypes=["float32"],
        dask_gufunc_kwargs={
            "output_sizes": dict(zip(new, onto.shape, strict=True)),
            "allow_rechunk": True,
        },
        keep_attrs=True,
    )
    return field.assign_coords({dim: fine[dim] for dim in new}).rename(coarse.name)


def _in_degrees(field: xr.DataArray) -> bool:
    for dim in field.dims[-2:]:
        if dim not in field.coords or field.sizes[dim] < 2:
            raise DataError(
                f"Variable {field.name!r}: expected coordinates of at least two points along "
                f"{dim!r}, to bring one grid onto the other. dataset.assign_coords({dim}=...) "
                "gives them. A grid with a latitude and longitude at each of its points is first "
                "to be regridded to one with axes, such as by xesmf or CDO."
            )
    dim = str(field.dims[-2])
    return is_geographic(field, dim) or dim.removeprefix("coarse_") in ("lat", "latitude")


def _axis(
    coarse: xr.DataArray, fine: xr.DataArray, axis: int, method: str, *, around: bool
) -> _Axis:
    old, new = (_values(field, axis, in_metres=not _in_degrees(field)) for field in (coarse, fine))
    if around:
        # The same meridians, counted such that the fine grid is in the middle.
        middle = (new[0] + new[-1]) / 2
        old = middle + (old - middle + 180.0) % 360.0 - 180.0
    # Fields of the whole globe may have a meridian twice, at 0 and at 360.
    order = np.unique(old, return_index=True)[1] if around else np.argsort(old)
    old = old[order]
    if (np.diff(old) <= 0).any():
        raise DataError(f"Coordinate {coarse.dims[axis]!r}: expected values that differ.")
    if around and old[0] + 360.0 - old[-1] < 1.5 * np.diff(old).max():
        old = np.r_[old[-2:] - 360.0, old, old[:2] + 360.0]
        order = np.r_[order[-2:], order, order[:2]]
    _refuse_beyond(old, new, coarse, fine, axis)
    left = np.clip(np.searchsorted(old, new, side="right") - 1, 0, old.size - 2)
    share = np.clip((new - old[left]) / (old[left + 1] - old[left]), 0.0, 1.0)
    if method == "nearest":
        return _Axis(order[left + (share > 0.5)][:, None], np.ones((new.size, 1)))
    if method == "bilinear":
        points, shares = left[:, None] + [0, 1], np.stack([1 - share, share], axis=-1)
    else:
        points, shares = _cubic(old, left, share)
    # A point that has no share is not read: it may be missing.
    most = np.take_along_axis(points, shares.argmax(axis=-1)[:, None], axis=-1)
    return _Axis(order[np.where(shares == 0, most, points)], shares)


def _cubic(old: np.ndarray, left: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Four neighbours and their shares in a cubic through the middle two.

    Its slope at each of them is that between those beside it, as in cubic convolution where points
    are evenly spaced; at the ends that of the last line.

    Args:
        old: coarse points.
        left: the last of them before each fine point.
        t: where the fine point is between it (0) and the next (1).
    """
    points = np.clip(left[:, None] + [-1, 0, 1, 2], 0, old.size - 1)
    before, start, end, behind = old[points].T
    # What the slopes at both ends contribute: cubic Hermite polynomials.
    first = t * (1 - t) ** 2 * (end - start) / (end - before)
    second = t**2 * (t - 1) * (end - start) / (behind - start)
    rise = t**2 * (3 - 2 * t)
    return points, np.stack([-first, 1 - rise - second, rise + first, second], axis=-1)


def _values(field: xr.DataArray, axis: int, *, in_metres: bool) -> np.ndarray:
    coordinate = field[field.dims[axis]]
    values = coordinate.values.astype("float64")
    return values * (1000 * unit_km(coordinate)) if in_metres else values


def _refuse_beyond(
    old: np.ndarray, new: np.ndarray, coarse: xr.DataArray, fine: xr.DataArray, axis: int
) -> None:
    ends = old[1] - old[0], old[-1] - old[-2]
    low, high = old[0] - ends[0] / 2, old[-1] + ends[1] / 2
    slack = _ROUNDING * max(ends)
    if new.min() >= low - slack and new.max() <= high + slack:
        return
    dim = fine.dims[axis]
    inside = int(((new >= low) & (new <= high)).sum())
    raise DataError(
        f"The coarse grid of {coarse.name!r} does not cover the fine one of {fine.name!r}: along "
        f"{dim!r} its cells reach from {low:g} to {high:g}, and the fine points from "
        f"{new.min():g} to {new.max():g}, of which {inside:,} of {new.size:,} are covered. "
        f"fine.sel({dim}=slice(...)) cuts the fine grid, where no larger coarse field is at hand."
    )
