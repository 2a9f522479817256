"""Sparse optical flow: corners of echo, tracked, and the velocity between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from keras_wx.baselines.optical_flow.sparse import agrees_with_neighbours, interpolate


def lucas_kanade_flow(
    frames: Sequence[np.ndarray],
    *,
    sigma: float = 1.0,
    window: int = 9,
    distance: float = 3.0,
    softening: float = 2.0,
) -> np.ndarray:
    """Velocity of the gray levels over a sequence of frames, from features tracked in it.

    The corners of each frame are looked for in the frame before; vectors that disagree with their
    neighbours are dropped, and those of all pairs of frames are interpolated together.

    Args:
        frames: gray levels from 0 to 255, `(time, y, x)`.
        sigma: standard deviation of the Gaussian that smooths the frames, in grid points.
        window: side of the square that is matched around a feature, in grid points.
        distance: least distance between features, in grid points.
        softening: distance within which vectors are averaged, in grid points.

    Returns:
        Grid points a step along x and along y, `(2, y, x)`. Zero where nothing can be tracked.

    References:
        Shi and Tomasi (1994), Good Features to Track, CVPR 1994.
        Bouguet (2001), Pyramidal Implementation of the Affine Lucas Kanade Feature Tracker.

    Example:
        >>> velocity = lucas_kanade_flow(to_gray(radar[-3:]))
    """
    import cv2

    images = [
        np.round(cv2.GaussianBlur(np.asarray(f, np.float32), (0, 0), sigma)).astype(np.uint8)
        for f in frames
    ]
    pairs = pairwise(images)
    tracked = [_track(older, newer, window, distance) for older, newer in pairs]
    points, vectors = (np.concatenate(parts) for parts in zip(*tracked, strict=True))
    trusted = agrees_with_neighbours(points, vectors)
    shape = images[0].shape
    if not trusted.any():
        return np.zeros((2, *shape))
    return interpolate(points[trusted], vectors[trusted], shape, softening=softening)


def _track(
    older: np.ndarray, newer: np.ndarray, window: int, distance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Position in `newer` and motion of the features that are found in `older` too."""
    import cv2

    points = cv2.goodFeaturesToTrack(
        newer, maxCorners=1000, qualityLevel=0.01, minDistance=distance, blockSize=3
    )
    if points is None:
        return np.zeros((0, 2)), np.zeros((0, 2))
    points = points.reshape(-1, 1, 2)
    options = {"winSize": (window, window), "maxLevel": 3}
    origins, found, _ = cv2.calcOpticalFlowPyrLK(newer, older, points, None, **options)
    again, found_again, _ = cv2.calcOpticalFlowPyrLK(older, newer, origins, None, **options)
    back_home = np.linalg.norm(again - points, axis=-1) < 1  # else two ways lead from there
    kept = ((found > 0) & (found_again > 0) & back_home).ravel()
    return points[kept, 0], (points - origins)[kept, 0]
