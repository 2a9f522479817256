"""The classification-guided module of UNet 3+: an image without the object stays empty."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_wx")
class ClassGate(keras.layers.Layer):
    """Replaces the forecast by the empty value where the classifier says that nothing is there.

    The decision is hard, so no gradient reaches the classifier through it: it is trained by its own
    cross entropy.

    Args:
        empty: network number of an empty image.

    Call arguments:
        forecast: `(batch, height, width, outputs)`.
        classes: `(batch, 2)`: how likely nothing, and something, is there.

    Output shape:
        That of the forecast.

    References:
        Huang et al. (2020), UNet 3+, arXiv:2004.08790, section 2.4.

    Example:
        >>> gate = ClassGate(empty=-1.0)
        >>> float(keras.ops.max(gate(keras.ops.ones((1, 4, 4, 1)), [[0.9, 0.1]])))
        -1.0
    """

    def __init__(self, empty: float = 0.0, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.empty = empty

    def call(self, forecast, classes):
        there = (classes[:, 1] > classes[:, 0])[:, None, None, None]
        return ops.where(there, forecast, self.empty)

    def compute_output_shape(self, forecast_shape, classes_shape):
        return forecast_shape

    def get_config(self):
        return super().get_config() | {"empty": self.empty}
