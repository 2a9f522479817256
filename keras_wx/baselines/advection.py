"""Semi-Lagrangian advection: fields carried along a velocity field that stands still."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import map_coordinates

from keras_wx.errors import ModelError


def advect(
    frame: np.ndarray,
    velocity: np.ndarray,
    steps: int,
    *,
    fill: float = np.nan,
    order: int = 1,
    iterations: int = 1,
) -> np.ndarray:
    """Extrapolates a frame along its velocity field.

    Each lead time looks back along the whole path and interpolates the frame itself, so that
    interpolation smooths once and not once a step.

    Args:
        frame: field in any units, `(y, x)`. A NaN takes the grid points with it that lie between it
            and a neighbour.
        velocity: grid points a step along x and along y, `(2, y, x)`: towards higher columns and
            higher rows it is positive.
        steps: number of steps to extrapolate.
        fill: what enters from outside the grid.
        order: of the interpolation of the frame: 0 takes the nearest value, 1 is bilinear. Either
            way no value leaves the range of the frame and `fill`.
        iterations: see `displacements`.

    Returns:
        The frame after 1, 2, ... `steps` steps, `(steps, y, x)`, in floats as precise as `frame`.

    Raises:
        ModelError: `frame` and `velocity` are on different grids, or as `displacements` says.

    References:
        Germann and Zawadzki (2002), Scale-Dependence of the Predictability of Precipitation from
        Continental Radar Images, Monthly Weather Review 130, 2859-2873: backward scheme.

    Example:
        >>> velocity = np.stack([np.full((64, 64), 2.0), np.zeros((64, 64))])   # to the right
        >>> advect(frame, velocity, steps=15, fill=0.0).shape
        (15, 64, 64)
    """
    frame, velocity = np.asarray(frame), np.asarray(velocity)
    if velocity.shape != (2, *frame.shape):
        raise ModelError(
            f"Expected a frame (y, x) and a velocity (2, y, x) on the same grid. Received: shapes "
            f"{frame.shape} and {velocity.shape}"
        )
    out = np.empty((steps, *frame.shape), _float_type(frame))
    for step, displacement in enumerate(displacements(velocity, steps, iterations=iterations)):
        out[step] = displace(frame, displacement, fill=fill, order=order)
    return out


def displacements(velocity: np.ndarray, steps: int, *, iterations: int = 1) -> Iterator[np.ndarray]:
    """Yields how far what arrives at each grid point has come, after 1, 2, ... steps.

    The path is integrated backwards by the midpoint rule; outside the grid the velocity is that of
    the nearest edge.

    Args:
        velocity: grid points a step along x and along y, `(2, y, x)`.
        steps: number of steps.
        iterations: parts that a step is integrated in; 0 takes the velocity where the step begins
            instead of the one halfway.

    Yields:
        Grid points along x and along y from origin to arrival, `(2, y, x)`.

    Raises:
        ModelError: no `(2, y, x)` velocity, or one that is not finite everywhere.
    """
    velocity = np.asarray(velocity, np.float64)
    if velocity.ndim != 3 or len(velocity) != 2 or not np.isfinite(velocity).all():
        raise ModelError(
            "Expected a finite velocity (2, y, x). Received: shape "
            f"{velocity.shape}, {np.count_nonzero(~np.isfinite(velocity))} values not finite"
        )
    part = velocity / max(1, iterations)

    def at_origin(displacement: np.ndarray) -> np.ndarray:
        origin = _origin(displacement)
        return np.stack([map_coordinates(v, origin, order=1, mode="nearest") for v in part])

    displacement = np.zeros_like(velocity)
    for _ in range(steps):
        if iterations == 0:
            displacement = displacement + at_origin(displacement)
        for _ in range(iterations):
            halfway = displacement + at_origin(displacement) / 2
            displacement = displacement + at_origin(halfway)
        yield displacement


def displace(
    frame: np.ndarray, displacement: np.ndarray, *, fill: float = np.nan, order: int = 1
) -> np.ndarray:
    """The frame with every value moved by what `displacements` yields.

    Args:
        frame: field `(y, x)`.
        displacement: grid points along x and along y from origin to arrival, `(2, y, x)`.
        fill: what comes from outside the grid.
        order: of the interpolation: 0 takes the nearest value, 1 is bilinear.

    Returns:
        The moved field, `(y, x)`, in floats as precise as `frame`.
    """
    return map_coordinates(
        frame,
        _origin(displacement),
        _float_type(frame),
        order=order,
        mode="constant",
        cval=fill,
    )


def _float_type(frame: np.ndarray) -> np.dtype:
    """Of the frame's precision; an average of whole numbers is no whole number."""
    return np.result_type(frame, np.float32)


def _origin(displacement: np.ndarray) -> np.ndarray:
    """Row and column, `(2, y, x)`, of where what arrives at each grid point comes from."""
    rows, columns = displacement.shape[1:]
    origin = -displacement[::-1]
    origin[0] += np.arange(rows)[:, None]
    origin[1] += np.arange(columns)
    return origin
