"""Extrapolation inside a network: where the echo moves, and the last frame carried along."""

from __future__ import annotations

import math

import keras
from keras import ops

from keras_wx.errors import ModelError

SCALES = (4.0, 2.0, 1.0)
"""Standard deviations, in grid points, of the smoothing under which motion is looked for: large
displacements under the first, the details under the last."""
WINDOW = 6.0
"""Standard deviation, in grid points, of the neighbourhood that shares one motion."""
ITERATIONS = 2
"""Corrections at each scale."""
TRUST = 0.1
"""How much gradient, in parts of the domain's mean, makes the local motion count as much as that of
the domain."""


@keras.saving.register_keras_serializable(package="keras_wx")
class Extrapolation(keras.layers.Layer):
    """Carries the last frame along the motion of the frames: Lagrangian persistence, in the graph.

    The motion is that of Lucas and Kanade (1981): around each point the displacement v between
    consecutive frames I that minimises `sum(w (I(x + v, t + 1) - I(x, t))**2)` over a Gaussian
    neighbourhood w and all pairs of frames, found by a few Newton steps from coarse to fine. It
    starts from the one displacement that fits the whole domain, and stays there where there is no
    echo to see it move. The frames are then those of the semi-Lagrangian scheme of Germann and
    Zawadzki (2002): each point looks back along the motion, and reads the last frame where it
    arrives. What comes from outside is read from the nearest point of the border.

    The layer has no weights, and gives no gradient.

    Args:
        steps: number of frames to extrapolate.

    Input shape:
        `(batch, time, height, width, channels)` with at least two frames. Motion is seen in the
        mean over channels.

    Output shape:
        `(batch, steps, height, width, channels)`, float32 under every precision policy.

    Raises:
        ModelError: fewer than two frames, or no step.

    References:
        Lucas and Kanade (1981), An iterative image registration technique, IJCAI 81, 674-679.
        Germann and Zawadzki (2002), Scale-dependence of the predictability of precipitation from
        continental radar images, Monthly Weather Review 130, 2859-2873, section 3.
    """

    def __init__(self, steps: int, **kwargs):
        if steps < 1:
            raise ModelError(f"Expected at least one step. Received: steps={steps}")
        # Displacements of a tenth of a grid point are lost in bfloat16.
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.steps = steps

    def build(self, shape):
        if shape[1] is not None and shape[1] < 2:
            raise ModelError(
                f"Motion is seen in two frames or more. Received: input shape {tuple(shape)}"
            )

    def call(self, frames):
        frames = ops.stop_gradient(frames)
        pictures = ops.transpose(ops.mean(frames, axis=-1), (0, 2, 3, 1))
        return advect(frames[:, -1], motion(pictures), self.steps)

    def compute_output_shape(self, shape):
        return (shape[0], self.steps, *shape[2:])

    def get_config(self):
        return super().get_config() | {"steps": self.steps}


def motion(pictures):
    """The displacement from one picture to the next, the same between all of them.

    Args:
        pictures: `(batch, height, width, time)`.

    Returns:
        `(batch, height, width, 2)`, in grid points along height and width.
    """
    y, x = _points(pictures)
    velocity = ops.zeros_like(pictures[..., :2])
    for sigma in SCALES:
        smooth = _smoothed(pictures, sigma)
        before, after = smooth[..., :-1], smooth[..., 1:]
        for iteration in range(ITERATIONS):
            there = y + velocity[..., 0], x + velocity[..., 1]
            known = _inside(*there, pictures)
            arrived = sample(after, *there)
            dy, dx = (known * slope for slope in _slopes((arrived + before) / 2))
            change = known * (arrived - before)
            products = ops.stack(
                [
                    ops.mean(a * b, axis=-1)
                    for a, b in ((dy, dy), (dx, dx), (dy, dx), (dy, change), (dx, change))
                ],
                axis=-1,
            )
            everywhere = ops.mean(products, axis=(1, 2), keepdims=True)
            if sigma == SCALES[0] and iteration == 0:
                velocity = velocity + _newton(everywhere, 1e-3 * _energy(everywhere))
            else:
                local = _smoothed(products, WINDOW)
                velocity = velocity + _newton(local, TRUST * _energy(everywhere))
        velocity = _smoothed(velocity, WINDOW / 2)
    return velocity


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
    y, x = _points(frame)
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


def _points(field):
    """Row and column of each point, `(batch, height, width)`."""
    like = ops.zeros_like(field[..., 0])
    height, width = ops.shape(field)[1:3]
    rows, columns = (ops.cast(ops.arange(size), field.dtype) for size in (height, width))
    return like + rows[None, :, None], like + columns[None, None, :]


def _inside(y, x, field):
    height, width = ops.shape(field)[1:3]
    last = [ops.cast(size - 1, field.dtype) for size in (height, width)]
    inside = (y >= 0) & (y <= last[0]) & (x >= 0) & (x <= last[1])
    return ops.cast(inside, field.dtype)[..., None]


def _smoothed(field, sigma: float):
    """Gaussian mean over the points inside the domain."""
    radius = math.ceil(2.5 * sigma)
    kernel = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(-radius, radius + 1)]
    kernel = ops.convert_to_tensor([k / sum(kernel) for k in kernel], dtype=field.dtype)
    channels = field.shape[-1]

    def along_both(values, width):
        for shape in ((-1, 1), (1, -1)):
            weights = ops.tile(ops.reshape(kernel, (*shape, 1, 1)), (1, 1, width, 1))
            values = ops.depthwise_conv(values, weights, padding="same")
        return values

    return along_both(field, channels) / along_both(ops.ones_like(field[:1, ..., :1]), 1)


def _slopes(field):
    """Central differences along height and width; 0 at the border."""
    kernel = ops.convert_to_tensor([-0.5, 0.0, 0.5], dtype=field.dtype)
    inner = _interior(field)
    return [
        inner
        * ops.depthwise_conv(
            field,
            ops.tile(ops.reshape(kernel, (*shape, 1, 1)), (1, 1, field.shape[-1], 1)),
            padding="same",
        )
        for shape in ((-1, 1), (1, -1))
    ]


def _interior(field):
    y, x = _points(field[:1])
    height, width = (ops.cast(size, field.dtype) for size in ops.shape(field)[1:3])
    inside = (y > 0) & (y < height - 1) & (x > 0) & (x < width - 1)
    return ops.cast(inside, field.dtype)[..., None]


def _energy(products):
    return products[..., 0] + products[..., 1]


def _newton(products, damping):
    """The solution of the damped normal equations of Lucas and Kanade."""
    yy, xx, yx, yt, xt = (products[..., k] for k in range(5))
    yy, xx = yy + damping + 1e-12, xx + damping + 1e-12
    determinant = yy * xx - yx * yx
    return ops.stack([yx * xt - xx * yt, yx * yt - yy * xt], axis=-1) / determinant[..., None]
