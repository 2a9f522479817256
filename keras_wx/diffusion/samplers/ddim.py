"""The implicit sampler of Song et al. (2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from keras_wx.diffusion.plan import Plan
from keras_wx.diffusion.samplers.base import Sampler
from keras_wx.diffusion.schedules import Schedule
from keras_wx.errors import ModelError


@dataclass(frozen=True)
class DDIM(Sampler):
    """Keeps part of the noise that it finds instead of drawing anew (Song et al. 2021, eq. 12).

    From level t to the next one p: `x_p = alpha_p x0 + sqrt(sigma_p^2 - s^2) epsilon + s z` with
    `s = eta sigma_p / sigma_t sqrt(1 - alpha_t^2 / alpha_p^2)` (eq. 16). The noise epsilon is that
    which the clean field, clipped where `clip` says so, leaves of `x_t`.

    Args:
        spacing: as of `Sampler`.
        clip: as of `Sampler`.
        sigma_min: as of `Sampler`.
        sigma_max: as of `Sampler`.
        eta: 0 draws nothing after the start; 1 is the ancestral sampler.

    Raises:
        UnknownNameError: another spacing.
        ModelError: an eta outside `[0, 1]`.

    References:
        Song et al. (2021), Denoising Diffusion Implicit Models, arXiv:2010.02502.
    """

    name: ClassVar[str] = "ddim"

    eta: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.eta <= 1:
            raise ModelError(f"Expected 0 <= eta <= 1. Received: eta={self.eta}")

    def plan(self, schedule: Schedule, steps: int) -> Plan:
        levels = self.levels(schedule, steps)
        _, alpha, sigma = (column[:-1] for column in levels)
        _, next_alpha, next_sigma = (column[1:] for column in levels)
        noise = self.eta * next_sigma / sigma * np.sqrt(1 - (alpha / next_alpha) ** 2)
        kept = np.sqrt(next_sigma**2 - noise**2) / sigma
        return Plan.of(levels.noisy(), x=kept, x0=next_alpha - kept * alpha, noise=noise)
