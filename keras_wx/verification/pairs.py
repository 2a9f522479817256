"""Forecast and truth brought together: one variable, the same units, grid and times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from keras_wx.data.conform import require_dataset
from keras_wx.data.geometry import spacing_km
from keras_wx.data.units import same_units
from keras_wx.errors import DataError
from keras_wx.verification.reading import FrameReader, chunk_blocks, chunk_edges

PIXELS_IN_MEMORY = 4_000_000
"""Pixels of a forecast that are read at a time; scoring holds several arrays of this size."""

FORECAST_DIMS = ("realization", "init_time", "lead_time")

_GRID_TOLERANCE = 0.01
"""Of the grid spacing: projections computed twice differ by less, a shifted grid by more."""


@dataclass(frozen=True)
class Pairs:
    """A forecast, and where its truth lies. Neither field is in memory yet.

    Attributes:
        forecast: dims `init_time`, `lead_time`, `realization` as far as it has them, and the grid.
        truth: dims `time` and the grid.
        position: `(init_time, lead_time)`: the index along the truth's time of each valid time, or
            -1 where the truth does not have it.
        grid: the two dims of the grid.
        floor: values below it count as it, on both sides; None leaves them as they are.
    """

    forecast: xr.DataArray
    truth: xr.DataArray
    position: np.ndarray
    grid: tuple[str, str]
    floor: float | None

    @property
    def spacing_km(self) -> tuple[float, float] | None:
        """Distance of neighbouring points along y and x, or None where there is no single one."""
        try:
            return spacing_km(self.forecast, self.grid)
        except DataError:  # an uneven grid
            return None

    def map(self, function: Callable[[xr.DataArray, xr.DataArray], xr.Dataset]) -> xr.Dataset:
        """Applies `function` to forecast and truth, block by block, and joins what it returns.

        Args:
            function: of a block of the forecast, dims `realization, init_time, lead_time` and the
                grid, and of its truth without `realization`: NaN at a time that it does not have.
                Returns variables with dims `init_time`, `lead_time` and others, not the grid.

        Returns:
            The variables for all start and lead times.
        """
        shape = dict(zip(("init_time", "lead_time"), self.position.shape, strict=True))
        joined = None
        for inits, leads, forecast, truth in self._blocks():
            part = function(forecast, truth)
            if joined is None:
                whole = part.isel({dim: np.zeros(size, int) for dim, size in shape.items()})
                times = {dim: self.forecast[dim] for dim in shape}
                coords = {dim: (dim, np.atleast_1d(t.values), t.attrs) for dim, t in times.items()}
                joined = whole.assign_coords(coords).copy(deep=True)
            for name in part.data_vars:
                here = {"init_time": inits, "lead_time": leads}
                joined[name].variable[here] = part[name].variable
        return joined

    def _blocks(self) -> Iterator[tuple[slice, slice, xr.DataArray, xr.DataArray]]:
        """Blocks that follow the chunks of the forecast, so that each is read once, cut into parts
        that are small enough for the arrays that scoring makes of them."""
        frames = max(1, PIXELS_IN_MEMORY * self.position.size // self.forecast.size)
        edges = [chunk_edges(self.forecast, dim) for dim in ("init_time", "lead_time")]
        truth = FrameReader(self.truth, self.grid, PIXELS_IN_MEMORY)
        for inits, leads in chunk_blocks(*edges, frames):
            forecast = self._load(inits, leads)
            sizes = forecast.sizes["init_time"], forecast.sizes["lead_time"]
            for i, j in chunk_blocks(*(np.arange(size + 1) for size in sizes), frames):
                part = forecast.isel(init_time=i, lead_time=j)
                rows, columns = _shifted(i, inits.start), _shifted(j, leads.start)
                observed = self._truth_of(part, self.position[rows, columns], truth)
                yield rows, columns, self._floored(part), self._floored(observed)

    def _load(self, inits: slice, leads: slice) -> xr.DataArray:
        forecast = self.forecast.isel(init_time=inits, lead_time=leads, missing_dims="ignore")
        # Only now: on a file that is not in memory, expand_dims and transpose read all of it.
        forecast = forecast.load().expand_dims([d for d in FORECAST_DIMS if d not in forecast.dims])
        forecast = forecast.transpose(*FORECAST_DIMS, *self.grid).reset_coords(drop=True)
        return forecast.astype(_floating(forecast.dtype), copy=False)

    def _truth_of(
        self, forecast: xr.DataArray, position: np.ndarray, reader: FrameReader
    ) -> xr.DataArray:
        known = position >= 0
        times, which = np.unique(position[known], return_inverse=True)
        frames = reader.read(times)
        values = np.full((*position.shape, *frames.shape[1:]), np.nan, _floating(frames.dtype))
        values[known] = frames[which]
        return forecast.isel(realization=0, drop=True).copy(data=values)

    def _floored(self, field: xr.DataArray) -> xr.DataArray:
        return field if self.floor is None else np.maximum(field, self.floor)


def kept_dims(preserve_dims: str | Iterable[str]) -> set[str]:
    """The dims of a forecast that scores are to keep, checked."""
    keep = {preserve_dims} if isinstance(preserve_dims, str) else set(preserve_dims)
    if not keep <= set(FORECAST_DIMS):
        raise DataError(
            f"preserve_dims: expected some of {FORECAST_DIMS}, received {sorted(keep)}. "
            "The threshold is kept in any case."
        )
    return keep


def match(
    forecast: xr.Dataset,
    truth: xr.Dataset,
    variable: str | None,
    floor: float | None = None,
) -> Pairs:
    """Finds the truth of each forecast frame, or says why the two cannot be compared."""
    require_dataset("forecast", forecast)
    require_dataset("truth", truth)
    variable = _variable(forecast, variable)
    if variable not in truth.data_vars:
        raise DataError(
            f"The truth has no variable {variable!r}, which is to be verified. "
            f"Received: {sorted(truth.data_vars)}"
        )
    predicted, observed = forecast[variable], truth[variable]
    grid = _grid(predicted)
    if set(observed.dims) != {"time", *grid}:
        raise DataError(
            f"The truth's {variable!r} does not have the forecast's dims. "
            f"Expected: {('time', *grid)}. Received: {observed.dims}"
        )
    _check_units(predicted, observed)
    observed = _turned(predicted, observed, grid)
    _check_grid(predicted, observed, grid)
    return Pairs(predicted, observed, _positions(predicted, observed), grid, floor)


def _variable(forecast: xr.Dataset, variable: str | None) -> str:
    candidates = [str(name) for name, field in forecast.data_vars.items() if field.ndim >= 2]
    if variable is None and len(candidates) == 1:
        return candidates[0]
    if variable is None or variable not in forecast.data_vars:
        asked = "Name one by `variable=`." if variable is None else f"Asked for: {variable!r}."
        raise DataError(f"The forecast has the variables {candidates}. {asked}")
    return variable


def _grid(forecast: xr.DataArray) -> tuple[str, str]:
    for name in ("init_time", "lead_time"):
        if name not in forecast.coords:
            raise DataError(
                f"The forecast has no {name}. Expected: the dataset that keras_wx.predict returns, "
                f"with init_time and lead_time. Received: {forecast.name!r}, dims {forecast.dims}"
            )
    grid = tuple(str(dim) for dim in forecast.dims if dim not in FORECAST_DIMS)
    if len(grid) != 2:
        raise DataError(
            f"A forecast to be verified has two dims beside {', '.join(FORECAST_DIMS)}. "
            f"Received: {forecast.name!r} with {grid}"
        )
    return grid


def _check_units(forecast: xr.DataArray, truth: xr.DataArray):
    ours, theirs = forecast.attrs.get("units"), truth.attrs.get("units")
    if ours is None or theirs is None or not same_units(ours, theirs):
        raise DataError(
            f"Forecast and truth of {forecast.name!r} need the same units, as attribute 'units'. "
            f"Received: forecast {ours!r}, truth {theirs!r}. keras_wx.data.conform(truth, "
            "model.preset.sample, convert_units=True) brings the truth to those of a model."
        )


def _turned(forecast: xr.DataArray, truth: xr.DataArray, grid: tuple[str, str]) -> xr.DataArray:
    """The truth with rows and columns that run as the forecast's do, where its coordinates say that
    they run the other way: north first, south first."""
    for dim in grid:
        reversed_ = truth.isel({dim: slice(None, None, -1)})
        if not _same_axis(forecast, truth, dim) and _same_axis(forecast, reversed_, dim):
            truth = reversed_
    return truth


def _check_grid(forecast: xr.DataArray, truth: xr.DataArray, grid: tuple[str, str]):
    if not all(_same_axis(forecast, truth, dim) for dim in grid):
        raise DataError(
            "Forecast and truth are on different grids. "
            f"Forecast: {_describe(forecast, grid)}. Truth: {_describe(truth, grid)}. "
            "After predict(..., regrid=True) the forecast is on the model's grid; "
            "keras_wx.data.conform(truth, model.preset.sample, regrid=True) puts the truth there."
        )


def _same_axis(forecast: xr.DataArray, truth: xr.DataArray, dim: str) -> bool:
    if forecast.sizes[dim] != truth.sizes[dim]:
        return False
    if dim not in forecast.coords or dim not in truth.coords:
        return True
    ours, theirs = forecast[dim].values, truth[dim].values
    spacing = np.abs(np.diff(ours)).min() if ours.size > 1 else np.abs(ours).max()
    return bool(np.abs(ours - theirs).max() <= _GRID_TOLERANCE * spacing)


def _describe(field: xr.DataArray, grid: tuple[str, ...]) -> str:
    parts = []
    for dim in grid:
        text = f"{dim} of {field.sizes[dim]}"
        if dim in field.coords:
            units = field[dim].attrs.get("units", "")
            text += f" from {field[dim].values[0]:g} to {field[dim].values[-1]:g} {units}".rstrip()
        parts.append(text)
    return ", ".join(parts)


def _positions(forecast: xr.DataArray, truth: xr.DataArray) -> np.ndarray:
    lead = forecast["lead_time"].values
    if not np.issubdtype(lead.dtype, np.timedelta64):
        raise DataError(
            f"lead_time is not a length of time. Received: {lead.dtype}. Open a saved forecast "
            "with xarray.open_dataset(..., decode_timedelta=True)."
        )
    for name, time in (
        ("init_time of the forecast", forecast["init_time"]),
        ("time of the truth", truth["time"]),
    ):
        if not np.issubdtype(time.dtype, np.datetime64):
            raise DataError(f"{name}: expected datetime64, received {time.dtype}")
    valid = np.add.outer(np.atleast_1d(forecast["init_time"].values), np.atleast_1d(lead))
    times = pd.DatetimeIndex(truth["time"].values)
    if times.has_duplicates:
        raise DataError(
            f"The truth has time {times[times.duplicated()][0]} more than once. "
            "Expected: one frame a time; truth.drop_duplicates('time') keeps the first."
        )
    position = times.get_indexer(pd.DatetimeIndex(valid.ravel())).reshape(valid.shape)
    if not (position >= 0).any():
        raise DataError(
            "No valid time of the forecast (init_time + lead_time) is among the truth's times. "
            f"Forecast: {_period(valid)}. Truth: {_period(times.values)}."
        )
    return position


def _shifted(part: slice, start: int) -> slice:
    return slice(start + part.start, start + part.stop)


def _period(times: np.ndarray) -> str:
    if times.size == 0:
        return "no time at all"
    first, last = (np.datetime_as_string(t, unit="m") for t in (times.min(), times.max()))
    return f"{times.size} times from {first} to {last}"


def _floating(dtype: np.dtype) -> np.dtype:
    """Floating, and as precise as it was: a threshold is compared in the data's own precision."""
    return np.result_type(dtype, np.float32)
