"""Categorical scores as Keras metrics: events counted over the epoch, then one ratio.

An event is a value at or above a threshold in physical units. Counts are summed over all points,
frames and batches that the mask keeps, and the score is computed from the sums.
"""

from __future__ import annotations

import functools

import keras
from keras import ops

from keras_wx import transforms
from keras_wx.metrics.counting import CountingMetric


class ContingencyMetric(CountingMetric):
    """Base: counts hits, misses, false alarms and correct negatives.

    Args:
        threshold: an event is a value at or above it, in physical units.
        transform: the target's transform, as a preset writes it; None compares network numbers.
        name: None for the score and threshold, e.g. `"csi_10"`.

    Call arguments:
        y_true: network numbers `(batch, time, height, width, channels)`.
        y_pred: forecast network numbers of the same shape.
        sample_weight: mask `(batch, time, height, width)`; points of weight 0 are not counted.
    """

    # A score of which one end is better says so by Keras' `_direction`; `mode="auto"` reads it.
    score: str

    def __init__(self, threshold: float, transform=None, name: str | None = None, **kwargs):
        super().__init__((4,), name=name or f"{self.score}_{threshold:g}", **kwargs)
        self.threshold = threshold
        self.transform = transforms.build(transform)

    def events(self, y):
        """Whether there is one at each point of network numbers."""
        return ops.convert_to_tensor(self.transform.inverse(y) >= self.threshold)

    def kept(self, sample_weight):
        """Whether a point of this weight is counted."""
        return sample_weight > 0

    def update_state(self, y_true, y_pred, sample_weight=None):
        observed, forecast = self.events(y_true), self.events(y_pred)
        keep = ops.ones_like(observed)
        if sample_weight is not None:
            sample_weight = ops.convert_to_tensor(sample_weight)
            while len(sample_weight.shape) < len(observed.shape):
                sample_weight = ops.expand_dims(sample_weight, -1)
            keep = ops.logical_and(keep, self.kept(sample_weight))
        cells = [
            _count(observed, forecast, keep),
            _count(observed, ~forecast, keep),
            _count(~observed, forecast, keep),
            _count(~observed, ~forecast, keep),
        ]
        self.add(ops.stack(cells))

    def result(self):
        return self._score(*ops.unstack(self.totals(), 4))

    def _score(self, hits, misses, false_alarms, correct_negatives):
        raise NotImplementedError

    def get_config(self):
        return super().get_config() | {
            "threshold": self.threshold,
            "transform": self.transform.to_config(),
        }


def _count(*conditions):
    return ops.sum(ops.cast(functools.reduce(ops.logical_and, conditions), "int32"))


def _ratio(part, whole):
    return ops.where(whole > 0, part / ops.maximum(whole, 1.0), 0.0)


@keras.saving.register_keras_serializable(package="keras_wx")
class CSI(ContingencyMetric):
    """Critical success index: hits / (hits + misses + false alarms)."""

    score = "csi"
    _direction = "up"

    def _score(self, hits, misses, false_alarms, correct_negatives):
        return _ratio(hits, hits + misses + false_alarms)


@keras.saving.register_keras_serializable(package="keras_wx")
class POD(ContingencyMetric):
    """Probability of detection: hits / (hits + misses)."""

    score = "pod"
    _direction = "up"

    def _score(self, hits, misses, false_alarms, correct_negatives):
        return _ratio(hits, hits + misses)


@keras.saving.register_keras_serializable(package="keras_wx")
class FAR(ContingencyMetric):
    """False alarm ratio: false alarms / (hits + false alarms)."""

    score = "far"
    _direction = "down"

    def _score(self, hits, misses, false_alarms, correct_negatives):
        return _ratio(false_alarms, hits + false_alarms)


@keras.saving.register_keras_serializable(package="keras_wx")
class HSS(ContingencyMetric):
    """Heidke skill score: 1 for a perfect forecast, 0 for one no better than chance."""

    score = "hss"
    _direction = "up"

    def _score(self, hits, misses, false_alarms, correct_negatives):
        # In fractions of the sample, so that products of counts stay within float32.
        n = ops.maximum(hits + misses + false_alarms + correct_negatives, 1.0)
        a, b, c, d = hits / n, misses / n, false_alarms / n, correct_negatives / n
        whole = (a + b) * (b + d) + (a + c) * (c + d)
        return ops.where(whole > 0, 2.0 * (a * d - b * c) / ops.where(whole > 0, whole, 1.0), 0.0)


@keras.saving.register_keras_serializable(package="keras_wx")
class FrequencyBias(ContingencyMetric):
    """Frequency bias: forecast events / observed events; 1 when as often as observed."""

    score = "bias"

    def _score(self, hits, misses, false_alarms, correct_negatives):
        return _ratio(hits + false_alarms, hits + misses)
