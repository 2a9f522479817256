"""Interpolation: the coarse field on the fine grid, and nothing else."""

from __future__ import annotations

import numpy as np

from keras_wx.baselines.base import Baseline
from keras_wx.errors import ModelError
from keras_wx.registry import register_model


@register_model("interpolation")
class Interpolation(Baseline):
    """Gives back the coarse field as it was interpolated onto the fine grid.

    How it is interpolated the preset's sample says (`method` of its coarse grid): `bilinear` and
    `bicubic` are presets of this architecture. It takes any pair of a fine and a coarse variable.

    Args:
        minimum: least value of the result, such as 0 for rain: cubics go below their neighbours.

    Input shape:
        `(batch, y, x, channels)`, the coarse field in the first channel.

    Output shape:
        `(batch, y, x, 1)`.

    Raises:
        ModelError: an input that is no batch of maps.

    Example:
        >>> keras_wx.predict(keras_wx.load("bicubic", minimum=0), pair)
    """

    any_variable = True

    def __init__(self, minimum: float | None = None, name: str | None = None):
        super().__init__(name)
        self.minimum = minimum

    def forecast(self, x: np.ndarray) -> np.ndarray:
        field = first_channel(self, x)
        return field if self.minimum is None else np.maximum(field, self.minimum)


def first_channel(model: Baseline, x: np.ndarray) -> np.ndarray:
    """The coarse field `(batch, y, x, 1)` of an input.

    Raises:
        ModelError: an input that is no batch of maps.
    """
    x = np.asarray(x)
    if x.ndim != 4 or not x.shape[-1]:
        raise ModelError(
            f"{model.name}: expected an input (batch, y, x, channels), the coarse field in the "
            f"first channel. Received: shape {x.shape}"
        )
    return x[..., :1]
