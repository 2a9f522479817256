"""Scores of a blind zone as Keras metrics, in physical units.

All of them look at the first channel, reflectivity, and at the gates whose weight is a full 1: the
blind zone without the ramp of its mask.
"""

from __future__ import annotations

import keras
from keras import ops

from keras_wx import transforms
from keras_wx.metrics.contingency import ContingencyMetric
from keras_wx.metrics.counting import CountingMetric


@keras.saving.register_keras_serializable(package="keras_wx")
class Dice(ContingencyMetric):
    """Dice coefficient of clouds: 2 hits / (2 hits + misses + false alarms).

    It is counted over the whole epoch, and 1 where nothing is observed and nothing reconstructed.

    Args:
        threshold: cloud is what lies above it, in physical units: what the transform gives for no
            cloud is none.
        transform: the target's transform, as a preset writes it.

    Call arguments:
        y_true: network numbers `(batch, height, time, channels)`.
        y_pred: reconstructed network numbers of the same shape.
        sample_weight: mask `(batch, height, time)`.

    References:
        King et al. (2024), Development of a Full-Scale Connected U-Net for Reflectivity Inpainting
        in Spaceborne Radar Blind Zones, doi:10.1175/AIES-D-23-0063.1, and its code.
    """

    score = "dice"
    _direction = "up"

    def __init__(self, threshold: float = -60.0, transform=None, name="dice", **kwargs):
        super().__init__(threshold, transform, name, **kwargs)

    def events(self, y):
        return ops.convert_to_tensor(self.transform.inverse(y[..., :1]) > self.threshold)

    def kept(self, sample_weight):
        return sample_weight >= 1

    def _score(self, hits, misses, false_alarms, correct_negatives):
        whole = 2.0 * hits + misses + false_alarms
        return ops.where(whole > 0, 2.0 * hits / ops.maximum(whole, 1.0), 1.0)


class BlindZoneError(keras.metrics.Mean):
    """Base: the mean over the gates of the blind zone of what `of(error)` makes of an error.

    Args:
        transform: the target's transform, as a preset writes it.

    Call arguments:
        As `Dice`.
    """

    score: str
    _direction = "down"

    def __init__(self, transform=None, name: str | None = None, **kwargs):
        super().__init__(name=name or self.score, **kwargs)
        self.transform = transforms.build(transform)

    def of(self, error):
        raise NotImplementedError

    def update_state(self, y_true, y_pred, sample_weight=None):
        observed, given = (_physical(self.transform, y) for y in (y_true, y_pred))
        keep = None if sample_weight is None else ops.cast(_in_hole(sample_weight), "float32")
        super().update_state(self.of(given - observed), keep)

    def get_config(self):
        return super().get_config() | {"transform": self.transform.to_config()}


@keras.saving.register_keras_serializable(package="keras_wx")
class BlindZoneMAE(BlindZoneError):
    """Mean absolute error in the blind zone, in dB of a reflectivity."""

    score = "mae_dbz"

    def of(self, error):
        return ops.abs(error)


@keras.saving.register_keras_serializable(package="keras_wx")
class BlindZoneRMSE(BlindZoneError):
    """Root mean squared error in the blind zone, in dB of a reflectivity."""

    score = "rmse_dbz"

    def of(self, error):
        return ops.square(error)

    def result(self):
        return ops.sqrt(super().result())


@keras.saving.register_keras_serializable(package="keras_wx")
class EMD(CountingMetric):
    """Earth mover's distance between the histograms of reflectivity, in percent of their range.

    With the cumulative distributions F and G of what is observed and reconstructed over the whole
    epoch, in `bins` equal bins, it is `100 / bins * sum |F - G|`. Values outside the range count in
    the first and last bin; no cloud counts in the first.

    Args:
        transform: the target's transform, as a preset writes it.
        low, high: the range in physical units.
        bins: number of bins.

    Call arguments:
        As `Dice`.

    References:
        As `Dice`; its code takes the absolute value of the sum, in which shortages and surpluses
        cancel.
    """

    score = "emd"
    _direction = "down"

    def __init__(
        self,
        transform=None,
        low: float = -60.0,
        high: float = 30.0,
        bins: int = 64,
        name="emd",
        **kwargs,
    ):
        super().__init__((2, bins), name, **kwargs)
        self.transform = transforms.build(transform)
        self.low = low
        self.high = high
        self.bins = bins

    def update_state(self, y_true, y_pred, sample_weight=None):
        histograms = []
        for y in (y_true, y_pred):
            value = _physical(self.transform, y)
            keep = ops.ones_like(value)
            if sample_weight is not None:
                keep = keep * ops.cast(_in_hole(sample_weight), "float32")
            place = ops.floor((value - self.low) / (self.high - self.low) * self.bins)
            place = ops.cast(ops.clip(place, 0, self.bins - 1), "int32")
            counts = ops.segment_sum(
                ops.cast(ops.ravel(keep), "int32"), ops.ravel(place), num_segments=self.bins
            )
            histograms.append(counts)
        self.add(ops.stack(histograms))

    def result(self):
        totals = self.totals()
        share = ops.divide_no_nan(totals, ops.sum(totals, axis=1, keepdims=True))
        observed, given = ops.unstack(ops.cumsum(share, axis=1), 2)
        return 100.0 / self.bins * ops.sum(ops.abs(observed - given))

    def get_config(self):
        return super().get_config() | {
            "transform": self.transform.to_config(),
            "low": self.low,
            "high": self.high,
            "bins": self.bins,
        }


def _physical(transform, y):
    """Of the first channel, `(batch, height, time)`."""
    return transform.inverse(ops.cast(y, "float32")[..., 0])


def _in_hole(sample_weight):
    return ops.convert_to_tensor(sample_weight) >= 1
