"""How digits move: straight on, and back from the walls."""

from __future__ import annotations

import numpy as np


def random_velocity(
    rng: np.random.Generator, points: int, speed: tuple[float, float]
) -> np.ndarray:
    """Velocities `(points, 2)` along y and x: any direction, a speed between two limits."""
    direction = rng.uniform(0, 2 * np.pi, points)
    return rng.uniform(*speed, (points, 1)) * np.stack([np.sin(direction), np.cos(direction)], -1)


def bounce(
    start: np.ndarray, velocity: np.ndarray, frames: int, low: float, high: float
) -> np.ndarray:
    """Positions of points that move straight on and are reflected at two walls.

    The reflected path is the straight one, folded like paper: a wave of triangles.

    Args:
        start: positions at the first frame, any shape.
        velocity: of the same shape, a frame.
        frames: number of frames.
        low: position of one wall.
        high: position of the other.

    Returns:
        Positions `(frames, *start.shape)`.
    """
    time = np.arange(frames).reshape(-1, *[1] * start.ndim)
    width = high - low
    return high - np.abs((start - low + velocity * time) % (2 * width) - width)
