"""The sampling loop: one for every sampler, compiled as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_wx.diffusion.noise import numbered_noise
from keras_wx.diffusion.plan import Plan, Row
from keras_wx.diffusion.prediction import check_prediction, to_x0
from keras_wx.diffusion.samplers.base import Sampler
from keras_wx.diffusion.schedules import Schedule
from keras_wx.errors import ModelError

Network = Callable[[Any, Any], Any]
"""Takes noisy fields and times `(batch,)`, gives what it predicts of the fields."""


def sample(
    network: Network,
    noise,
    schedule: Schedule,
    sampler: Sampler,
    steps: int,
    *,
    prediction: str,
    seed: int | keras.random.SeedGenerator | None = None,
):
    """Turns noise into fields.

    The loop is one `while` of the backend: a function that calls this compiles as a whole
    (`tf.function`, `jax.jit`, a Keras model's `predict`), holds three fields however many steps
    there are, and calls the network once a step (`Heun`: twice). What does not change from step to
    step, such as an encoder's features, belongs outside of `network`.

    Args:
        network: takes fields of the shape of `noise` and their times `(batch,)` float32, and gives
            what it predicts of them, in that shape. It may run in lower precision; the steps are
            taken in that of `noise`.
        noise: standard normal `(batch, ...)`; where the samples begin.
        schedule: the one that the network was trained with.
        sampler: e.g. `DPMSolver()`.
        steps: number of steps.
        prediction: one of `PREDICTIONS`.
        seed: of what the sampler draws at its steps; samplers that draw nothing need none. Give a
            `SeedGenerator` that the model owns, or a whole number for the same draws every time.

    Returns:
        Fields of the shape of `noise`.

    Raises:
        UnknownNameError: another prediction.
        ModelError: steps that the schedule does not have, no seed where one is needed, or a
            network that predicts the noise of a field of which nothing is left.

    Example:
        >>> noise = keras.random.normal((4, 16, 16, 1), seed=1)
        >>> sample(network, noise, CosineSchedule(), DPMSolver(), 20, prediction="v").shape
        (4, 16, 16, 1)
    """
    plan = sampler.plan(schedule, steps)
    draw = numbered_noise(seed) if np.any(plan.noise) else None
    return follow(network, noise, plan, prediction, clip=sampler.clip, draw=draw)


def follow(
    network: Network,
    x,
    plan: Plan,
    prediction: str,
    *,
    clip: tuple[float, float] | None = None,
    draw: Callable[[Any, Any], Any] | None = None,
    after: Callable[[Any, Any], Any] | None = None,
):
    """Follows the rows of a plan.

    Args:
        network: as of `sample`.
        x: fields at the first level.
        plan: what to do.
        prediction: one of `PREDICTIONS`.
        clip: least and greatest value of predicted clean fields.
        draw: gives the noise of a row, from its number and a tensor of the same shape; None where
            no row adds any.
        after: gives what the next row begins with, from a row's number and the fields it led to.

    Returns:
        Fields after the last row.

    Raises:
        UnknownNameError: another prediction.
        ModelError: "epsilon" at a level where nothing of the field is left.
    """
    check_prediction(prediction)
    if prediction == "epsilon" and not np.all(plan.alpha):
        raise ModelError(
            "The clean field does not follow from the noise of one of which nothing is left. "
            "Expected prediction='v' or 'x0' with a schedule that has zero_terminal_snr. "
            "Received: prediction='epsilon'"
        )
    x = ops.convert_to_tensor(x)
    table = ops.convert_to_tensor(plan.table, dtype=x.dtype)

    def step(number, state):
        x, x_before, x0_before = state
        row = Row(*ops.unstack(ops.take(table, number, axis=0), num=len(Row._fields)))
        times = ops.broadcast_to(ops.cast(row.time, "float32"), ops.shape(x)[:1])
        output = ops.cast(network(x, times), x.dtype)
        x0 = to_x0(prediction, output, x, row.alpha, row.sigma)
        if clip is not None:
            x0 = ops.clip(x0, *clip)
        following = row.x * x + row.x0 * x0
        if plan.looks_back:
            following += row.x_before * x_before + row.x0_before * x0_before
        if draw is not None:
            following += row.noise * draw(number, x)
        if after is not None:
            following = after(number, following)
        return following, x, x0

    nothing = ops.zeros_like(x)
    return ops.fori_loop(0, len(plan), step, (x, nothing, nothing))[0]
