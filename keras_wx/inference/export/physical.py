"""A network with its transforms around it: physical fields in, physical fields out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_wx.data.units import is_reflectivity
from keras_wx.errors import ModelError
from keras_wx.inference.network import grid_multiple
from keras_wx.spec import Role, Sample, Variable
from keras_wx.transforms import Cloud

if TYPE_CHECKING:
    import keras

OUTPUT = "forecast"
ROLES = ("input", "mask", "static", "calendar")
"""Of the variables that a model reads, in the order of their channels."""


@dataclass(frozen=True)
class Array:
    """An array that the file takes or gives.

    Attributes:
        name: as the file calls it.
        dims: `batch`, `time` where there are frames, the two of the grid, `channel`.
        shape: sizes along them; None where any is taken.
        variables: what the channels are, one of a single step each where frames are channels.
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[int | None, ...]
    variables: tuple[Variable, ...]


@dataclass(frozen=True)
class Physical:
    """A Keras model in physical units.

    Attributes:
        model: gives a dictionary with the one entry `OUTPUT`.
        inputs: the arrays that it reads.
        output: the array that it gives.
    """

    model: keras.Model
    inputs: tuple[Array, ...]
    output: Array

    @property
    def signature(self) -> list:
        """What Keras' exporters call an input signature: one argument, an array or several."""
        import keras

        specs = {
            array.name: keras.InputSpec(shape=array.shape, dtype="float32", name=array.name)
            for array in self.inputs
        }
        return [self._argument(specs)]

    def __call__(self, x: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Forecasts from arrays by name, as the file gives them."""
        return {OUTPUT: np.asarray(self.call(x))}

    def call(self, x: dict):
        """The forecast, a tensor, from arrays or tensors by name."""
        return self.model(self._argument(x))[OUTPUT]

    def _argument(self, by_name: dict):
        """What the model is called with: all by name, or the only one."""
        return by_name if isinstance(self.model.input, dict) else next(iter(by_name.values()))


def physical(
    model: keras.Model,
    sample: Sample,
    *,
    grid: tuple[int, int] | None = None,
    batch_size: int | None = None,
) -> Physical:
    """Puts the sample's transforms around a network, as `keras_wx.predict` does around arrays.

    Missing values, NaN, become the variable's `fill`. Where at a point no frame holds every
    variable, the forecast is missing too. Reflectivity in the blind zone of a curtain, where the
    mask is 1, may be missing: the network does not see it; and where the mask is 0, what was
    measured comes back as it was. Of a distribution the median is given.

    Where frames are channels (`layout: channels`), all fields are on the grid that they meet on,
    and the forecast is missing nowhere, as in `keras_wx.predict`.

    Args:
        model: from network numbers to network numbers. It reads one array that has a channel for
            each variable, or a dictionary with an array for each by its name.
        sample: names the variables, their transforms and fills.
        grid: rows and columns; None leaves open what the model leaves open.
        batch_size: None leaves it open.

    Raises:
        ModelError: for a model that was built for another grid, that reads or gives something else
            than the sample says, or fields on several grids.
    """
    import keras
    from keras import ops

    _check_fields_on_one_grid(model, sample)
    arrays = _input_arrays(model, sample, grid, batch_size)
    fields = {
        array.name: keras.Input(batch_shape=array.shape, dtype="float32", name=array.name)
        for array in arrays
    }
    mask = _mask(arrays, fields) if sample.blind_zone else None
    network, missing = {}, False
    for array in arrays:
        x = fields[array.name]
        if mask is not None:
            x = _closed_where_blind(x, array.variables, mask)
        network[array.name] = _transformed(x, array.variables)
        if sample.is_downscaling:
            continue
        unknown = ops.any(ops.isnan(x), axis=-1, keepdims=True)
        if len(array.dims) == 5:
            unknown = ops.all(unknown, axis=1)
        missing = ops.logical_or(missing, unknown)
    several = isinstance(model.input, dict)
    y = model(network if several else network[arrays[0].name])
    if getattr(model, "distribution", None):
        y = _median(model.distribution(y), network[arrays[0].name])
    targets = _channels_of(sample, "target")
    dims = _dims(model, sample, OUTPUT, y, targets)
    forecast = {
        target: target.transform.inverse(y[..., number : number + 1])
        for number, target in enumerate(targets)
        if not target.auxiliary
    }
    if mask is not None:
        forecast |= _measured(arrays, fields, mask, forecast)
    y = ops.concatenate(list(forecast.values()), axis=-1)
    if not sample.is_downscaling:
        missing = ops.expand_dims(missing, axis=1) if len(dims) == 5 else missing
        y = ops.where(missing, float("nan"), y)
    whole = keras.Model(fields if several else fields[arrays[0].name], {OUTPUT: y})
    return Physical(whole, arrays, Array(OUTPUT, dims, tuple(y.shape), tuple(forecast)))


def _median(gates, curtain):
    """The middle of the distribution of every gate, merged with the measurement."""
    from keras import ops

    from keras_wx.layers import MergeMeasured

    return MergeMeasured()(ops.expand_dims(gates.quantile(0.5), -1), curtain)


def _mask(arrays: tuple[Array, ...], fields: dict):
    """1 where the radar is blind, 0 where its measurement counts."""
    channels = _channels(arrays, fields)
    return next(x for variable, x in channels if variable.role == "mask")


def _channels(arrays: tuple[Array, ...], fields: dict) -> list[tuple[Variable, Any]]:
    """Each variable with its physical field, `(..., 1)`."""
    return [
        (variable, fields[array.name][..., number : number + 1])
        for array in arrays
        for number, variable in enumerate(array.variables)
    ]


def _closed_where_blind(x, variables: tuple[Variable, ...], mask):
    """Some number in the place of reflectivity that the network does not see."""
    from keras import ops

    channels = []
    for number, variable in enumerate(variables):
        channel = x[..., number : number + 1]
        if is_reflectivity(variable.units):
            hidden = ops.logical_and(ops.isnan(channel), mask >= 1)
            clear = variable.transform.inverse(np.float32(Cloud.CLEAR))
            channel = ops.where(hidden, clear, channel)
        channels.append(channel)
    return ops.concatenate(channels, axis=-1)


def _measured(arrays: tuple[Array, ...], fields: dict, mask, forecast: dict) -> dict:
    """The targets that are inputs too, as they were measured where the mask is 0."""
    from keras import ops

    measured = {v.name: x for v, x in _channels(arrays, fields) if v.role == "input"}
    return {
        target: ops.where(mask > 0, y, measured[target.name])
        for target, y in forecast.items()
        if target.name in measured
    }


def _transformed(x, variables: tuple[Variable, ...]):
    """Network numbers, a channel for each variable, without gaps where there is a `fill`."""
    from keras import ops

    channels, first = [], 0
    for (fill, transform), alike in groupby(variables, key=lambda v: (v.fill, v.transform)):
        last = first + len(list(alike))
        part, first = x[..., first:last], last
        if fill is not None:
            part = ops.where(ops.isnan(part), fill, part)
        channels.append(transform(part))
    return ops.concatenate(channels, axis=-1)


def _channels_of(sample: Sample, *roles: Role) -> tuple[Variable, ...]:
    """What each channel is, role by role: a variable, or where frames are channels one of its."""
    variables = (variable for role in roles for variable in sample.of_role(role))
    if not sample.is_downscaling:
        return tuple(variables)
    return tuple(
        variable.model_copy(update={"steps": variable.steps and (step, step)})
        for variable in variables
        for step in variable.offsets
    )


def _check_fields_on_one_grid(model: keras.Model, sample: Sample) -> None:
    grids = {sample.meeting_grid(variable) for variable in sample.variables}
    maps = sample.is_downscaling
    roles = sorted({variable.role for variable in sample.variables})
    if len(grids) > 1 or ("calendar" in roles and not maps) or ("mask" in roles and maps):
        raise ModelError(
            f"{model.name}: export writes models whose inputs (a mask for curtains alone, a "
            "calendar where frames are channels) and targets are fields on one grid. "
            f"Received: grids {sorted(grids)}, roles {roles}"
        )


def _input_arrays(
    model: keras.Model,
    sample: Sample,
    grid: tuple[int, int] | None,
    batch_size: int | None,
) -> tuple[Array, ...]:
    """What the model reads: all variables as channels of one array, or an array each by name."""
    variables = _channels_of(sample, *ROLES)
    if isinstance(model.input, dict):
        tensors = model.input
        groups = {v.name: tuple(w for w in variables if w.name == v.name) for v in variables}
    else:
        tensors, groups = {model.inputs[0].name: model.input}, {model.inputs[0].name: variables}
    if len(model.inputs) != len(tensors) or set(tensors) != set(groups):
        raise ModelError(
            f"{model.name}: export writes models that read one array, or a dictionary with an "
            f"array for each of {_names(variables)} by its name. Received: inputs "
            f"{[tensor.name for tensor in model.inputs]}"
        )
    arrays = []
    for name, tensor in tensors.items():
        dims = _dims(model, sample, name, tensor, groups[name])
        built_for = tuple(tensor.shape[-3:-1])
        if grid is not None:
            _check_grid(model, built_for, grid)
        time = [max(variable.frames for variable in groups[name])] if len(dims) == 5 else []
        shape = (batch_size, *time, *(grid or built_for), tensor.shape[-1])
        arrays.append(Array(name, dims, shape, groups[name]))
    return tuple(arrays)


def _dims(
    model: keras.Model, sample: Sample, name: str, tensor, variables: tuple[Variable, ...]
) -> tuple[str, ...]:
    """The dims of a tensor of the network, which has a time axis or is a single frame."""
    frames = max(variable.frames for variable in variables)
    grid = sample.grids[sample.meeting_grid(variables[0])].dims
    shape = tuple(tensor.shape)
    along_time = len(shape) == 5 and shape[1] in (None, frames)
    if not (along_time or (len(shape) == 4 and frames == 1)) or shape[-1] != len(variables):
        raise ModelError(
            f"{model.name}: by its sample, {name} has one channel for each "
            f"{'frame ' * sample.is_downscaling}of {_names(variables)}, and {frames} frames: "
            f"expected (batch, {frames}, "
            f"{grid[0]}, {grid[1]}, {len(variables)}), where a single frame may go without its "
            f"axis. Received: {shape}"
        )
    return ("batch", *(("time",) if along_time else ()), *grid, "channel")


def _names(variables: tuple[Variable, ...]) -> list[str]:
    return list(dict.fromkeys(variable.name for variable in variables))


def _check_grid(
    model: keras.Model, built_for: tuple[int | None, int | None], grid: tuple[int, int]
) -> None:
    if any(size not in (None, wanted) for size, wanted in zip(built_for, grid, strict=True)):
        raise ModelError(
            f"grid: {model.name} was built for {built_for[0]} x {built_for[1]} points and takes no "
            f"other grid. Received: grid={grid}"
        )
    multiple = grid_multiple(model)
    if any(size % multiple for size in grid):
        raise ModelError(
            f"grid: {model.name} takes rows and columns that are multiples of {multiple}. "
            f"Received: grid={grid}"
        )
