"""Inpainting with a diffusion model that was trained on whole fields."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_wx.diffusion.noise import numbered_noise
from keras_wx.diffusion.plan import Plan
from keras_wx.diffusion.samplers.base import Sampler
from keras_wx.diffusion.sampling import Network, follow
from keras_wx.diffusion.schedules import Schedule
from keras_wx.errors import ModelError


def repaint(
    network: Network,
    noise,
    known,
    mask,
    schedule: Schedule,
    sampler: Sampler,
    steps: int,
    *,
    prediction: str,
    seed: int | keras.random.SeedGenerator,
    jump_length: int = 10,
    resamplings: int = 10,
):
    """Fills what a mask leaves open, in agreement with what is known (Lugmayr et al. 2022).

    After each step the known points are set to what they are, with the noise of the level that was
    reached (eq. 8). Every `jump_length` steps noise is added to the whole field until it is as
    noisy as so many steps before, and the steps are taken again, so that the filling and its
    surroundings grow together (section 4.2). The known points come back exactly.

    Args:
        network: as of `sample`; trained on whole fields.
        noise: standard normal `(batch, ...)`; where the samples begin.
        known: clean fields of that shape; any values where the mask is open.
        mask: True (or 1) where `known` holds, of a shape that broadcasts.
        schedule: the one that the network was trained with.
        sampler: `DDPM`, as in the paper, or `DDIM`.
        steps: number of steps without the jumps; 250 in the paper.
        prediction: one of `PREDICTIONS`.
        seed: of all that is drawn on the way.
        jump_length: j of the paper.
        resamplings: how often each stretch of `jump_length` steps is taken; r of the paper. 1 does
            not jump. The network is called `len(resampled(...))` times, 4570 with the paper's 250,
            10 and 10 counting jumps, of which 2410 are steps.

    Returns:
        Fields of the shape of `noise`.

    Raises:
        UnknownNameError: another prediction.
        ModelError: a sampler that looks back at earlier steps, which jumps make meaningless; or
            another argument out of range.

    References:
        Lugmayr et al. (2022), RePaint: Inpainting using Denoising Diffusion Probabilistic Models,
        arXiv:2201.09865.
    """
    plan = sampler.plan(schedule, steps)
    if plan.looks_back:
        raise ModelError(
            "Inpainting goes back to noisier levels, so that a sampler must not look at the steps "
            f"before. Expected 'ddpm' or 'ddim'. Received: {sampler.name!r}"
        )
    order = resampled(steps, jump_length, resamplings)
    rows = plan.rows(order)
    x = ops.convert_to_tensor(noise)
    known = ops.cast(known, x.dtype)
    mask = ops.broadcast_to(ops.cast(mask, "bool"), ops.shape(x))
    draw = numbered_noise(seed)
    levels = ops.convert_to_tensor(_levels_after(plan, order), dtype=x.dtype)
    jumps = resamplings > 1

    def after(number, following):
        alpha, sigma, kept, added = ops.unstack(ops.take(levels, number, axis=0), num=4)
        # Each point takes either the step's noise or this one, never both: one draw would do, but
        # for the jump.
        noisy = alpha * known + sigma * draw(number + len(rows), x)
        following = ops.where(mask, noisy, following)
        if jumps:
            following = kept * following + added * draw(number + 2 * len(rows), x)
        return following

    return follow(network, x, rows, prediction, clip=sampler.clip, draw=draw, after=after)


def resampled(steps: int, jump_length: int, resamplings: int) -> list[int]:
    """The rows of a plan in the order in which they are taken.

    When 1, `1 + jump_length`, `1 + 2 jump_length`, ... rows remain, it goes back by `jump_length`
    rows, `resamplings - 1` times each: the paper's schedule.

    Args:
        steps: number of rows.
        jump_length: rows that a jump goes back.
        resamplings: how often a stretch is taken.

    Raises:
        ModelError: an argument below 1.

    Example:
        >>> resampled(5, jump_length=2, resamplings=2)
        [0, 1, 0, 1, 2, 3, 2, 3, 4]
    """
    if min(steps, jump_length, resamplings) < 1:
        raise ModelError(
            "Expected steps, jump_length and resamplings of at least 1. Received: "
            f"{steps}, {jump_length}, {resamplings}"
        )
    jumps_left = dict.fromkeys(range(0, steps - jump_length, jump_length), resamplings - 1)
    order, remaining = [], steps
    while remaining > 0:
        order.append(steps - remaining)
        remaining -= 1
        if jumps_left.get(remaining - 1):
            jumps_left[remaining - 1] -= 1
            remaining += jump_length
    return order


def _levels_after(plan: Plan, order: Sequence[int]) -> np.ndarray:
    """What follows each row in `order`: the level that it reaches, and the jump from there.

    Returns:
        `(rows, 4)`: alpha and sigma of the level, the factor of the field in the jump and the
        standard deviation of its noise (1 and 0 without one).
    """
    alphas = np.append(plan.alpha, 1.0)
    sigmas = np.append(plan.sigma, 0.0)
    reached = np.asarray(order) + 1
    begun = np.append(order[1:], len(plan))
    kept = alphas[begun] / alphas[reached]
    added = np.sqrt(sigmas[begun] ** 2 - (kept * sigmas[reached]) ** 2)
    return np.stack([alphas[reached], sigmas[reached], kept, added], axis=1)
