"""How losses meet masks: as the mean over points, or inside a loss of whole fields."""

from __future__ import annotations

import keras
from keras import ops

POINT_MEAN = "mean_with_sample_weight"
"""Keras' mean with sample weight: for a mask, exactly the mean over the points that it keeps."""


class FieldLoss(keras.losses.Loss):
    """Base of the losses that see whole fields, where no point has a loss of its own.

    Keras multiplies a loss at each point by the sample weight; here the weight goes into `compare`
    instead. All of it is computed in float32, whatever the precision of the forecast.

    Call arguments:
        y_true: network numbers `(batch, time, height, width, channels)`.
        y_pred: forecast network numbers of the same shape.
        sample_weight: mask `(batch, time, height, width)`, or a weight with fewer of these
            dimensions, which then holds along the others.
    """

    def __init__(self, name: str):
        super().__init__(name=name, dtype="float32")

    def __call__(self, y_true, y_pred, sample_weight=None):
        weight = ops.ones(()) if sample_weight is None else ops.convert_to_tensor(sample_weight)
        return super().__call__((y_true, weight), y_pred)

    def call(self, y_true, y_pred):
        y_true, weight = y_true
        if len(weight.shape) > 0:
            missing = len(y_true.shape) - len(weight.shape)
            weight = ops.reshape(weight, (*ops.shape(weight), *(1,) * missing))
        weight = ops.broadcast_to(weight, ops.shape(y_true))
        # As a vector: Keras shares the mean of one among replicas, and leaves a scalar as it is.
        return ops.reshape(self.compare(y_true, y_pred, weight), (1,))

    def compare(self, y_true, y_pred, weight):
        """The loss of a batch as one number; all three have the shape of `y_true`."""
        raise NotImplementedError

    def get_config(self):
        return {"name": self.name}
