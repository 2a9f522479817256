"""The absolute error in the blind zone."""

from __future__ import annotations

import keras
from keras import ops

from keras_wx.losses.reduction import POINT_MEAN


@keras.saving.register_keras_serializable(package="keras_wx")
class BlindMAE(keras.losses.Loss):
    """Absolute error of the first channel, reflectivity, where the mask hides it.

    With the mask m as sample weight it is `sum(m |y_true - y_pred|) / sum(m)`: the ramp above the
    blind zone counts as much as the mask covers of it. Auxiliary channels are not trained.

    Call arguments:
        y_true: network numbers `(batch, height, time, channels)`.
        y_pred: reconstructed network numbers of the same shape.
        sample_weight: mask `(batch, height, time)`.

    References:
        King et al. (2024), Development of a Full-Scale Connected U-Net for Reflectivity Inpainting
        in Spaceborne Radar Blind Zones, doi:10.1175/AIES-D-23-0063.1, and its code.
    """

    def __init__(self, reduction=POINT_MEAN, name="blind_mae", **kwargs):
        super().__init__(reduction=reduction, name=name, **kwargs)

    def call(self, y_true, y_pred):
        return ops.abs(y_true[..., 0] - y_pred[..., 0])
