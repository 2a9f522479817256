"""MAR: averages that march from the edge of the hole inwards."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter

from keras_wx.baselines.inpainting.base import InpaintingBaseline
from keras_wx.errors import ModelError
from keras_wx.registry import register_model


@register_model("marching_average")
class MarchingAverage(InpaintingBaseline):
    """Fills the hole layer by layer with the mean of what is known nearby: the paper's MAR.

    In each sweep the gates of the hole that have a known neighbour, beside, above or below, all
    take the mean of the known gates in the square window around them, and are known to the next
    sweep. The curtain is mirrored at its edges.

    Args:
        window: gates from the middle of the window to its edge; 8 are 17 x 17 gates.

    Input shape, output shape:
        As `InpaintingBaseline`.

    Raises:
        ModelError: a window of less than one gate.

    References:
        Geiss and Hardin (2021), Inpainting radar missing data regions with deep learning,
        Atmospheric Measurement Techniques 14, 7729-7747.

    Example:
        >>> keras_wx.predict(keras_wx.load("marching_average"), curtain)
    """

    def __init__(self, window: int = 8, name: str | None = None):
        super().__init__(name)
        if window < 1:
            raise ModelError(f"Expected a window of at least 1 gate. Received: window={window}")
        self.window = window

    def fill(self, curtains: np.ndarray, hole: np.ndarray) -> np.ndarray:
        known = ~hole
        filled = np.where(hole, 0, curtains).astype(np.float64)
        while not known.all():
            edge = ~known & _beside(known)
            share = self._mean(known[None].astype(np.float64))[:, edge]
            filled[:, edge] = self._mean(filled)[:, edge] / share
            known |= edge
        return filled

    def _mean(self, curtains: np.ndarray) -> np.ndarray:
        """Of the window around each gate; unknown gates are 0."""
        side = 2 * self.window + 1
        return uniform_filter(curtains, (1, side, side), mode="mirror")


def _beside(known: np.ndarray) -> np.ndarray:
    """Whether a gate has a known neighbour; one at an edge has its only neighbour twice."""
    padded = np.pad(known, 1, mode="reflect")
    return padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
