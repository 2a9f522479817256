"""The events of a blind zone: cloud, precipitation that begins in it, or that ends in it."""

from __future__ import annotations

import numpy as np

from keras_wx.verification.curtain.gates import Sums, lowest_gate
from keras_wx.verification.curtain.pairs import Columns

EVENTS = ("cloud", "shallow_precipitation", "virga")


def of_events(
    part: Columns, scene: int, low: float, precipitation: float, cloud_fraction: float
) -> Sums:
    """Contingency tables of the events, by scenes of so many columns; the last may be shorter.

    A scene that says nothing of an event, for want of truth, is left out of its table.
    """
    starts = np.arange(0, len(part.truth), scene)
    gates = part.valid & part.hole
    share_of = [
        np.add.reduceat((gates & (field > low)).sum(axis=1), starts)
        for field in (part.centre, part.truth)
    ]
    total = np.add.reduceat(gates.sum(axis=1), starts)
    above = np.fmax.reduceat(_above_hole(part), starts)
    lowest = [np.fmax.reduceat(field, starts) for field in lowest_gate(part)]
    known = ~(np.isnan(above) | np.isnan(lowest[1]))

    happens = {
        "cloud": [(share >= cloud_fraction * total)[total > 0] for share in share_of],
        "shallow_precipitation": [
            ((above < precipitation) & (field >= precipitation))[known] for field in lowest
        ],
        "virga": [((above >= precipitation) & (field < precipitation))[known] for field in lowest],
    }
    tables = [_table(*happens[event]) for event in EVENTS]
    names = ("hits", "misses", "false_alarms", "correct_negatives")
    return {
        name: (("event",), np.array(counts))
        for name, counts in zip(names, zip(*tables, strict=True), strict=True)
    }


def _above_hole(part: Columns) -> np.ndarray:
    """What was measured just above each hole, `(time,)`: the same for reconstruction and truth,
    which differ there by the ramp of the mask."""
    row = part.hole.sum(axis=1)
    inside = np.minimum(row, part.hole.shape[1] - 1)
    there = (row > 0) & (row == inside)  # a hole, and not up to the top
    return np.where(there, part.truth[np.arange(len(row)), inside], np.nan)


def _table(forecast: np.ndarray, truth: np.ndarray) -> tuple[int, int, int, int]:
    return (
        (forecast & truth).sum(),
        (~forecast & truth).sum(),
        (forecast & ~truth).sum(),
        (~forecast & ~truth).sum(),
    )
