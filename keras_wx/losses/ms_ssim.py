"""Structural similarity on several scales."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from keras_wx.errors import ModelError
from keras_wx.losses.reduction import FieldLoss

_WINDOW, _SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03
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
                truth, forecast = _filtered(_halving, truth), _filtered(_halving, forecast)
            luminance, structure = self._similarity(truth, forecast)
            last = scale == len(weights) - 1
            points = luminance * structure if last else structure
            index *= ops.power(ops.maximum(ops.mean(points, axis=(-2, -1)), _LEAST), weight)
        return index

    def _weights_for(self, grid: tuple[int | None, int | None]) -> list[float]:
        if None in grid or min(grid) < _WINDOW:
            raise ModelError(
                f"The loss 'ms_ssim' needs a grid of at least {_WINDOW} x {_WINDOW} points whose "
                f"size is known when the model is compiled. Received: grid={grid}"
            )
        scales, side = 0, min(grid)
        while scales < len(self.weights) and side >= _WINDOW:
            scales, side = scales + 1, (side + 1) // 2
        used = self.weights[:scales]
        return [weight / sum(used) for weight in used]

    def _similarity(self, truth, forecast):
        c1, c2 = ((k * self.max_value) ** 2 for k in (_K1, _K2))
        mean_truth, mean_forecast = _filtered(_gaussian, truth), _filtered(_gaussian, forecast)
        product = mean_truth * mean_forecast
        squares = ops.square(mean_truth) + ops.square(mean_forecast)
        covariance = _filtered(_gaussian, truth * forecast) - product
        variances = _filtered(_gaussian, ops.square(truth) + ops.square(forecast)) - squares
        luminance = (2.0 * product + c1) / (squares + c1)
        return luminance, (2.0 * covariance + c2) / (variances + c2)

    def get_config(self):
        return super().get_config() | {
            "max_value": self.max_value,
            "weights": list(self.weights),
        }


def _filtered(matrix: Callable[[int], np.ndarray], frames):
    """A separable filter as two matrix products; convolutions took 8 to 30 times as long on a CPU.

    Args:
        matrix: gives the filter's matrix for a number of points.
        frames: `(..., height, width)`.
    """
    rows, columns = (matrix(points).astype("float32") for points in frames.shape[-2:])
    return ops.matmul(ops.matmul(rows, frames), columns.T)


def _gaussian(points: int) -> np.ndarray:
    """The Gaussian window, wherever it lies inside."""
    kernel = np.exp(-0.5 * ((np.arange(_WINDOW) - _WINDOW // 2) / _SIGMA) ** 2)
    matrix = np.zeros((points - _WINDOW + 1, points))
    for row in range(len(matrix)):
        matrix[row, row : row + _WINDOW] = kernel / kernel.sum()
    return matrix


def _halving(points: int) -> np.ndarray:
    """Means of neighbours; an odd last point stays alone."""
    matrix = np.zeros(((points + 1) // 2, points))
    matrix[np.arange(points) // 2, np.arange(points)] = 1.0
    return matrix / matrix.sum(axis=1, keepdims=True)
