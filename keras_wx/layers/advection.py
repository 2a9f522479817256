"""Advection in the graph: fields read where what arrives comes from."""

from __future__ import annotations

from keras import ops


def advect(frame, velocity, steps: int):
    """A frame carried along a velocity that does not change in time.

    Args:
        frame: `(batch, height, width, channels)`.
        velocity: `(batch, height, width, 2)`, grid points a step along height and width.
        steps: number of frames.

    Returns:
        `(batch, steps, height, width, channels)`.
    """
    both = ops.concatenate([velocity, frame], axis=-1)
    y, x = points(frame)
    here, frames = both, []
    for _ in range(steps):
        y, x = y - here[..., 0], x - here[..., 1]
        here = sample(both, y, x)
        frames.append(here[..., 2:])
    return ops.stack(frames, axis=1)


def sample(field, y, x):
    """Bilinear values of a field at any points; outside, those of the nearest border point.

    Args:
        field: `(batch, height, width, channels)`.
        y, x: `(batch, height, width)`, in grid points.
    """
    batch, height, width, channels = ops.shape(field)
    flat = ops.reshape(field, (-1, channels))
    first = ops.reshape(ops.arange(batch) * (height * width), (-1, 1, 1))
    parts = []
    for position, size in ((y, height), (x, width)):
        last = ops.cast(size - 1, field.dtype)
        position = ops.clip(position, 0.0, last)
        low = ops.clip(ops.floor(position), 0.0, ops.maximum(last - 1.0, 0.0))
        index = ops.cast(low, "int32")
        parts.append((index, ops.minimum(index + 1, size - 1), position - low))
    (top, bottom, down), (left, right, across) = parts

    def at(row, column):
        return ops.take(flat, first + row * width + column, axis=0)

    down, across = down[..., None], across[..., None]
    upper = at(top, left) * (1 - across) + at(top, right) * across
    lower = at(bottom, left) * (1 - across) + at(bottom, right) * across
    return upper * (1 - down) + lower * down


def points(field):
    """Row and column of each point, `(batch, height, width)`."""
    like = ops.zeros_like(field[..., 0])
    height, width = ops.shape(field)[1:3]
    rows, columns = (ops.cast(ops.arange(size), field.dtype) for size in (height, width))
    return like + rows[None, :, None], like + columns[None, None, :]
