"""The second-order multistep solver DPM-Solver++ of Lu et al. (2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from keras_wx.diffusion.levels import Levels, at_times
from keras_wx.diffusion.plan import Plan
from keras_wx.diffusion.samplers.base import Sampler
from keras_wx.diffusion.schedules import Schedule


@dataclass(frozen=True)
class DPMSolver(Sampler):
    """DPM-Solver++(2M): a line through the last two predictions (Lu et al. 2022, algorithm 2).

    From level s to t, with `lambda = log(alpha / sigma)`, `h = lambda_t - lambda_s` and r the step
    before divided by h: `x_t = sigma_t / sigma_s x_s + alpha_t (1 - exp(-h)) D` with
    `D = x0_s + (x0_s - x0_before) / (2 r)`. The first step, and the last one to the clean field
    where h is infinite, have `D = x0_s`, which is DDIM. It draws nothing after the start, and calls
    the network once a step.

    "leading" and "linspace" leave out time 0, from where the clean field is as good as reached.

    Args:
        spacing: as of `Sampler`.
        clip: as of `Sampler`.
        sigma_min: as of `Sampler`.
        sigma_max: as of `Sampler`.

    Raises:
        UnknownNameError: another spacing.

    References:
        Lu et al. (2022), DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
        Models, arXiv:2211.01095.
    """

    name: ClassVar[str] = "dpm_solver"

    def plan(self, schedule: Schedule, steps: int) -> Plan:
        levels = self.levels(schedule, steps)
        _, alpha, sigma = (column[:-1] for column in levels)
        _, next_alpha, next_sigma = (column[1:] for column in levels)
        # 1 - exp(-h), without the infinities that lambda has at both ends
        rise = next_alpha * (1 - next_sigma * alpha / (next_alpha * sigma))
        h = np.diff(levels.half_logsnr)
        back = np.zeros(steps)
        # After a level where nothing of the field is left, h is infinite and this is 0: no line.
        back[1:-1] = h[1:-1] / h[:-2] / 2
        return Plan.of(
            levels.noisy(),
            x=next_sigma / sigma,
            x0=rise * (1 + back),
            x0_before=-rise * back,
        )

    def _at_times(self, schedule: Schedule, steps: int) -> Levels:
        if self.spacing == "trailing":
            return at_times(schedule, self.spacing, steps)
        return at_times(schedule, self.spacing, steps + 1).noisy()
