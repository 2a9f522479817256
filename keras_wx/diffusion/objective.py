"""What a diffusion model is trained on."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_wx.diffusion.prediction import min_snr_weight, plain_weight, target
from keras_wx.diffusion.schedules import Schedule


class Drawn(NamedTuple):
    """A batch of noisy fields `x_t`, their times `(batch,)` float32 and the noise in them."""

    times: Any
    noise: Any
    x_t: Any


def draw(seed: int | keras.random.SeedGenerator, x0, schedule: Schedule) -> Drawn:
    """Draws a time for each field of a batch, and noise: `x_t = alpha_t x0 + sigma_t noise`.

    Args:
        seed: of both draws; a `SeedGenerator` takes two steps.
        x0: clean fields `(batch, ...)`, finite everywhere.
        schedule: of the diffusion.

    References:
        Ho et al. (2020), Denoising Diffusion Probabilistic Models, algorithm 1.

    Example:
        >>> drawn = draw(self.seed_generator, y, schedule)
        >>> value = loss(network(drawn.x_t, drawn.times), drawn, y, schedule, prediction="v")
    """
    x0 = ops.convert_to_tensor(x0)
    times = schedule.draw_times(ops.shape(x0)[0], seed)
    # A whole number as the seed would give the noise the bits of the times.
    noise_seed = seed + 1 if isinstance(seed, int) else seed
    noise = keras.random.normal(ops.shape(x0), dtype=x0.dtype, seed=noise_seed)
    alpha, sigma = _levels(schedule, times, x0)
    return Drawn(times, noise, alpha * x0 + sigma * noise)


def loss(
    output,
    drawn: Drawn,
    x0,
    schedule: Schedule,
    *,
    prediction: str,
    min_snr_gamma: float | None = None,
    sample_weight=None,
):
    """The loss of a batch: the mean of `point_losses` over the points that a mask keeps.

    Args:
        output: what the network said of `drawn.x_t`.
        drawn: what `draw` gave.
        x0: the clean fields.
        schedule: of the diffusion.
        prediction: one of `PREDICTIONS`.
        min_snr_gamma: as of `point_losses`.
        sample_weight: mask or weight with the leading dimensions of `x0`, as many as there are:
            `(batch,)`, `(batch, y, x)` or all. Where it is 0 throughout, the loss is 0.

    Returns:
        One number, float32.

    Raises:
        UnknownNameError: another prediction.
    """
    values = point_losses(
        output, drawn, x0, schedule, prediction=prediction, min_snr_gamma=min_snr_gamma
    )
    return point_mean(values, sample_weight)


def point_mean(values, sample_weight=None):
    """The mean over the points that a mask keeps.

    Args:
        values: one for each point.
        sample_weight: as of `loss`; None for every point.

    Returns:
        One number; 0 where the weight is 0 throughout.
    """
    if sample_weight is None:
        return ops.mean(values)
    weight = ops.cast(sample_weight, values.dtype)
    missing = len(values.shape) - len(weight.shape)
    weight = ops.reshape(weight, (*ops.shape(weight), *(1,) * missing))
    weight = ops.broadcast_to(weight, ops.shape(values))
    return ops.divide_no_nan(ops.sum(values * weight), ops.sum(weight))


def point_losses(
    output,
    drawn: Drawn,
    x0,
    schedule: Schedule,
    *,
    prediction: str,
    min_snr_gamma: float | None = None,
):
    """Squared error at each point, weighted by its time.

    Args:
        output: what the network said of `drawn.x_t`.
        drawn: what `draw` gave.
        x0: the clean fields.
        schedule: of the diffusion.
        prediction: one of `PREDICTIONS`.
        min_snr_gamma: see `min_snr_weight`; None is `plain_weight` (Ho et al. 2020, eq. 14).

    Returns:
        A tensor of the shape of `x0`, float32.

    Raises:
        UnknownNameError: another prediction.
    """
    output, x0, noise = (ops.cast(each, "float32") for each in (output, x0, drawn.noise))
    alpha, sigma = _levels(schedule, drawn.times, x0)
    values = ops.square(output - target(prediction, x0, noise, alpha, sigma))
    if min_snr_gamma is None:
        return values * plain_weight(prediction, sigma)
    return values * min_snr_weight(prediction, alpha, sigma, min_snr_gamma)


def _levels(schedule: Schedule, times, x0):
    """`alpha` and `sigma` of each field of a batch, in shapes that broadcast over it."""
    shape = (-1, *(1,) * (len(x0.shape) - 1))
    return (ops.cast(ops.reshape(v, shape), x0.dtype) for v in schedule.alpha_sigma(times))
