"""Splits of sources whose events have nothing in common."""

from __future__ import annotations

import numpy as np


def splits_by_event(spans: list[tuple[np.datetime64, np.datetime64]]) -> dict[str, str]:
    """About three fifths of the events to train on, the rest for validation and test.

    Args:
        spans: first and last time of each event, in order.

    Returns:
        Attributes of the dataset; none for fewer than three events.
    """
    if len(spans) < 3:
        return {}
    held_out = max(1, len(spans) // 5)
    parts = {
        "split_train": spans[: -2 * held_out],
        "split_val": spans[-2 * held_out : -held_out],
        "split_test": spans[-held_out:],
    }
    return {
        name: "/".join(np.datetime_as_string((part[0][0], part[-1][1]), unit="s"))
        for name, part in parts.items()
    }
