"""Echo whose motion is known exactly: it comes from a formula, at any time and place."""

import numpy as np

# Position in the unit square, width and strength of each cell.
CELLS = (
    (0.30, 0.35, 0.10, 45),
    (0.45, 0.55, 0.07, 38),
    (0.62, 0.40, 0.12, 33),
    (0.55, 0.68, 0.06, 50),
    (0.38, 0.20, 0.06, 40),
)


def echo(y: np.ndarray, x: np.ndarray, size: int) -> np.ndarray:
    """Reflectivity of cells on a grid of `size` points a side, at any points of the plane."""
    cells = (
        strength * np.exp(-((y / size - cy) ** 2 + (x / size - cx) ** 2) / (2 * width**2))
        for cy, cx, width, strength in CELLS
    )
    return np.maximum(sum(cells) - 3, 0)


def translated(
    u: float, v: float, times: np.ndarray, size: int = 64, shape: tuple[int, int] | None = None
) -> np.ndarray:
    """Frames `(time, y, x)` of echo that moves by (u, v) grid points a step."""
    y, x = np.indices(shape or (size, size))
    return np.stack([echo(y - v * t, x - u * t, size) for t in times])


def rotated(degrees: float, times: np.ndarray, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Frames of echo that turns about the middle, by so many degrees a step, and its velocity."""
    middle = (size - 1) / 2
    y, x = np.indices((size, size)) - middle
    frames = []
    for turn in np.deg2rad(degrees) * np.asarray(times):
        back_x = np.cos(turn) * x + np.sin(turn) * y
        back_y = np.cos(turn) * y - np.sin(turn) * x
        frames.append(echo(back_y + middle, back_x + middle, size))
    return np.stack(frames), np.deg2rad(degrees) * np.stack([-y, x])
