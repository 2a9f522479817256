"""The critical success index with soft events, so that it can be trained for."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from keras_wx import transforms
from keras_wx.errors import ModelError
from keras_wx.losses.reduction import FieldLoss

_ALL_BUT_LEAD_TIME = (0, 2, 3, 4)


@keras.saving.register_keras_serializable(package="keras_wx")
class SoftCSI(FieldLoss):
    """One minus the critical success index, with a sigmoid in place of the forecast's step.

    For an observation T and a forecast P in physical units, a threshold q and a temperature s, the
    events of a point are

        o = 1 if T >= q else 0            f = sigmoid((P - q) / s)

    and, with the sums over the points, channels and forecasts of a batch, each times its sample
    weight w, the index of threshold q at one lead time is

        CSI = (sum(w o f) + smoothing) / (sum(w (o + f - o f)) + smoothing)

    The loss is 1 minus its mean over thresholds and lead times. Counts are pooled over the batch,
    as verification pools them over an archive, so the loss of a batch is not the mean of the losses
    of its forecasts, and rare events want batches that hold some. For s -> 0 and no smoothing it is
    1 minus the CSI that `keras_wx.metrics.CSI` counts.

    Args:
        transform: the target's transform from physical units to network numbers, as a preset
            writes it.
        thresholds: an event is a value at or above one, in physical units.
        temperature: width s of the soft step, in physical units: f falls from 0.73 to 0.27 between
            q + s and q - s. Small values are closer to the CSI and leave less gradient to points
            far from the threshold.
        smoothing: points added to both sums. Where nothing is observed and nothing forecast, or a
            mask leaves no point, the index is then 1.

    Call arguments:
        y_true: network numbers `(batch, time, height, width, channels)`.
        y_pred: forecast network numbers of the same shape.
        sample_weight: mask `(batch, time, height, width)`; points of weight 0 are not counted.

    Raises:
        ModelError: no threshold, or a temperature or smoothing that is not positive.

    References:
        Donaldson et al. (1975), An objective evaluator of techniques for predicting severe weather
        events: the CSI. Rahman and Wang (2016), Optimizing intersection-over-union in deep neural
        networks for image segmentation: the same sums with probabilities.
    """

    def __init__(
        self,
        transform=None,
        thresholds: Sequence[float] = (10.0, 20.0, 30.0),
        temperature: float = 2.0,
        smoothing: float = 1.0,
        name="soft_csi",
    ):
        super().__init__(name)
        if not thresholds or temperature <= 0 or smoothing <= 0:
            raise ModelError(
                "SoftCSI: expected at least one threshold, temperature > 0 and smoothing > 0. "
                f"Received: thresholds={list(thresholds)}, temperature={temperature}, "
                f"smoothing={smoothing}"
            )
        self.transform = transforms.build(transform)
        self.thresholds = tuple(thresholds)
        self.temperature = temperature
        self.smoothing = smoothing

    def compare(self, y_true, y_pred, weight):
        observed, forecast = self.transform.inverse(y_true), self.transform.inverse(y_pred)
        scores = [
            soft_index(
                observed,
                forecast,
                weight,
                edge=edge,
                temperature=self.temperature,
                smoothing=self.smoothing,
                axis=_ALL_BUT_LEAD_TIME,
            )
            for edge in self.thresholds
        ]
        return 1.0 - ops.mean(ops.stack(scores))

    def get_config(self):
        return super().get_config() | {
            "transform": self.transform.to_config(),
            "thresholds": list(self.thresholds),
            "temperature": self.temperature,
            "smoothing": self.smoothing,
        }


def soft_index(
    observed,
    forecast,
    weight,
    *,
    edge: float,
    temperature: float,
    smoothing: float,
    axis: tuple[int, ...] | None = None,
):
    """The index of one threshold, of the sums over `axis`; see `SoftCSI` for the symbols."""
    seen = weight * ops.cast(observed >= edge, weight.dtype)
    said = ops.sigmoid((forecast - edge) / temperature)
    hits = ops.sum(seen * said, axis=axis)
    union = ops.sum(seen + weight * said, axis=axis) - hits
    return (hits + smoothing) / (union + smoothing)
