"""Structural similarity on several scales."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from keras_wx.errors import ModelError
from keras_wx.losses.reduction import FieldLoss
from keras_wx.losses.similarity import WINDOW, check_grid, halved, similarity

# A power below 1 has no slope at 0, and frames that are opposites of each other lie below.
_LEAST = 1e-6


@keras.saving.register_keras_serializable(package="keras_wx")
class MultiScaleSSIM(FieldLoss):
    """One minus the multi-scale structural similarity of frames.

    With the means m, variances v and covariance k of truth T and forecast P in a Gaussian window of
    11 x 11 points (standard deviation 1.5), c1 = (0.01 L)^2, c2 = (0.03 L)^2 and L = `max_value`,

        luminance = (2 m_T m_P + c1) / (m_T^2 + m_P^2 + c1)
        structure = (2 k + c2) / (v_T + v_P + c2)

    averaged over the windows that lie inside the frame. A scale halves the frame before it by
    means of 2 x 2 points. With the weights a_1 ... a_M, the index of a frame is

        product over i < M of mean(structure_i)^a_i, times mean(luminance_M structure_M)^a_M

    and the loss is 1 minus its mean over the frames and channels of a batch.

    A frame needs 11 points on either side at the coarsest scale: 176 for all five. Smaller frames
    have fewer scales, whose weights are divided by their sum: 3 for 64 x 64 points. Means that are
    not positive count as 1e-6.

    Points that a mask leaves out are 0 in both fields; the windows that reach over its edge
    see them, equal on both sides. A frame weighs as much as the mask keeps of it.

    Args:
        max_value: the range L of network numbers: 1 for gray levels.
        weights: one a scale, from the finest to the coarsest.

    Call arguments:
        y_true: network numbers `(batch, time, height, width, channels)`.
        y_pred: forecast network numbers of the same shape.
        sample_weight: mask `(batch, time, height, width)`.

    Raises:
        ModelError: arguments that are not positive; or, when called, a grid that has fewer than 11
            points on a side, or whose size is not known.

    References:
        Wang, Simoncelli and Bovik (2003), Multiscale structural similarity for image quality
        assessment: equation 7 and the weights. Wang et al. (2004), Image quality assessment: from
        error visibility to structural similarity: window and constants. Tran and Song (2019),
        Computer vision in precipitation nowcasting: the loss for radar.
    """

    def __init__(
        self,
        max_value: float = 1.0,
        weights: Sequence[float] = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
        name="ms_ssim",
    ):
        super().__init__(name)
        if max_value <= 0 or not weights or min(weights) <= 0:
            raise ModelError(
                "MultiScaleSSIM: expected max_value > 0 and at least one weight, all positive. "
                f"Received: max_value={max_value}, weights={list(weights)}"
            )
        self.max_value = max_value
        self.weights = tuple(weights)

    def compare(self, y_true, y_pred, weight):
        truth, forecast = (
            ops.moveaxis(ops.where(weight > 0, field, 0.0), -1, 2) for field in (y_true, y_pred)
        )
        share = ops.mean(weight, axis=(2, 3))
        loss = ops.sum(share * (1.0 - self._index(truth, forecast)))
        return ops.divide_no_nan(loss, ops.sum(share))

    def _index(self, truth, forecast):
        """Of each frame of fields `(batch, time, channels, height, width)`."""
        weights = self._weights_for(tuple(truth.shape[-2:]))
        index = 1.0
        for scale, weight in enumerate(weights):
            if scale > 0:
                truth, forecast = halved(truth), halved(forecast)
            luminance, structure = similarity(truth, forecast, self.max_value)
            last = scale == len(weights) - 1
            points = luminance * structure if last else structure
            index *= ops.power(ops.maximum(ops.mean(points, axis=(-2, -1)), _LEAST), weight)
        return index

    def _weights_for(self, grid: tuple[int | None, int | None]) -> list[float]:
        check_grid("ms_ssim", grid)
        scales, side = 0, min(grid)
        while scales < len(self.weights) and side >= WINDOW:
            scales, side = scales + 1, (side + 1) // 2
        used = self.weights[:scales]
        return [weight / sum(used) for weight in used]

    def get_config(self):
        return super().get_config() | {
            "max_value": self.max_value,
            "weights": list(self.weights),
        }
