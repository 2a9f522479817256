"""Cross entropy of gray levels, as the ConvLSTM paper sums it."""

from __future__ import annotations

import math

import keras
from keras import ops

from keras_wx.losses.reduction import POINT_MEAN


@keras.saving.register_keras_serializable(package="keras_wx")
class SequenceCrossEntropy(keras.losses.Loss):
    """Cross entropy of gray levels, summed over a sequence and averaged over sequences.

    For targets T and forecasts P in [0, 1] the loss of a sequence is
    `-sum(T log P + (1 - T) log(1 - P))` over all frames, grid points and channels. Where a mask
    leaves points out, the mean over the others stands in for them.

    Args:
        epsilon: P is kept in `[epsilon, 1 - epsilon]`.

    Call arguments:
        y_true: gray levels `(batch, time, height, width, channels)`.
        y_pred: forecast gray levels of the same shape.
        sample_weight: mask `(batch, time, height, width)`.

    References:
        Shi et al. (2015), arXiv:1506.04214, section 4.1.
    """

    def __init__(self, epsilon: float = 1e-7, reduction=POINT_MEAN, name="cross_entropy", **kwargs):
        super().__init__(reduction=reduction, name=name, **kwargs)
        self.epsilon = epsilon

    def call(self, y_true, y_pred):
        p = ops.clip(y_pred, self.epsilon, 1.0 - self.epsilon)
        points = -(y_true * ops.log(p) + (1.0 - y_true) * ops.log(1.0 - p))
        elements = math.prod(ops.shape(points)[1:])
        return ops.mean(points, axis=-1) * ops.cast(elements, points.dtype)

    def get_config(self):
        return super().get_config() | {"epsilon": self.epsilon}
