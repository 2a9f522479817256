"""The moving average of the weights: it is what is validated and kept, and never trained on.

Keras writes the average over the weights only when `fit` ends, and its `SwapEMAWeights` exchanges
the two by sums and differences, which rounds: validating would change what is trained. Here the
weights are put aside and come back bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
from keras import ops


@contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """The model with the moving average in place of its weights, where its optimizer has one.

    Example:

    ```python
    with averaged(model):
        forecast = keras_wx.predict(model, radar)
    ```
    """
    weights = _put_average(model)
    try:
        yield
    finally:
        _put_back(weights)


class AveragedValidation(keras.callbacks.Callback):
    """Validates the moving average inside `fit`. It changes nothing where there is none."""

    def __init__(self):
        super().__init__()
        self._weights = []

    def on_test_begin(self, logs=None):
        self._weights = _put_average(self.model)

    def on_test_end(self, logs=None):
        _put_back(self._weights)


def _put_average(model: keras.Model) -> list[tuple[keras.Variable, np.ndarray]]:
    """Variables with their own values; none for a model without an average, or not compiled."""
    optimizer = inner_optimizer(getattr(model, "optimizer", None))
    if not getattr(optimizer, "use_ema", False) or not optimizer.built:
        return []
    averages = zip(
        optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True
    )
    weights = []
    for variable, average in averages:
        weights.append((variable, ops.convert_to_numpy(variable)))
        # By way of NumPy: under JAX both would be one buffer, which a step gives away.
        variable.assign(ops.convert_to_numpy(average))
    return weights


def _put_back(weights: list[tuple[keras.Variable, np.ndarray]]) -> None:
    for variable, values in weights:
        variable.assign(values)


def inner_optimizer(optimizer):
    """The optimizer that moves the weights, inside the one that scales the loss."""
    return getattr(optimizer, "inner_optimizer", optimizer)
