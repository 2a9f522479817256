"""Straight lines through the lowest measured gates, continued downwards."""

from __future__ import annotations

import numpy as np

from keras_wx.baselines.inpainting.base import InpaintingBaseline
from keras_wx.baselines.inpainting.repeat import next_measured
from keras_wx.errors import ModelError
from keras_wx.registry import register_model


@register_model("linear")
class Linear(InpaintingBaseline):
    """Continues the profile of each column into the hole as a straight line.

    A blind zone has no other side, so there is nothing to interpolate to. The line is the least
    squares fit to the lowest measured gates, as far up as they are cloud without a gap. One gate
    alone is repeated, and below a clear gate it stays clear.

    Args:
        gates: number of gates that the line is fitted to, at most.

    Input shape, output shape:
        As `InpaintingBaseline`.

    Raises:
        ModelError: fewer than two gates, which make no line.

    Example:
        >>> keras_wx.predict(keras_wx.load("linear"), curtain)
    """

    def __init__(self, gates: int = 8, name: str | None = None):
        super().__init__(name)
        if gates < 2:
            raise ModelError(f"Expected at least two gates for a line. Received: gates={gates}")
        self.gates = gates

    def fill(self, curtains: np.ndarray, hole: np.ndarray) -> np.ndarray:
        rows, columns = np.nonzero(hole)
        lowest = next_measured(hole)[rows, columns]
        above = np.arange(self.gates)
        ladder = np.minimum(lowest[:, None] + above, len(hole) - 1), columns[:, None]
        values = curtains[:, *ladder].astype(np.float64)
        fits = (self.snap(values) > self.clear) & ~hole[ladder]
        fits &= lowest[:, None] + above < len(hole)
        weight = np.logical_and.accumulate(fits, axis=-1)
        # Below a clear gate nothing fits: that gate alone stands for the line.
        weight[..., 0] = True

        def mean(numbers):
            return (weight * numbers).sum(axis=-1, keepdims=True) / weight.sum(
                axis=-1, keepdims=True
            )

        offset, anomaly = above - mean(above), values - mean(values)
        spread = mean(offset**2)
        slope = np.divide(mean(offset * anomaly), spread, out=0 * spread, where=spread > 0)
        line = mean(values) + slope * ((rows - lowest)[:, None] - mean(above))
        filled = curtains.astype(np.float64)
        filled[:, rows, columns] = line[..., 0]
        return filled
