"""A network with its transforms around it: physical fields in, physical fields out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_wx.data.units import is_reflectivity
from keras_wx.errors import ModelError
from keras_wx.inference.network import grid_multiple
from keras_wx.spec import Sample, Variable
from keras_wx.transforms import Cloud

if TYPE_CHECKING:
    import keras

OUTPUT = "forecast"
ROLES = ("input", "mask", "static")
"""Of the variables that a model reads, in the order of their channels."""


@dataclass(frozen=True)
class Array:
    """An array that the file takes or gives.

    Attributes:
        name: as the file calls it.
        dims: `batch`, `time` where there are frames, the two of the grid, `channel`.
        shape: sizes along them; None where any is taken.
        variables: what the channels are.
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
        unknown = ops.any(ops.isnan(x), axis=-1, keepdims=True)
        if len(array.dims) == 5:
            unknown = ops.all(unknown, axis=1)
        missing = ops.logical_or(missing, unknown)
    several = isinstance(model.input, dict)
    y = model(network if several else network[arrays[0].name])
    if getattr(model, "distribution", None):
        y = _median(model.distribution(y), network[arrays[0].name])
    dims = _dims(model, sample, OUTPUT, y, sample.targets)
    forecast = {
        target: target.transform.inverse(y[..., number : number + 1])
        for number, target in enumerate(sample.targets)
        if not target.auxiliary
    }
    if mask is not None:
        forecast |= _measured(arrays, fields, mask, forecast)
    if len(dims) == 5:
        missing = ops.expand_dims(missing, axis=1)
    y = ops.where(missing, float("nan"), ops.concatenate(list(forecast.values()), axis=-1))
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

    channels = []
    for number, variable in enumerate(variables):
        channel = x[..., number : number + 1]
        if variable.fill is not None:
            channel = ops.where(ops.isnan(channel), variable.fill, channel)
        channels.append(variable.transform(channel))
    return ops.concatenate(channels, axis=-1)


def _check_fields_on_one_grid(model: keras.Model, sample: Sample) -> None:
    grids = {variable.grid for variable in sample.variables}
    if sample.of_role("calendar") or len(grids) > 1:
        raise ModelError(
            f"{model.name}: export writes models whose inputs and targets are fields on one grid. "
            f"Received: grids {sorted(grids)}, roles {sorted({v.role for v in sample.variables})}"
        )


def _input_arrays(
    model: keras.Model,
    sample: Sample,
    grid: tuple[int, int] | None,
    batch_size: int | None,
) -> tuple[Array, ...]:
    """What the model reads: all variables as channels of one array, or an array each by name."""
    variables = tuple(variable for role in ROLES for variable in sample.of_role(role))
    if isinstance(model.input, dict):
        tensors, groups = model.input, {variable.name: (variable,) for variable in variables}
    else:
        tensors, groups = {model.inputs[0].name: model.input}, {model.inputs[0].name: variables}
    if len(model.inputs) != len(tensors) or set(tensors) != set(groups):
        raise ModelError(
            f"{model.name}: export writes models that read one array, or a dictionary with an "
            f"array for each of {[v.name for v in variables]} by its name. Received: inputs "
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
    grid = sample.grids[variables[0].grid].dims
    shape = tuple(tensor.shape)
    along_time = len(shape) == 5 and shape[1] in (None, frames)
    if not (along_time or (len(shape) == 4 and frames == 1)) or shape[-1] != len(variables):
        raise ModelError(
            f"{model.name}: by its sample, {name} has one channel for each of "
            f"{[v.name for v in variables]}, and {frames} frames: expected (batch, {frames}, "
            f"{grid[0]}, {grid[1]}, {len(variables)}), where a single frame may go without its "
            f"axis. Received: {shape}"
        )
    return ("batch", *(("time",) if along_time else ()), *grid, "channel")


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
