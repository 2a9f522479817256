"""A network with its transforms around it: physical fields in, physical fields out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from keras_wx.errors import ModelError
from keras_wx.inference.network import grid_multiple
from keras_wx.spec import Sample, Variable

if TYPE_CHECKING:
    import keras

DIMS = ("batch", "time", "y", "x", "channel")
OUTPUT = "forecast"


@dataclass(frozen=True)
class Array:
    """An array that the file takes or gives.

    Attributes:
        name: as the file calls it.
        shape: sizes along `DIMS`; None where any is taken.
        variables: what the channels are.
    """

    name: str
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
        return {name: np.asarray(y) for name, y in self.model(self._argument(x)).items()}

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
    variable, the forecast is missing too.

    Args:
        model: from network numbers to network numbers.
        sample: names the variables, their transforms and fills.
        grid: rows and columns; None leaves open what the model leaves open.
        batch_size: None leaves it open.

    Raises:
        ModelError: for a model that was built for another grid, or whose inputs are not fields
            along time.
    """
    import keras
    from keras import ops

    arrays = _input_arrays(model, sample, grid, batch_size)
    fields = {
        array.name: keras.Input(batch_shape=array.shape, dtype="float32", name=array.name)
        for array in arrays
    }
    network, missing = {}, False
    for array in arrays:
        channels = []
        for number, variable in enumerate(array.variables):
            x = fields[array.name][..., number : number + 1]
            if variable.fill is not None:
                x = ops.where(ops.isnan(x), variable.fill, x)
            channels.append(variable.transform(x))
        network[array.name] = ops.concatenate(channels, axis=-1)
        unknown = ops.any(ops.isnan(fields[array.name]), axis=-1, keepdims=True)
        missing = ops.logical_or(missing, ops.all(unknown, axis=1, keepdims=True))
    several = isinstance(model.input, dict)
    y = model(network if several else network[arrays[0].name])
    if y.shape[-1] != len(sample.targets):
        raise ModelError(
            f"{model.name}: the sample has {len(sample.targets)} targets, one channel of the "
            f"forecast each. The model gave {tuple(y.shape)} (batch, time, y, x, channels)"
        )
    forecast = [
        target.transform.inverse(y[..., number : number + 1])
        for number, target in enumerate(sample.targets)
    ]
    y = ops.where(missing, float("nan"), ops.concatenate(forecast, axis=-1))
    whole = keras.Model(fields if several else fields[arrays[0].name], {OUTPUT: y})
    return Physical(whole, arrays, Array(OUTPUT, tuple(y.shape), sample.targets))


def _input_arrays(
    model: keras.Model,
    sample: Sample,
    grid: tuple[int, int] | None,
    batch_size: int | None,
) -> tuple[Array, ...]:
    """What the model reads: all variables as channels of one array, or an array each by name."""
    variables = sample.of_role("input", "mask", "static", "calendar")
    if isinstance(model.input, dict):
        tensors = {variable.name: model.input.get(variable.name) for variable in variables}
        groups = {variable.name: (variable,) for variable in variables}
    else:
        tensors = {model.input.name: model.input}
        groups = {model.input.name: variables}
    arrays = []
    for name, tensor in tensors.items():
        if tensor is None or len(tensor.shape) != 5 or tensor.shape[-1] != len(groups[name]):
            raise ModelError(
                f"{model.name}: export writes models that read fields (batch, time, y, x, "
                f"channels), one channel for each of {[v.name for v in groups[name]]}. Received: "
                f"{name}: {None if tensor is None else tuple(tensor.shape)}"
            )
        _, time, *built_for, channels = tensor.shape
        if grid is not None:
            _check_grid(model, tuple(built_for), grid)
        arrays.append(Array(name, (batch_size, time, *(grid or built_for), channels), groups[name]))
    return tuple(arrays)


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
