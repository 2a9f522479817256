"""Which part of the output an explanation is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import xarray as xr

from keras_wx.errors import DataError
from keras_wx.explain.windows import Windows


def output_weights(
    model: keras.Model, windows: Windows, chosen: Mapping[str, Any] | None
) -> np.ndarray:
    """1 for what is explained, 0 for the rest: the shape of what the model gives.

    Args:
        model: gives `(window, ..., target)`.
        windows: that it is given.
        chosen: indexers of `xarray.DataArray.loc` for the output, see `keras_wx.explain.saliency`.

    Raises:
        DataError: nothing is left, or there is no such label.
    """
    shape = (len(windows.x), *model(windows.x[:1], training=False).shape[1:])
    names = [target.name for target in windows.preset.sample.targets]
    # A probabilistic head gives the parameters of a distribution in the place of a target.
    targets = names if len(names) == shape[-1] else list(range(shape[-1]))
    coords = {dim: windows.coords[dim] for dim in windows.output_dims if dim in windows.coords}
    weights = xr.DataArray(
        np.zeros(shape, np.float32), coords | {"target": targets}, windows.output_dims
    )
    try:
        weights.loc[{"target": targets[0], **(chosen or {})}] = 1
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise DataError(
            f"output: expected labels along {windows.output_dims[1:]}, such as "
            f"{{'target': {targets[0]!r}}}. Received: output={chosen!r:.300} ({error})"
        ) from error
    found = weights.values
    if windows.blind is not None:
        found = found * windows.blind[..., None]
    if not found.any():
        where = "" if windows.blind is None else " in the blind zone"
        raise DataError(
            f"output: it leaves nothing to explain{where}. Received: output={chosen!r:.300}"
        )
    return found
