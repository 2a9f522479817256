"""`saliency`: how much the output changes with each number of the input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import xarray as xr

from keras_wx.explain.channels import data_channels
from keras_wx.explain.dropout import without_dropout
from keras_wx.explain.gradients import value_and_gradient
from keras_wx.explain.outputs import output_weights
from keras_wx.explain.windows import read_windows
from keras_wx.inference.history import InitTimes


def saliency(
    model: keras.Model,
    dataset: xr.Dataset,
    *,
    init_times: InitTimes = None,
    output: Mapping[str, Any] | None = None,
    **conversions: Any,
) -> xr.Dataset:
    """The gradient of the output by the input: where a small change would matter.

    What is differentiated is the sum of the output over `output`, in network numbers. Dropout is
    off.

    Args:
        model: from `keras_wx.load`, of any task, under TensorFlow or JAX.
        dataset: as `keras_wx.predict` takes it. A window is explained whole, so take a part of a
            large domain. Rows and columns at its end that the model's patches do not divide are
            left out. A curtain must have no gap.
        init_times: of the forecasts, as in `keras_wx.predict`; None for the latest.
        output: which part of the output is explained, as labels for `.loc`: `{"lead_time":
            "60min", "y": slice(2e4, 4e4)}`, or `{"time": slice("2017-01-05T03", None)}`, and
            `{"target": name}` for another target than the first. None for all of it. Of curtains
            only the blind zone counts: elsewhere the output is the input.
        **conversions: `regrid`, `resample`, `convert_units`, `zr` of `keras_wx.data.conform`.

    Returns:
        A Dataset of network numbers: `gradient (variable, init_time, lag, y, x)`, signed, for each
        input, `lag` being the time before init_time; `saliency`, the greatest size of it among the
        variables; `output (init_time)`, the sum itself. Of downscaling `gradient
        (variable, init_time, y, x)`, whose frames are variables such as "air at step -3". Of
        curtains `gradient (variable, time, height)` and so on; `saliency` is NaN in the blind zone
        there, as published, while `gradient` has the variables that the model is shown there too.
        Where no frame has data, all is NaN.

    Raises:
        DataError: data that do not fit, or an `output` that is not there.
        ModelError: a baseline, which has no gradient, or a model that draws its fields.

    References:
        Simonyan et al. (2014), Deep Inside Convolutional Networks, arXiv:1312.6034.
        King et al. (2024), Development of a Full-Scale Connected U-Net for Reflectivity Inpainting
        in Spaceborne Radar Blind Zones, doi:10.1175/AIES-D-23-0063.1.

    Example:

    ```python
    found = keras_wx.explain.saliency(model, radar, output={"lead_time": "60min"})
    keras_wx.plots.saliency(found, path="saliency.png")
    ```
    """
    windows = read_windows(model, dataset, init_times, conversions)
    with without_dropout(model):
        weights = output_weights(model, windows, output)
        gradient_of = value_and_gradient(model)
        # One by one: of a batch the intermediate values of all windows would be in memory.
        found = [gradient_of(x[None], w[None]) for x, w in zip(windows.x, weights, strict=True)]
    value, gradient = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if windows.missing is not None:
        gradient[np.broadcast_to(windows.missing[:, None, ..., None], gradient.shape)] = np.nan
    channels = list(data_channels(windows.preset.sample))
    largest = np.abs(gradient[..., channels]).max(axis=-1)
    if windows.blind is not None:
        largest[windows.blind] = np.nan
    units = {"units": "1"}
    return windows.described(
        {
            "gradient": windows.by_variable(gradient).assign_attrs(
                long_name="Gradient of the output by the input, network numbers", **units
            ),
            "saliency": windows.labelled(largest, windows.dims[:-1]).assign_attrs(
                long_name="Greatest size of the gradient among the inputs", **units
            ),
            "output": windows.labelled(value, windows.dims[:1]).assign_attrs(
                long_name="Sum of the output that is explained, network numbers", **units
            ),
        },
        "Saliency",
    )
