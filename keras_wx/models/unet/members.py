"""The members of an ensemble in one pass: what they share once, what merging replaces never."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import numpy as np

from keras_wx.layers import dropout_layers
from keras_wx.models.unet.blocks import Draws, Tensor

_POINTS = 512 * 512
"""Grid points of all members and curtains that are computed at a time."""
_STEP = 8
"""Rows are computed in multiples of it, so that few masks need a graph of their own."""


class Members:
    """Graphs that give many members each, kept by what they were made for.

    They have the layers of the model, its weights and generators. No attribute of the model holds
    one: Keras would save it.

    Args:
        run: builds the graph from `(curtain, draws)`.
        reach: number of rows by which the convolutions after the last upsampling reach upwards.
    """

    def __init__(self, run: Callable[[Tensor, Draws], Tensor], reach: int):
        self._run = run
        self._reach = reach
        self._graphs: dict[tuple, keras.Model] = {}

    def forecast(
        self, model: keras.Model, x: np.ndarray, members: int, *, merged: bool
    ) -> np.ndarray:
        """`(members, batch, height, time, outputs)`.

        Args:
            model: that the graphs belong to.
            x: curtains, the mask last where forecasts are `merged` with measurements.
            members: how many.
            merged: whether a forecast is the measurement where the mask is 0.
        """
        batch, height = x.shape[:2]
        rows = self._rows(x[..., -1]) if merged else height
        passes = math.ceil(members / max(1, _POINTS // (batch * height * x.shape[2])))
        size = math.ceil(members / passes)
        graph = self._graph(model, x.shape[1:], Draws(size, rows if rows < height else None))
        outputs = graph.output_shape[-1]
        if merged:
            found = np.repeat(x[None, ..., :outputs], members, axis=0)
        else:
            found = np.empty((members, *x.shape[:-1], outputs), np.float32)
        for start in range(0, members, size):
            drawn = graph.predict_on_batch(x).reshape(size, batch, rows, -1, outputs)
            found[start : start + size, :, :rows] = drawn[: members - start]
        return found

    def _rows(self, mask: np.ndarray) -> int:
        """How many of the lowest rows have to be computed for this mask."""
        blended = np.flatnonzero(mask.max(axis=(0, 2)) > 0)
        if not blended.size:
            return _STEP
        wanted = int(blended[-1]) + 1 + self._reach
        return min(mask.shape[1], math.ceil(wanted / _STEP) * _STEP)

    def _graph(self, model: keras.Model, shape: tuple[int, ...], draws: Draws) -> keras.Model:
        active = tuple(layer.active for layer in dropout_layers(model))
        key = (shape, draws, active)
        if key not in self._graphs:
            curtain = keras.Input(shape)
            self._graphs[key] = keras.Model(curtain, self._run(curtain, draws))
        return self._graphs[key]
