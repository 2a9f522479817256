"""What is explained: windows of a dataset as the model reads them, and the names of their axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import xarray as xr

from keras_wx.data.conform import conform
from keras_wx.data.curtain import gate_values, mask_of
from keras_wx.data.downscale import Fields
from keras_wx.data.timeaxis import time_step
from keras_wx.errors import DataError, ModelError
from keras_wx.explain.channels import data_channels
from keras_wx.inference.curtain import MASK
from keras_wx.inference.downscale import with_target
from keras_wx.inference.history import InitTimes, init_frames
from keras_wx.inference.inputs import Inputs
from keras_wx.inference.network import fixed_grid, grid_multiple, is_stochastic
from keras_wx.inference.output import attributes
from keras_wx.spec import Preset, Sample
from keras_wx.zoo.loading import preset_of


@dataclass(frozen=True)
class Windows:
    """Windows of a dataset.

    Attributes:
        preset: of the model.
        x: network numbers, `(window, ..., channel)`.
        dims: of `x`; the first is dropped from results where it is "window".
        output_dims: of what the model gives, the last being "target".
        coords: of these dims, and others of the grid.
        attrs: of results: source and license of the data, as forecasts have them.
        blind: bool, `x` without channels: where a model of curtains sees nothing; else None.
        missing: bool, `(window, y, x)`: where no frame of a forecast has data; else None.
    """

    preset: Preset
    x: np.ndarray
    dims: tuple[str, ...]
    output_dims: tuple[str, ...]
    coords: dict[str, Any]
    attrs: Mapping[str, str]
    blind: np.ndarray | None = None
    missing: np.ndarray | None = None

    @property
    def grid(self) -> tuple[str, str]:
        """The two dims of a field."""
        return self.dims[-3:-1]

    def labelled(self, values: np.ndarray, dims: tuple[str, ...]) -> xr.DataArray:
        """An array with the coordinates of its dims, one of curtains in the order of datasets."""
        known = {}
        for name, coord in self.coords.items():
            over = coord.dims if isinstance(coord, xr.Variable) else (name,)
            if set(over) <= set(dims):
                known[name] = coord
        found = xr.DataArray(values, known, dims)
        if "window" in dims:
            found = found.isel(window=0).transpose(..., "time", "height", missing_dims="ignore")
        return found

    def by_variable(self, values: np.ndarray) -> xr.DataArray:
        """The data channels of an array shaped as `x`, with the variables first."""
        channels = data_channels(self.preset.sample)
        found = self.labelled(values[..., list(channels)], self.dims)
        names = [variable.name for variable in channels.values()]
        return found.assign_coords(variable=names).transpose("variable", ...)

    def described(self, variables: dict[str, xr.DataArray], what: str) -> xr.Dataset:
        """The result, with the attributes that forecasts have."""
        title = f"{what} of {self.preset.full_name}"
        return xr.Dataset(variables, attrs={**self.attrs, "title": title})


def read_windows(
    model: keras.Model, dataset: xr.Dataset, init_times: InitTimes, conversions: Mapping[str, Any]
) -> Windows:
    """Reads what a model is given of a dataset, as `keras_wx.predict` does, without tiles.

    Args:
        model: with a preset.
        dataset: as `keras_wx.predict` takes it. Rows and columns at its end that the model's
            patches do not divide are left out.
        init_times: as `keras_wx.predict` takes them; None for curtains, which are read whole.
        conversions: options of `keras_wx.data.conform`.

    Raises:
        DataError: data that do not fit.
        ModelError: a model without a gradient, one that draws its fields, or one with inputs on
            several grids.
    """
    if not isinstance(model, keras.Model):
        raise ModelError(
            "Expected a network, whose layers and gradients can be looked at. "
            f"Received: {type(model).__name__}"
        )
    preset = preset_of(model)
    sample = preset.sample
    if hasattr(model, "sample") and is_stochastic(model):
        raise ModelError(
            f"{preset.full_name} draws its fields, from noise and as a rule in many steps: no "
            "single gradient and no single feature map says how. "
            "keras_wx.explain.permutation_importance finds what its loss depends on, and a "
            "deterministic network of the same inputs can be explained."
        )
    if sample.is_downscaling:
        return _pairs(preset, *with_target(dataset, sample), init_times, conversions)
    eaten = sample.model_copy(update={"variables": sample.of_role("input", "mask", "static")})
    data = conform(dataset, eaten, **conversions)
    if not sample.is_curtain:
        return _maps(model, preset, data, init_times)
    if init_times is not None:
        raise ModelError(
            "init_times: expected none for a model of curtains, which reads every profile of the "
            f"dataset. dataset.sel(time=...) takes a part. Received: init_times={init_times!r}"
        )
    return _curtain(model, preset, data)


def _maps(model: keras.Model, preset: Preset, data: xr.Dataset, init_times: InitTimes) -> Windows:
    sample = preset.sample
    grid = data[sample.inputs[0].name].dims[-2:]
    data = _fitting(model, data, grid)
    inputs = Inputs(data, sample)
    init = init_frames(inputs.times, sample, init_times)
    arrays, missing = inputs.read(init)
    if len(arrays) > 1:
        raise ModelError(
            f"Expected a model that reads one array. {preset.full_name} reads {list(arrays)}, "
            "whose steps or grids differ."
        )
    step = np.timedelta64(sample.step or time_step(inputs.times) or 0).astype("m8[ns]")
    variables = sample.of_role("input", "mask", "static")
    offsets = max((v.offsets for v in variables), key=len)
    coords = {
        **{n: c.variable for n, c in inputs.field.coords.items() if set(c.dims) <= set(grid)},
        "init_time": inputs.times[init],
        "lag": -np.array(offsets) * step,
        "lead_time": np.array(sample.targets[0].offsets) * step,
    }
    return Windows(
        preset,
        next(iter(arrays.values())),
        dims=("init_time", "lag", *grid, "variable"),
        output_dims=("init_time", "lead_time", *grid, "target"),
        coords=coords,
        missing=missing,
        attrs=attributes(preset, data, ""),
    )


def _pairs(
    preset: Preset,
    dataset: xr.Dataset,
    readable: Sample,
    init_times: InitTimes,
    conversions: Mapping[str, Any],
) -> Windows:
    """Whole fields of the fine grid with everything that meets there."""
    fields = Fields(conform(dataset, readable, **conversions), readable)
    grid = fields.fine.dims[-2:]
    init = init_frames(fields.times, preset.sample, init_times)
    x, _ = fields.x(init, np.zeros((len(init), 2), int), fields.shape)
    over_grid = {n: c for n, c in fields.fine.coords.items() if set(c.dims) <= set(grid)}
    return Windows(
        preset,
        x,
        dims=("init_time", *grid, "variable"),
        output_dims=("init_time", *grid, "target"),
        coords={
            **{n: c.variable for n, c in over_grid.items() if c.dims},
            "init_time": fields.times[init],
        },
        attrs=attributes(preset, dataset, ""),
    )


def _curtain(model: keras.Model, preset: Preset, data: xr.Dataset) -> Windows:
    sample, grid = preset.sample, ("height", "time")
    data = _fitting(model, data, grid)
    times = data["time"].values
    _refuse_jumps(times, sample)
    mask = mask_of(data, sample)
    channels = [
        gate_values(v, data[v.name].transpose(*grid).values, mask, times) for v in sample.inputs
    ]
    if sample.of_role("mask"):
        channels.append(mask)
    over_grid = {n: c.variable for n, c in data.coords.items() if set(c.dims) <= set(grid)}
    over_grid[MASK] = xr.Variable(grid, mask, {"long_name": "1 in the blind zone", "units": "1"})
    return Windows(
        preset,
        np.stack(channels, axis=-1)[None].astype(np.float32),
        dims=("window", *grid, "variable"),
        output_dims=("window", *grid, "target"),
        coords=over_grid,
        blind=(mask == 1)[None],
        attrs=attributes(preset, data, ""),
    )


def _fitting(model: keras.Model, data: xr.Dataset, grid: tuple[str, str]) -> xr.Dataset:
    """The data, cut at their ends to a size that the model takes."""
    multiple = grid_multiple(model)
    for dim, fixed in zip(grid, fixed_grid(model), strict=True):
        size = data.sizes[dim]
        if size < multiple or fixed not in (None, size):
            raise DataError(
                f"{model.name} reads {fixed or f'a multiple of {multiple}'} along {dim!r}, and its "
                f"windows are explained whole. dataset.isel({dim}=slice(...)) takes a part. "
                f"Received: {size}"
            )
        data = data.isel({dim: slice(size - size % (1 if fixed else multiple))})
    return data


def _refuse_jumps(times: np.ndarray, sample: Sample) -> None:
    step = sample.step or time_step(times)
    if step is None:
        return
    late = np.flatnonzero(np.diff(times) > 1.5 * np.timedelta64(step).astype("m8[ns]"))
    if late.size:
        before, after = times[late[0] : late[0] + 2]
        raise DataError(
            f"Expected one unbroken curtain to explain. Between {before:.19} and {after:.19} "
            "columns are missing; dataset.sel(time=slice(...)) takes one side."
        )
