"""Errors that weigh more where it rains more."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from keras_wx import transforms
from keras_wx.errors import ModelError
from keras_wx.losses.reduction import POINT_MEAN


@keras.saving.register_keras_serializable(package="keras_wx")
class BalancedError(keras.losses.Loss):
    """Squared plus absolute error of gray levels, weighted by the observed rain rate.

    Rain is rare and heavy rain rarer, so each point weighs `weights[i]` when its observed rain
    rate lies in bin i of `thresholds`.

    Args:
        transform: the target's transform from dBZ to gray levels, as a preset writes it.
        zr: Z-R pair that turns dBZ into rain rate: `"hko_7"`, `"hko_2015"`, or `{a:, b:}`.
        thresholds: bin edges in mm/h, increasing.
        weights: one weight a bin, one more than thresholds.
        mse: factor of the weighted squared error.
        mae: factor of the weighted absolute error.

    Call arguments:
        y_true: gray levels `(batch, time, height, width, channels)`.
        y_pred: forecast gray levels of the same shape.
        sample_weight: mask `(batch, time, height, width)`.

    References:
        Shi et al. (2017), arXiv:1706.03458, section 3.3 (B-MSE and B-MAE of HKO-7), here averaged
        over points where the paper sums.
    """

    def __init__(
        self,
        transform=None,
        zr="hko_7",
        thresholds: Sequence[float] = (2.0, 5.0, 10.0, 30.0),
        weights: Sequence[float] = (1.0, 2.0, 5.0, 10.0, 30.0),
        mse: float = 1.0,
        mae: float = 1.0,
        reduction=POINT_MEAN,
        name="balanced_error",
        **kwargs,
    ):
        super().__init__(reduction=reduction, name=name, **kwargs)
        if len(weights) != len(thresholds) + 1 or list(thresholds) != sorted(thresholds):
            raise ModelError(
                "BalancedError: expected increasing thresholds and one weight more than "
                f"thresholds. Received: thresholds={list(thresholds)}, weights={list(weights)}"
            )
        self.transform = transforms.build(transform)
        self.zr = transforms.build({"zr": zr})
        self.thresholds = tuple(thresholds)
        self.weights = tuple(weights)
        self.mse = mse
        self.mae = mae

    def call(self, y_true, y_pred):
        error = y_true - y_pred
        points = self.mse * ops.square(error) + self.mae * ops.abs(error)
        return ops.mean(self._weight(y_true) * points, axis=-1)

    def _weight(self, y_true):
        # Bins are cut in dBZ: the Z-R relation is monotone, and a power costs more than a compare.
        reflectivity = self.transform.inverse(y_true)
        weight = ops.full_like(reflectivity, self.weights[0])
        for rate, low, high in zip(
            self.thresholds, self.weights[:-1], self.weights[1:], strict=True
        ):
            edge = float(self.zr.inverse(rate))
            weight = weight + (high - low) * ops.cast(reflectivity >= edge, weight.dtype)
        return weight

    def get_config(self):
        return super().get_config() | {
            "transform": self.transform.to_config(),
            "zr": self.zr.model_dump(),
            "thresholds": list(self.thresholds),
            "weights": list(self.weights),
            "mse": self.mse,
            "mae": self.mae,
        }
