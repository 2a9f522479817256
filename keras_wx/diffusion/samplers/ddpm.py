"""The ancestral sampler of Ho et al. (2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from keras_wx.diffusion.plan import Plan
from keras_wx.diffusion.samplers.base import Sampler
from keras_wx.diffusion.schedules import Schedule
from keras_wx.errors import unknown_name

_VARIANCES = ("fixed_small", "fixed_large")


@dataclass(frozen=True)
class DDPM(Sampler):
    """Draws from the posterior of each step in turn (Ho et al. 2020, eq. 6 and 7).

    From level t to the next one p, with `beta = 1 - alpha_t^2 / alpha_p^2`:
    `mean = alpha_p beta / sigma_t^2 x0 + alpha_t / alpha_p sigma_p^2 / sigma_t^2 x_t`, and a
    variance of `beta sigma_p^2 / sigma_t^2`, or of `beta`. The last step adds no noise.

    Args:
        spacing: as of `Sampler`.
        clip: as of `Sampler`.
        sigma_min: as of `Sampler`.
        sigma_max: as of `Sampler`.
        variance: "fixed_small", the posterior's of a single field, or "fixed_large", that of
            fields which are white noise (Ho et al. 2020, section 3.2).

    Raises:
        UnknownNameError: another spacing or variance.

    References:
        Ho et al. (2020), Denoising Diffusion Probabilistic Models, arXiv:2006.11239.

    Example:
        >>> len(DDPM().plan(CosineSchedule(steps=1000), steps=250))
        250
    """

    name: ClassVar[str] = "ddpm"

    variance: str = "fixed_small"

    def __post_init__(self):
        super().__post_init__()
        if self.variance not in _VARIANCES:
            raise unknown_name("variance", self.variance, _VARIANCES)

    def plan(self, schedule: Schedule, steps: int) -> Plan:
        levels = self.levels(schedule, steps)
        _, alpha, sigma = (column[:-1] for column in levels)
        _, next_alpha, next_sigma = (column[1:] for column in levels)
        beta = 1 - (alpha / next_alpha) ** 2
        shrink = (next_sigma / sigma) ** 2
        variance = beta * shrink if self.variance == "fixed_small" else beta * (next_sigma > 0)
        return Plan.of(
            levels.noisy(),
            x=alpha / next_alpha * shrink,
            x0=next_alpha * beta / sigma**2,
            noise=np.sqrt(variance),
        )
