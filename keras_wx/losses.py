"""Losses of weather fields: per grid point, so that a mask is the sample weight.

Each `call` gives one value a grid point, `(batch, time, height, width)`; the default reduction is
the mean with sample weight, which is exactly the mean over the points that the mask keeps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
from keras import ops

from keras_wx import transforms
from keras_wx.errors import ModelError, unknown_name
from keras_wx.keras_names import keras_class

_REDUCTION = "mean_with_sample_weight"


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

    def __init__(self, epsilon: float = 1e-7, reduction=_REDUCTION, name="cross_entropy", **kwargs):
        super().__init__(reduction=reduction, name=name, **kwargs)
        self.epsilon = epsilon

    def call(self, y_true, y_pred):
        p = ops.clip(y_pred, self.epsilon, 1.0 - self.epsilon)
        points = -(y_true * ops.log(p) + (1.0 - y_true) * ops.log(1.0 - p))
        elements = math.prod(ops.shape(points)[1:])
        return ops.mean(points, axis=-1) * ops.cast(elements, points.dtype)

    def get_config(self):
        return super().get_config() | {"epsilon": self.epsilon}


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
        reduction=_REDUCTION,
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


LOSSES = {"cross_entropy": SequenceCrossEntropy, "balanced_error": BalancedError}
_PHYSICAL = (BalancedError,)


def get(name: str, *, transform=None, **arguments) -> keras.losses.Loss:
    """A loss by name: one of keras_wx' own, else one of Keras'.

    Unless told otherwise, each is the mean over the points that a mask keeps.

    Args:
        name: `"cross_entropy"`, `"balanced_error"`, or a Keras loss such as `"mse"`.
        transform: the target's transform; given to the losses that work in physical units.
        **arguments: arguments of the loss.

    Raises:
        UnknownNameError: neither has it.
    """
    loss = LOSSES.get(name)
    if loss is not None:
        if loss in _PHYSICAL:
            arguments = {"transform": transforms.build(transform).to_config()} | arguments
        return loss(**arguments)
    try:
        loss = keras_class(keras.losses, name)
    except ValueError:
        raise unknown_name("loss", name, LOSSES, "Any Keras loss works too.") from None
    return loss(**{"reduction": _REDUCTION} | arguments)
