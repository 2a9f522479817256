"""Errors of gates, of patches and of cloud outlines in one loss."""

from __future__ import annotations

import keras
from keras import ops

from keras_wx.errors import ModelError
from keras_wx.losses.reduction import FieldLoss
from keras_wx.losses.similarity import check_grid, similarity, windowed
from keras_wx.losses.soft_csi import soft_index


@keras.saving.register_keras_serializable(package="keras_wx")
class Hybrid(FieldLoss):
    """Absolute error, structural similarity and overlap of clouds in the blind zone.

    Of the first channel, reflectivity, with the mask m as weight:

        mae  * sum(m |y_true - y_pred|) / sum(m)
      + ssim * (1 - mean of the structural similarity, each window as much as m covers of it)
      + iou  * (1 - soft intersection over union of the clouds)

    Cloud is what lies above `threshold`. The paper counts it hard, which leaves that term without a
    gradient; here, as in `SoftCSI`, a sigmoid stands in place of the step. The similarity is that
    of `MultiScaleSSIM` on one scale. Gates that the mask leaves out are 0 in both fields.

    Args:
        mae, ssim, iou: factors of the three terms.
        threshold: network number of the faintest cloud.
        temperature: width of the soft step, in network numbers.
        max_value: range of network numbers in the constants of the similarity; the paper takes 1.
        smoothing: gates added to intersection and union.

    Call arguments:
        y_true: network numbers `(batch, height, time, channels)`.
        y_pred: reconstructed network numbers of the same shape.
        sample_weight: mask `(batch, height, time)`.

    Raises:
        ModelError: a temperature, range or smoothing that is not positive; or, when called, a
            curtain that has fewer than 11 gates or columns, or whose size is not known.

    References:
        King et al. (2024), Development of a Full-Scale Connected U-Net for Reflectivity Inpainting
        in Spaceborne Radar Blind Zones, doi:10.1175/AIES-D-23-0063.1, and its code. Huang et al.
        (2020), UNet 3+, arXiv:2004.08790, section 2.3: loss of pixels, patches and maps.
    """

    def __init__(
        self,
        mae: float = 1.0,
        ssim: float = 1.0,
        iou: float = 1.0,
        threshold: float = -0.5,
        temperature: float = 0.1,
        max_value: float = 1.0,
        smoothing: float = 1.0,
        name="hybrid",
    ):
        super().__init__(name)
        if min(temperature, max_value, smoothing) <= 0:
            raise ModelError(
                "Hybrid: expected temperature > 0, max_value > 0 and smoothing > 0. Received: "
                f"temperature={temperature}, max_value={max_value}, smoothing={smoothing}"
            )
        self.mae = mae
        self.ssim = ssim
        self.iou = iou
        self.threshold = threshold
        self.temperature = temperature
        self.max_value = max_value
        self.smoothing = smoothing

    def compare(self, y_true, y_pred, weight):
        check_grid("hybrid", tuple(y_true.shape[1:3]))
        weight = weight[..., 0]
        truth, forecast = (ops.where(weight > 0, y[..., 0], 0.0) for y in (y_true, y_pred))
        luminance, structure = similarity(truth, forecast, self.max_value)
        overlap = soft_index(
            truth,
            forecast,
            weight,
            edge=self.threshold,
            temperature=self.temperature,
            smoothing=self.smoothing,
        )
        return (
            self.mae * _mean(ops.abs(truth - forecast), weight)
            + self.ssim * _mean(1.0 - luminance * structure, windowed(weight))
            + self.iou * (1.0 - overlap)
        )

    def get_config(self):
        return super().get_config() | {
            "mae": self.mae,
            "ssim": self.ssim,
            "iou": self.iou,
            "threshold": self.threshold,
            "temperature": self.temperature,
            "max_value": self.max_value,
            "smoothing": self.smoothing,
        }


def _mean(points, weight):
    return ops.divide_no_nan(ops.sum(weight * points), ops.sum(weight))
