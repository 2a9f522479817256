"""Counts over an epoch that stay exact."""

from __future__ import annotations

import keras
from keras import ops

_MILLION = 1_000_000


class CountingMetric(keras.metrics.Metric):
    """Base of the metrics that count points over the epoch, and compute their score at its end.

    Args:
        shape: of the counts.
    """

    def __init__(self, shape: tuple[int, ...], name: str, **kwargs):
        super().__init__(name=name, **kwargs)
        # Counts beyond 2**24 would stand still in one float32: rows of millions and of the rest.
        self.counts = self.add_weight(
            shape=(2, *shape), initializer="zeros", dtype="float32", name="counts"
        )

    def add(self, cells) -> None:
        """Adds the counts of a batch, whole numbers."""
        rest = self.counts[1] + ops.cast(cells % _MILLION, "float32")
        carry = ops.floor(rest / _MILLION)
        millions = self.counts[0] + ops.cast(cells // _MILLION, "float32") + carry
        self.counts.assign(ops.stack([millions, rest - carry * _MILLION]))

    def totals(self):
        """The counts since the last reset, rounded to float32."""
        return self.counts[0] * _MILLION + self.counts[1]
