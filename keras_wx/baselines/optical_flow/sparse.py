"""Scattered motion vectors: which to trust, and the field between them."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

NODES = 64**2
"""Points of the coarse grid on which vectors are weighed, where the grid has more."""


def agrees_with_neighbours(
    points: np.ndarray, vectors: np.ndarray, *, neighbours: int = 8, limit: float = 3.0
) -> np.ndarray:
    """Which vectors lie near the median of those around them: the normalised median test.

    Args:
        points: x and y of each vector, `(n, 2)`.
        vectors: `(n, 2)`, in grid points.
        neighbours: how many of the nearest vectors a vector is compared with.
        limit: how far it may lie from their median, in units of their own median distance from it.

    Returns:
        True for each vector to keep, `(n,)`. With two vectors or fewer there is no majority, and
        all are kept.

    References:
        Westerweel and Scarano (2005), Universal Outlier Detection for PIV Data, Experiments in
        Fluids 39, 1096-1100, with its 0.1 grid points of noise.
    """
    if len(points) < 3:
        return np.ones(len(points), bool)
    _, nearest = KDTree(points).query(points, k=min(neighbours + 1, len(points)))
    around = vectors[nearest[:, 1:]]
    median = np.median(around, axis=1)
    spread = np.median(np.abs(around - median[:, None]), axis=1)
    return np.hypot(*((vectors - median) / (spread + 0.1)).T) < limit


def interpolate(
    points: np.ndarray, vectors: np.ndarray, shape: tuple[int, int], *, softening: float = 3.0
) -> np.ndarray:
    """A field that passes near scattered vectors, and tends to their mean far from all of them.

    Every vector counts by `1 / (distance² + softening²)²`.

    Args:
        points: x and y of each vector in grid points, `(n, 2)`; at least one.
        vectors: `(n, 2)`.
        shape: rows and columns of the grid.
        softening: distance within which vectors are averaged, in grid points.

    Returns:
        The field, `(2, y, x)`.

    References:
        Shepard (1968), A Two-Dimensional Interpolation Function for Irregularly-Spaced Data,
        Proceedings of the 23rd ACM National Conference, 517-524.
    """
    import cv2

    coarsening = max(1.0, np.sqrt(shape[0] * shape[1] / NODES))
    rows, columns = (max(1, round(size / coarsening)) for size in shape)
    # Nodes lie where cv2.resize takes the middles of coarse pixels to be.
    x = (np.arange(columns) + 0.5) * shape[1] / columns - 0.5
    y = (np.arange(rows) + 0.5) * shape[0] / rows - 0.5
    along_x, along_y = (x[:, None] - points[:, 0]) ** 2, (y[:, None] - points[:, 1]) ** 2
    weight = (along_y[:, None] + along_x + softening**2) ** -2
    nodes = weight @ vectors / weight.sum(axis=-1, keepdims=True)
    return np.moveaxis(cv2.resize(nodes, shape[::-1]), -1, 0)
