"""`feature_maps`: what a layer gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import xarray as xr

from keras_wx.errors import ModelError, unknown_name
from keras_wx.explain.dropout import without_dropout
from keras_wx.explain.windows import Windows, read_windows
from keras_wx.inference.history import InitTimes


def feature_maps(
    model: keras.Model,
    dataset: xr.Dataset,
    layer: str,
    *,
    init_times: InitTimes = None,
    **conversions: Any,
) -> xr.Dataset:
    """What a layer of the network makes of a dataset. Dropout is off.

    Args:
        model: from `keras_wx.load`, of any task, under TensorFlow or JAX.
        dataset, init_times, conversions: as in `keras_wx.explain.saliency`.
        layer: name of the layer, as `model.summary(expand_nested=True)` shows it. One inside of
            another layer is found as well. Of several outputs, such as those of a recurrent layer
            with its states, the first is taken.

    Returns:
        A Dataset with `features`, dims `([call,] [init_time,] [frame,] y, x, feature)` for maps and
        `([call,] height, time, feature)` for curtains: `frame` where the layer gives several, and
        `call` where the network calls it several times. A coarser layer has the mean coordinates of
        the points that it stands for. Layers that have lost their grid have the last dim alone.

    Raises:
        UnknownNameError: no layer has this name; the near ones are listed.
        ModelError: the forecast does not pass through the layer, or its output is no field.
        DataError: data that do not fit.

    References:
        Zeiler & Fergus (2014), Visualizing and Understanding Convolutional Networks,
        arXiv:1311.2901.

    Example:

    ```python
    found = keras_wx.explain.feature_maps(model, curtain, "encoder_1_activation_1")
    keras_wx.plots.feature_maps(found, path="features.png")
    ```
    """
    windows = read_windows(model, dataset, init_times, conversions)
    named = {each.name: each for each in model._flatten_layers(include_self=False)}
    if layer not in named:
        raise unknown_name("layer", layer, named)
    fields = []
    with without_dropout(model):
        for x in windows.x:
            with _recorded(named[layer]) as calls:
                model(x[None], training=False)
            if not calls:
                raise ModelError(
                    f"The output of {model.name} does not pass through layer {layer!r}: it is "
                    "there for training alone."
                )
            fields.append(_joined(layer, calls))
    found = _labelled(layer, np.stack(fields, axis=1), windows)
    found.attrs = {"long_name": f"Output of layer {layer}", "units": "1"}
    return windows.described({"features": found}, f"Feature maps of layer {layer}")


@contextmanager
def _recorded(layer: keras.Layer) -> Iterator[list[Any]]:
    """What a layer gives inside the block.

    A model of its inputs and the layer's output would do for layers that are called once in one
    graph. Others, and those inside of layers, can only be listened to.
    """
    given, call = [], layer.call

    def listening(*args, **kwargs):
        given.append(call(*args, **kwargs))
        return given[-1]

    layer.call = listening
    try:
        yield given
    finally:
        del layer.call


def _joined(layer: str, calls: list[Any]) -> np.ndarray:
    """`(call, ...)`, the outputs of one window."""
    found = [keras.ops.convert_to_numpy(keras.tree.flatten(each)[0]) for each in calls]
    shapes = {each.shape for each in found}
    if len(shapes) > 1:
        raise ModelError(f"Layer {layer!r} is called with several shapes: {sorted(shapes)}")
    return np.stack(found).astype(np.float32)


def _labelled(layer: str, found: np.ndarray, windows: Windows) -> xr.DataArray:
    """The dims and coordinates of `(call, window, batch, ..., feature)`.

    The batch is one window, or its frames where the network computes them as a batch.
    """
    dims = {4: (), 6: windows.grid, 7: ("frame", *windows.grid)}.get(found.ndim)
    if dims is None or ("frame" in dims and found.shape[2] > 1):
        raise ModelError(
            f"Layer {layer!r} gives no field: expected (batch, [frame,] rows, columns, features) "
            f"or (batch, features). Received: shape {found.shape[2:]}"
        )
    if found.shape[2] == 1:
        found = found[:, :, 0]
    else:
        dims = ("frame", *dims)
    dims = ("call", windows.dims[0], *dims, "feature")
    coords = {"init_time": windows.coords["init_time"]} if "init_time" in windows.coords else {}
    for dim, size in zip(windows.grid, windows.x.shape[-3:-1], strict=True):
        if dim in windows.coords and dim in dims:
            mean = _block_means(windows.coords[dim], found.shape[dims.index(dim)], size)
            coords |= {} if mean is None else {dim: mean}
    labelled = xr.DataArray(found, coords, dims)
    return labelled.squeeze([dim for dim in ("call", "window") if labelled.sizes.get(dim) == 1])


def _block_means(coordinate: xr.Variable, count: int, size: int) -> xr.Variable | None:
    """A coordinate on a grid that is a whole number of times coarser."""
    if size % count:
        return None
    blocks = coordinate.values.reshape(count, -1)
    first = blocks[:, :1]  # times have no mean, their differences have
    return xr.Variable(
        coordinate.dims, blocks[:, 0] + (blocks - first).mean(axis=1), coordinate.attrs
    )
