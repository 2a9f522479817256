"""REP: the lowest measured gate, repeated downwards."""

from __future__ import annotations

import numpy as np

from keras_wx.baselines.inpainting.base import InpaintingBaseline
from keras_wx.registry import register_model


@register_model("repeat")
class Repeat(InpaintingBaseline):
    """Fills each gate of the hole with the next measured one above: the paper's REP.

    Input shape, output shape:
        As `InpaintingBaseline`.

    References:
        Geiss and Hardin (2021), Inpainting radar missing data regions with deep learning,
        Atmospheric Measurement Techniques 14, 7729-7747.

    Example:
        >>> keras_wx.predict(keras_wx.load("repeat"), curtain)
    """

    def fill(self, curtains: np.ndarray, hole: np.ndarray) -> np.ndarray:
        return np.take_along_axis(curtains, next_measured(hole)[None], axis=1)


def next_measured(hole: np.ndarray) -> np.ndarray:
    """Row of each gate itself, or in the hole that of the next gate above it that is measured."""
    rows = np.arange(len(hole))[:, None]
    return np.minimum.accumulate(np.where(hole, len(hole), rows)[::-1])[::-1]
