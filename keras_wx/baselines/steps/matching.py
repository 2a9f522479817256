"""Gives a forecast the distribution of what was observed, and keeps it near the rain."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_cdt


def match_distribution(field: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Replaces values by those of the target that have the same rank.

    Points at the field's smallest value are dry and become the target's smallest; the others get
    the largest values of the target, in their order.

    Args:
        field: any shape.
        target: as many values, in any order.

    Returns:
        Values of the target, in the shape of the field.
    """
    target = np.sort(target, axis=None)
    out = np.full(field.shape, target[0])
    wet = np.flatnonzero(field > field.min())
    order = wet[np.argsort(field.flat[wet], kind="stable")]
    out.flat[order] = target[target.size - wet.size :]
    return out


def near_rain(wet: np.ndarray, rim: int) -> np.ndarray:
    """How near rain is: 1 where it rains, falling to 0 at more than `rim` grid points from it.

    Args:
        wet: where it rains, `(y, x)`, bool.
        rim: width in grid points, counted along rows and columns.

    Returns:
        `(y, x)`, between 0 and 1.
    """
    if not wet.any():
        return np.zeros(wet.shape)
    distance = distance_transform_cdt(~wet, metric="taxicab")
    return np.clip(1 - distance / (rim + 1), 0, 1)
