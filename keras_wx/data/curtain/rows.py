"""The rows of a curtain: heights in metres, from the surface up, at the spacing of the sample."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr
from scipy.interpolate import CubicSpline

from keras_wx.data.additive import deferred
from keras_wx.data.geometry import same_spacing
from keras_wx.data.units import conversion, is_reflectivity
from keras_wx.errors import DataError
from keras_wx.spec import Grid

_EVEN = 0.01
"""Relative difference of spacings that is rounding."""
_NO_CURTAIN = 100.0
"""Metres above which every curtain reaches."""


def on_rows(field: xr.DataArray, grid: Grid, regrid: bool) -> xr.DataArray:
    """The same curtain with the rows and the order of dimensions of the sample.

    The lowest rows are kept where the data reach higher than the sample. With `regrid` the rows
    are at `(i + 1/2)` times the spacing: reflectivity is taken from the nearest gate, so that no
    edge of a cloud is blurred, and anything else by a cubic spline, as the published training data
    were. Above the data, and for reflectivity below them, rows are missing.

    Args:
        field: dims `(time, height)` in any order.
        grid: the sample's, with `height` and `time` as dims.
        regrid: whether another spacing may be converted.

    Returns:
        Dims as in `grid`; lazy where `field` is.

    Raises:
        DataError: for heights that are missing, upside down, uneven, of another spacing, too few,
            or that begin more than a row beside those of the sample.
    """
    if set(field.dims) != set(grid.dims):
        raise DataError(
            f"Variable {field.name!r}: expected dims {grid.dims} in any order, received "
            f"{field.dims}. dataset.rename({{'old': 'height'}}) names one, "
            "dataset.isel(beam=0) selects one of several curtains."
        )
    heights = metres_above_surface(field)
    wanted = _spacing(grid)
    rows = _rows(grid, len(heights), len(heights) if wanted is None else _reach(heights, wanted))
    steps = np.diff(heights)
    found = float(steps.mean()) if steps.size else None
    even = found is not None and np.abs(steps - found).max() <= _EVEN * found
    spaced = wanted is None or (even and same_spacing(found, wanted))
    # Half a row is how gates are counted; more would show a network another height as the surface.
    if spaced and (wanted is None or abs(heights[0] - wanted / 2) <= wanted):
        if rows > len(heights):
            raise DataError(
                f"The sample needs {rows} rows of height, the data have {len(heights)}."
            )
        metres = ("height", heights, field["height"].attrs | {"units": "m"})
        return field.assign_coords(height=metres).isel(height=slice(rows)).transpose(*grid.dims)
    if not regrid:
        if found is None:
            raise DataError(
                f"Variable {field.name!r}: the data have a single gate at {heights[0]:g} m, the "
                f"sample needs {rows} rows of {wanted:g} m."
            )
        if spaced:
            raise DataError(
                f"Variable {field.name!r}: the lowest gate of the data is at {heights[0]:g} m, the "
                f"sample's lowest row at {wanted / 2:g} m. regrid=True puts the data on its rows; "
                "heights count from the surface."
            )
        received = f"{found:.4g} m" if even else f"{steps.min():.4g} to {steps.max():.4g} m"
        remedy = "regrid=True converts it."
        if heights[-1] < _NO_CURTAIN:
            remedy = (
                f"The highest gate would be at {heights[-1]:g} m: where heights are in km, "
                "dataset['height'].attrs['units'] = 'km' says so."
            )
        raise DataError(
            f"Variable {field.name!r}: the data have a height spacing of {received}, the sample "
            f"needs {wanted:g} m. {remedy}"
        )
    return _regridded(field, heights, wanted * (np.arange(rows) + 0.5)).transpose(*grid.dims)


def top_on_rows(top: xr.DataArray, gates: xr.DataArray, rows: xr.DataArray) -> xr.DataArray:
    """The top of the blind zone of each column after `on_rows`.

    A row is as blind as its nearest gate: where rows are at other heights than gates, the top is
    the edge between the gates above and below it.

    Args:
        top: heights, shape `(time,)`.
        gates: the curtain as it was.
        rows: what `on_rows` makes of it.
    """
    old = metres_above_surface(gates)
    if np.array_equal(old[: rows.sizes["height"]], rows["height"].values):
        return top
    metres = in_metres(top)
    first = np.searchsorted(old, metres, side="left")
    between = (first > 0) & (first < len(old))
    # A row half-way between two gates has the lower one.
    edges = np.nextafter((old[first[between] - 1] + old[first[between]]) / 2, np.inf)
    metres[between] = edges
    return top.copy(data=metres).assign_attrs(units="m")


def metres_above_surface(field: xr.DataArray) -> np.ndarray:
    """The heights of a curtain's gates in metres, ascending.

    Raises:
        DataError: for a dimension without coordinates, other units, or heights upside down.
    """
    if "height" not in field.coords:
        raise DataError(
            f"Variable {field.name!r} has a dimension 'height' without heights. "
            "dataset.assign_coords(height=...) gives them, in metres above the surface."
        )
    heights = in_metres(field["height"])
    if (np.diff(heights) <= 0).any() or np.isnan(heights).any():
        down = len(heights) > 1 and (np.diff(heights) < 0).all()
        what = "heights that decrease: the curtain is upside down" if down else "no such order"
        raise DataError(
            f"Coordinate 'height': expected heights that increase from the surface up. Received "
            f"{what}, from {heights[0]:g} to {heights[-1]:g} m. dataset.sortby('height') turns "
            "values and heights together."
        )
    return heights


def in_metres(field: xr.DataArray) -> np.ndarray:
    """Values of a length in metres; without units it is read as metres.

    Raises:
        DataError: for units that are no length.
    """
    units = str(field.attrs.get("units", "m"))
    # The usual unit is not worth reading pint's definitions, which takes a second.
    factors = (1.0, 0.0) if units == "m" else conversion(units, "m")
    if factors is None:
        raise DataError(f"{field.name!r}: expected metres, received units {units!r}")
    return field.values.astype(float) * factors[0]


def _spacing(grid: Grid) -> float | None:
    """The spacing that the grid says, in metres, from a text such as `78.125m` or `0.1 km`."""
    text = grid.spacing.get("height")
    if text is None:
        return None
    match = re.fullmatch(r"\s*([0-9.eE+-]+)\s*([a-zA-Z]+)\s*", text)
    factors = conversion(match[2], "m") if match else None
    if factors is None:
        raise DataError(
            f"spacing of height: expected a length such as '78.125m', received {text!r}"
        )
    return float(match[1]) * factors[0]


def _reach(heights: np.ndarray, spacing: float) -> int:
    """Rows of the spacing that lie below the top of the highest gate."""
    gate = heights[-1] - heights[-2] if len(heights) > 1 else spacing
    return int((heights[-1] + gate / 2) / spacing + 0.05)


def _rows(grid: Grid, given: int, reach: int) -> int:
    wanted = grid.shape[grid.dims.index("height")]
    rows = wanted or reach // grid.multiple * grid.multiple
    if rows < 1:
        raise DataError(
            f"The sample needs a multiple of {grid.multiple} rows of height. The data have "
            f"{given}, which are {reach} of the sample's."
        )
    return rows


def _regridded(field: xr.DataArray, old: np.ndarray, new: np.ndarray) -> xr.DataArray:
    near = abs(old[:, None] - new).argmin(axis=0)
    gate = np.gradient(old)[near] if len(old) > 1 else np.full(new.size, np.inf)
    # A row that only touches the outermost gate lies beside it.
    reached = abs(old[near] - new) < (gate + (new[1] - new[0] if new.size > 1 else 0)) / 2
    if is_reflectivity(field.attrs.get("units", "")):
        rows = field.isel(height=near)
    else:
        # Levels of a model begin some metres above the surface: below, the lowest stands for it.
        reached |= new < old[0]
        rows = xr.apply_ufunc(
            lambda block: _splines(old, block, new.clip(old[0], old[-1])),
            deferred(field),
            input_core_dims=[["height"]],
            output_core_dims=[["height"]],
            exclude_dims={"height"},
            dask="parallelized",
            output_dtypes=["float32"],
            dask_gufunc_kwargs={"output_sizes": {"height": new.size}, "allow_rechunk": True},
            keep_attrs=True,
        )
    rows = rows.assign_coords(height=("height", new, field["height"].attrs | {"units": "m"}))
    if not reached.all():
        rows = deferred(rows).where(xr.DataArray(reached, dims="height"))
    return rows.rename(field.name)


def _splines(old: np.ndarray, columns: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Cubic splines along the last axis; rows next to a level that is missing are missing too."""
    found = np.full((*columns.shape[:-1], new.size), np.nan, np.float32)
    known = np.isfinite(columns)
    whole = known.all(axis=-1)
    if whole.any():
        found[whole] = CubicSpline(old, columns[whole], axis=-1)(new)
    below = np.clip(np.searchsorted(old, new, side="right") - 1, 0, len(old) - 1)
    above = np.where(new > old[below], np.minimum(below + 1, len(old) - 1), below)
    for at in zip(*np.nonzero(~whole & (known.sum(axis=-1) > 1)), strict=True):
        there = known[at]
        values = CubicSpline(old[there], columns[at][there])(new)
        found[at] = np.where(there[below] & there[above], values, np.nan)
    return found
