"""Categorical scores as Keras metrics: events counted over the epoch, then one ratio.

An event is a value at or above a threshold in physical units. Counts are summed over all points,
frames and batches that the mask keeps, and the score is computed from the sums.
"""

from __future__ import annotations

import keras
from keras import ops

from keras_wx import transforms
from keras_wx.errors import unknown_name


class ContingencyMetric(keras.metrics.Metric):
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

    score: str

    def __init__(self, threshold: float, transform=None, name: str | None = None, **kwargs):
        super().__init__(name=name or f"{self.score}_{threshold:g}", **kwargs)
        self.threshold = threshold
        self.transform = transforms.build(transform)
        # Counts beyond 2**24 would stand still in one float32: pairs of (millions, rest).
        self.counts = self.add_weight(shape=(2, 4), initializer="zeros", name="counts")

    def update_state(self, y_true, y_pred, sample_weight=None):
        observed = ops.cast(self.transform.inverse(y_true) >= self.threshold, "float32")
        forecast = ops.cast(self.transform.inverse(y_pred) >= self.threshold, "float32")
        keep = ops.ones_like(observed)
        if sample_weight is not None:
            sample_weight = ops.convert_to_tensor(sample_weight)
            while len(sample_weight.shape) < len(observed.shape):
                sample_weight = ops.expand_dims(sample_weight, -1)
            keep = keep * ops.cast(sample_weight > 0, "float32")
        cells = ops.stack(
            [
                _count(observed * forecast * keep),
                _count(observed * (1 - forecast) * keep),
                _count((1 - observed) * forecast * keep),
                _count((1 - observed) * (1 - forecast) * keep),
            ]
        )
        rest = self.counts[1] + cells
        carry = ops.floor(rest / 1e6)
        self.counts.assign(ops.stack([self.counts[0] + carry, rest - carry * 1e6]))

    def result(self):
        counts = self.counts[0] * 1e6 + self.counts[1]
        return self._score(*ops.unstack(counts, 4))

    def _score(self, hits, misses, false_alarms, correct_negatives):
        raise NotImplementedError

    def get_config(self):
        return super().get_config() | {
            "threshold": self.threshold,
            "transform": self.transform.to_config(),
        }


def _count(cells):
    # Frame by frame, so that no partial sum leaves the range in which float32 counts exactly.
    return ops.sum(ops.sum(cells, axis=tuple(range(2, len(cells.shape)))))


def _ratio(part, whole):
    return ops.where(whole > 0, part / ops.maximum(whole, 1.0), 0.0)


@keras.saving.register_keras_serializable(package="keras_wx")
class CSI(ContingencyMetric):
    """Critical success index: hits / (hits + misses + false alarms)."""

    score = "csi"

    def _score(self, hits, misses, false_alarms, correct_negatives):
        return _ratio(hits, hits + misses + false_alarms)


@keras.saving.register_keras_serializable(package="keras_wx")
class POD(ContingencyMetric):
    """Probability of detection: hits / (hits + misses)."""

    score = "pod"

    def _score(self, hits, misses, false_alarms, correct_negatives):
        return _ratio(hits, hits + misses)


@keras.saving.register_keras_serializable(package="keras_wx")
class FAR(ContingencyMetric):
    """False alarm ratio: false alarms / (hits + false alarms)."""

    score = "far"

    def _score(self, hits, misses, false_alarms, correct_negatives):
        return _ratio(false_alarms, hits + false_alarms)


@keras.saving.register_keras_serializable(package="keras_wx")
class HSS(ContingencyMetric):
    """Heidke skill score: 1 for a perfect forecast, 0 for one no better than chance."""

    score = "hss"

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


METRICS = {m.score: m for m in (CSI, POD, FAR, HSS, FrequencyBias)}


def get(name: str, *, transform=None, **arguments) -> keras.metrics.Metric:
    """A metric by name: `csi`, `pod`, `far`, `hss`, `bias`, or any of Keras'.

    Args:
        name: the metric.
        transform: the target's transform, for the scores at physical thresholds.
        **arguments: arguments of the metric, e.g. `threshold=10`.

    Raises:
        UnknownNameError: neither has it.
    """
    metric = METRICS.get(name)
    if metric is not None:
        return metric(transform=transforms.build(transform).to_config(), **arguments)
    try:
        return keras.metrics.get(name)
    except ValueError:
        raise unknown_name("metric", name, METRICS, "Any Keras metric works too.") from None
