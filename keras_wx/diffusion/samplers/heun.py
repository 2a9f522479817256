"""The second-order sampler of Karras et al. (2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from keras_wx.diffusion.levels import Levels, of_noise
from keras_wx.diffusion.plan import Plan
from keras_wx.diffusion.samplers.base import Sampler
from keras_wx.diffusion.schedules import Schedule
from keras_wx.errors import ModelError


@dataclass(frozen=True)
class Heun(Sampler):
    """Heun's method in `sigma / alpha` (Karras et al. 2022, algorithms 1 and 2).

    With `y = x / alpha` and `s = sigma / alpha` the flow is `dy / ds = (y - x0) / s`. Each step
    goes to the next level along the slope where it is (a row of the plan), looks at the slope
    there, and goes the way again along the mean of the two (a second row). The last step, to the
    clean field, is a single one: `steps` of them are `2 steps - 1` evaluations of the network.

    Args:
        spacing: as of `Sampler`.
        clip: as of `Sampler`.
        sigma_min: as of `Sampler`.
        sigma_max: as of `Sampler`.
        churn: `S_churn`: above 0, noise is added before each step, as if the level were
            `1 + min(churn / steps, sqrt(2) - 1)` times as noisy. The start is pure noise already.
        churn_min: `S_tmin`: no noise is added below this `sigma / alpha`.
        churn_max: `S_tmax`: nor above this one.
        churn_noise: `S_noise`: standard deviation of that noise; slightly above 1 makes up for
            detail that a network removes.

    Raises:
        UnknownNameError: another spacing.
        ModelError: a negative churn.

    References:
        Karras et al. (2022), Elucidating the Design Space of Diffusion-Based Generative Models,
        arXiv:2206.00364.
    """

    name: ClassVar[str] = "heun"

    spacing: str = "karras"
    churn: float = 0.0
    churn_min: float = 0.0
    churn_max: float = float("inf")
    churn_noise: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if self.churn < 0:
            raise ModelError(f"Expected churn >= 0. Received: churn={self.churn}")

    def plan(self, schedule: Schedule, steps: int) -> Plan:
        """The table of a number of steps.

        Raises:
            ModelError: steps that the schedule does not have, or a level where nothing of the field
                is left.
        """
        reached = self.levels(schedule, steps)
        if not np.isfinite(reached.noise_to_signal[0]):
            raise ModelError(
                "Heun's steps are in sigma / alpha, which is infinite at the first level of a "
                "schedule with zero_terminal_snr. Expected spacing='karras' or 'logsnr' with a "
                f"finite sigma_max. Received: spacing={self.spacing!r}, sigma_max={self.sigma_max}"
            )
        left = self._churned(schedule, reached, steps)
        start, end = left.noise_to_signal[:-1], reached.noise_to_signal[1:]
        alpha, next_alpha = left.alpha[:-1], reached.alpha[1:]
        predicted = Plan.of(
            left.noisy(), x=next_alpha / alpha * end / start, x0=next_alpha * (1 - end / start)
        )
        # The last step is not corrected: its slope at the clean field would be 0 / 0.
        start, end, alpha = start[:-1], end[:-1], alpha[:-1]
        next_alpha, churned_alpha = next_alpha[:-1], left.alpha[1:-1]
        half = (end - start) / 2
        # Where no noise is added, rounding may leave the difference a little below 0.
        churned = np.sqrt(np.maximum(left.noise_to_signal[1:-1] ** 2 - end**2, 0.0))
        corrected = Plan.of(
            Levels(*(column[1:] for column in reached.noisy())),
            x=churned_alpha / next_alpha * half / end,
            x_before=churned_alpha / alpha * (1 + half / start),
            x0=-churned_alpha * half / end,
            x0_before=-churned_alpha * half / start,
            noise=churned_alpha * churned * self.churn_noise,
        )
        return predicted.alternating_with(corrected)

    def _churned(self, schedule: Schedule, reached: Levels, steps: int) -> Levels:
        """The levels that steps begin at: those that were reached, and noise on them."""
        if self.churn == 0:
            return reached
        noise = reached.noise_to_signal[:-1]
        factor = 1 + min(self.churn / steps, np.sqrt(2) - 1)
        inside = (noise >= self.churn_min) & (noise <= self.churn_max)
        # A network knows nothing of more noise than the start has.
        churned = np.where(inside, np.minimum(noise * factor, noise[0]), noise)
        return of_noise(schedule, churned).and_clean()
