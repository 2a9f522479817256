"""`integrated_gradients`: how much of the output each number of the input accounts for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import xarray as xr

from keras_wx.errors import ModelError, unknown_name
from keras_wx.explain.absence import as_network_number, no_echo
from keras_wx.explain.channels import channels_of, data_channels
from keras_wx.explain.dropout import without_dropout
from keras_wx.explain.gradients import ValueAndGradient, value_and_gradient
from keras_wx.explain.outputs import output_weights
from keras_wx.explain.windows import Windows, read_windows
from keras_wx.inference.history import InitTimes


def integrated_gradients(
    model: keras.Model,
    dataset: xr.Dataset,
    *,
    baseline: Mapping[str, float] | None = None,
    steps: int = 64,
    init_times: InitTimes = None,
    output: Mapping[str, Any] | None = None,
    **conversions: Any,
) -> xr.Dataset:
    """Divides what an input changes in the output among the numbers of the input.

    The input is compared with one that says nothing, the baseline x'. The attribution of number i
    is (x_i - x'_i) times its gradient, averaged along the straight line from x' to x. Together the
    attributions are the difference of the two outputs (completeness), up to the error of the
    integral, which the result has as `residual`. Dropout is off.

    Args:
        model, dataset, init_times, output, conversions: as in `keras_wx.explain.saliency`.
        baseline: variable -> its physical value in x'. By default no echo for reflectivity and
            rain, and the mean of the window for other variables. The mask is that of the input.
        steps: points on the line, those of the Gauss-Legendre rule. Twice as many show in
            `residual` whether they were enough.

    Returns:
        A Dataset of network numbers: `attribution (variable, init_time, lag, y, x)`, or
        `(variable, time, height)` of curtains; `output`, `output_at_baseline` and `residual`
        `(init_time)`, scalars of curtains. Where no frame has data, all is NaN.

    Raises:
        DataError: data that do not fit, or an `output` that is not there.
        ModelError: a baseline of the zoo, which has no gradient, or no step.
        UnknownNameError: a `baseline` for a variable that is no input.

    References:
        Sundararajan et al. (2017), Axiomatic Attribution for Deep Networks, arXiv:1703.01365.

    Example:

    ```python
    found = keras_wx.explain.integrated_gradients(model, curtain)
    found.attribution.sum(("time", "height"))            # what each variable accounts for
    ```
    """
    if steps < 1:
        raise ModelError(f"steps: expected at least 1. Received: steps={steps}")
    windows = read_windows(model, dataset, init_times, conversions)
    start = _baseline(windows, baseline or {})
    with without_dropout(model):
        weights = output_weights(model, windows, output)
        gradient_of = value_and_gradient(model)
        found = [
            _along_the_line(gradient_of, *(part[None] for part in parts), steps)
            for parts in zip(start, windows.x, weights, strict=True)
        ]
    first, last, attribution = (np.concatenate(parts) for parts in zip(*found, strict=True))
    residual = last - first - attribution.sum(axis=tuple(range(1, attribution.ndim)))
    if windows.missing is not None:
        gaps = windows.missing[:, None, ..., None]
        attribution[np.broadcast_to(gaps, attribution.shape)] = np.nan
    sums = {
        "output": (last, "Sum of the output that is explained"),
        "output_at_baseline": (first, "The same for the baseline"),
        "residual": (residual, "Difference of the two that is not attributed"),
    }
    named = "Part of the output that a number of the input accounts for, network numbers"
    return windows.described(
        {
            "attribution": windows.by_variable(attribution).assign_attrs(
                long_name=named, units="1"
            ),
            **{
                name: windows.labelled(values.astype(np.float32), windows.dims[:1]).assign_attrs(
                    long_name=f"{said}, network numbers", units="1"
                )
                for name, (values, said) in sums.items()
            },
        },
        "Integrated gradients",
    )


def _baseline(windows: Windows, given: Mapping[str, float]) -> np.ndarray:
    """Network numbers of an input that says nothing, shaped as that of the windows."""
    sample = windows.preset.sample
    channels, positions = data_channels(sample), channels_of(sample)
    for name in given:
        if name not in positions:
            raise unknown_name("input variable", name, positions)
    values = {number: given[name] for name in given for number in positions[name]}
    start = windows.x.copy()
    for channel, variable in channels.items():
        value = values.get(channel, no_echo(variable))
        if value is None:
            axes = tuple(range(1, start.ndim - 1))
            start[..., channel] = windows.x[..., channel].mean(axis=axes, keepdims=True)
        else:
            start[..., channel] = as_network_number(variable, value)
    return start


def _along_the_line(
    gradient_of: ValueAndGradient,
    start: np.ndarray,
    end: np.ndarray,
    weights: np.ndarray,
    steps: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Output at both ends, and the attribution, `(1, ...)` each, in double precision."""
    points, shares = np.polynomial.legendre.leggauss(steps)
    mean = np.zeros(start.shape)
    for point, share in zip(points, shares, strict=True):
        # The rule is for -1 to 1.
        _, gradient = gradient_of(start + (point + 1) / 2 * (end - start), weights)
        mean += share / 2 * gradient
    (first, _), (last, _) = gradient_of(start, weights), gradient_of(end, weights)
    return first.astype(float), last.astype(float), mean * (end - start)
