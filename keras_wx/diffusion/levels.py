"""The noise levels that a sampler stops at, from the noisiest to the clean field."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from keras_wx.diffusion.schedules import Schedule
from keras_wx.errors import ModelError, unknown_name

SPACINGS = ("trailing", "leading", "linspace", "karras", "logsnr")
_RHO = 7.0


class Levels(NamedTuple):
    """Levels of falling noise, each array of shape `(number,)` in float64."""

    time: np.ndarray
    alpha: np.ndarray
    sigma: np.ndarray

    @property
    def noise_to_signal(self) -> np.ndarray:
        """`sigma / alpha`: the standard deviation of noise on a field of full size."""
        with np.errstate(divide="ignore"):
            return self.sigma / self.alpha

    @property
    def half_logsnr(self) -> np.ndarray:
        """`log(alpha / sigma)`, the lambda of Lu et al. (2022)."""
        with np.errstate(divide="ignore"):
            return np.log(self.alpha) - np.log(self.sigma)

    def noisy(self) -> Levels:
        """All but the last, which is the clean field."""
        return Levels(*(column[:-1] for column in self))

    def and_clean(self) -> Levels:
        """These levels and the clean field; what it has for a time, no network is told."""
        return Levels(*(np.append(old, new) for old, new in zip(self, (-1, 1, 0), strict=True)))


def at_times(schedule: Schedule, spacing: str, number: int) -> Levels:
    """Levels at whole times.

    Args:
        schedule: with T times.
        spacing: "trailing" counts down from the last time by T / number, "leading" up from 0 by
            T // number, "linspace" has both ends (Lin et al. 2024, table 2). Only the first and
            the last begin where all is noise.
        number: of levels.

    Raises:
        ModelError: more levels than times.
    """
    if not 1 <= number <= schedule.steps:
        raise ModelError(
            f"Expected from 1 to {schedule.steps} sampling steps, the number that the schedule "
            f"{schedule.name!r} has. Received: {number}"
        )
    if spacing == "trailing":
        time = np.round(schedule.steps * np.arange(number, 0, -1) / number) - 1
    elif spacing == "leading":
        time = np.arange(number)[::-1] * (schedule.steps // number)
    else:
        time = np.linspace(0, schedule.steps - 1, number)[::-1].round()
    index = time.astype(int)
    return Levels(time.astype(float), schedule.alphas[index], schedule.sigmas[index])


def at_noise(
    schedule: Schedule, spacing: str, number: int, sigma_min: float, sigma_max: float
) -> Levels:
    """Levels spaced by their noise, at fractional times.

    Args:
        schedule: from whose noisiest to whose cleanest level it goes at most.
        spacing: "karras" is linear in the 7th root of `sigma / alpha` (Karras et al. 2022, eq. 5),
            "logsnr" in its logarithm (Lu et al. 2022).
        number: of levels.
        sigma_min: lowest `sigma / alpha`, if the schedule goes so far.
        sigma_max: highest one, likewise.

    Raises:
        ModelError: no two finite levels.
    """
    own = Levels(np.arange(schedule.steps), schedule.alphas, schedule.sigmas).noise_to_signal
    low, high = max(sigma_min, own[0]), min(sigma_max, own[-1])
    if not (low < high < np.inf and number > 1):
        raise ModelError(
            f"The spacing {spacing!r} expects at least 2 steps and a finite sigma_max above "
            f"sigma_min; the schedule goes from {own[0]:.3g} to {own[-1]:.3g}. Received: "
            f"steps={number}, sigma_min={sigma_min}, sigma_max={sigma_max}"
        )
    ramp = np.linspace(0, 1, number)
    if spacing == "karras":
        roots = high ** (1 / _RHO) + ramp * (low ** (1 / _RHO) - high ** (1 / _RHO))
        noise = roots**_RHO
    else:
        noise = np.exp(np.log(high) + ramp * (np.log(low) - np.log(high)))
    return of_noise(schedule, noise)


def of_noise(schedule: Schedule, noise_to_signal: np.ndarray) -> Levels:
    """Levels of given `sigma / alpha`."""
    alpha = 1.0 / np.sqrt(1.0 + noise_to_signal**2)
    return Levels(schedule.times_of(noise_to_signal), alpha, noise_to_signal * alpha)


def check_spacing(spacing: str) -> None:
    """Raises UnknownNameError unless there is such a spacing."""
    if spacing not in SPACINGS:
        raise unknown_name("spacing", spacing, SPACINGS)
