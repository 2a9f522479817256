"""Noise schedules: what is left of a field, and how much noise it has, at each time.

A field at time t is `x_t = alpha_t x_0 + sigma_t noise` with `alpha_t^2 + sigma_t^2 = 1`
(Ho et al. 2020, eq. 4, where `alpha_t^2` is written as the cumulative product of alphas). Times
count from 0, the cleanest, to `steps - 1`, as the network is told them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import keras
import numpy as np
from keras import ops

from keras_wx.diffusion.configured import Configured
from keras_wx.errors import ModelError


@dataclass(frozen=True)
class Schedule(Configured):
    """Base of the schedules: a table in float64, from which all else is taken.

    Args:
        steps: number of times T that training draws from.
        zero_terminal_snr: shift and scale the table so that nothing of the field is left at the
            last time, and the first is as it was (Lin et al. 2024, algorithm 1). A network then has
            to predict "v" or "x0": noise says nothing about a field that is gone.

    References:
        Ho et al. (2020), Denoising Diffusion Probabilistic Models, arXiv:2006.11239.
        Lin et al. (2024), Common Diffusion Noise Schedules and Sample Steps Are Flawed,
        arXiv:2305.08891.
    """

    kind: ClassVar[str] = "schedule"

    steps: int = 1000
    zero_terminal_snr: bool = False

    def __post_init__(self):
        if self.steps < 2:
            raise ModelError(f"A schedule needs at least 2 steps. Received: steps={self.steps}")

    def betas(self) -> np.ndarray:
        """The noise that each time adds, `(steps,)` float64, before any rescaling."""
        raise NotImplementedError

    @cached_property
    def alphas_cumprod(self) -> np.ndarray:
        """`alpha_t^2` of every time, `(steps,)` float64."""
        kept = np.cumprod(1.0 - self.betas())
        if self.zero_terminal_snr:
            root = np.sqrt(kept)
            kept = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
        return kept

    @cached_property
    def alphas(self) -> np.ndarray:
        """`alpha_t` of every time, `(steps,)` float64."""
        return np.sqrt(self.alphas_cumprod)

    @cached_property
    def sigmas(self) -> np.ndarray:
        """`sigma_t` of every time, `(steps,)` float64."""
        return np.sqrt(1.0 - self.alphas_cumprod)

    def times_of(self, noise_to_signal: np.ndarray) -> np.ndarray:
        """Fractional times of given `sigma / alpha`, interpolated in its logarithm."""
        with np.errstate(divide="ignore"):
            table = np.log(self.sigmas) - np.log(self.alphas)
        return np.interp(np.log(noise_to_signal), table, np.arange(self.steps))

    def alpha_sigma(self, t):
        """`alpha_t` and `sigma_t` at a tensor of times, in float32."""
        index = ops.cast(t, "int32")
        # From float64: 1 - alpha^2 in float32 would leave few digits of a small sigma.
        tables = (self.alphas, self.sigmas)
        return tuple(ops.take(ops.convert_to_tensor(v, "float32"), index) for v in tables)

    def draw_times(self, number, seed):
        """Times of training, `(number,)` float32, all equally likely."""
        return ops.cast(keras.random.randint((number,), 0, self.steps, seed=seed), "float32")


@dataclass(frozen=True)
class CosineSchedule(Schedule):
    """`alpha_t^2` falls like a squared cosine (Nichol & Dhariwal 2021, eq. 17).

    `beta_t = min(1 - f(t + 1) / f(t), max_beta)` with
    `f(t) = cos((t / T + s) / (1 + s) pi / 2)^2`.

    Args:
        steps: as of `Schedule`.
        zero_terminal_snr: as of `Schedule`.
        s: keeps the first betas from vanishing.
        max_beta: keeps the last ones below 1.

    References:
        Nichol & Dhariwal (2021), Improved Denoising Diffusion Probabilistic Models,
        arXiv:2102.09672.

    Example:
        >>> CosineSchedule(steps=2000).alphas_cumprod.shape
        (2000,)
    """

    name: ClassVar[str] = "cosine"

    s: float = 0.008
    max_beta: float = 0.999

    def betas(self) -> np.ndarray:
        t = np.arange(self.steps + 1) / self.steps
        f = np.cos((t + self.s) / (1.0 + self.s) * np.pi / 2) ** 2
        return np.minimum(1.0 - f[1:] / f[:-1], self.max_beta)


@dataclass(frozen=True)
class LinearSchedule(Schedule):
    """Betas rise linearly (Ho et al. 2020, section 4), scaled so that T does not change the end.

    Args:
        steps: as of `Schedule`.
        zero_terminal_snr: as of `Schedule`.
        first_beta: at the first of 1000 steps; times `1000 / steps` at another number.
        last_beta: at the last one, scaled alike.

    Example:
        >>> LinearSchedule(steps=1000).betas()[[0, -1]]
        array([0.0001, 0.02  ])
    """

    name: ClassVar[str] = "linear"

    first_beta: float = 1e-4
    last_beta: float = 0.02

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.first_beta * 1000 / self.steps <= self.last_beta * 1000 / self.steps < 1:
            raise ModelError(
                "Expected 0 < first_beta <= last_beta with last_beta * 1000 / steps < 1. Received: "
                f"first_beta={self.first_beta}, last_beta={self.last_beta}, steps={self.steps}"
            )

    def betas(self) -> np.ndarray:
        return np.linspace(self.first_beta, self.last_beta, self.steps) * 1000 / self.steps


@dataclass(frozen=True)
class ContinuousCosineSchedule(Schedule):
    """A cosine of continuous time (Salimans & Ho 2022, appendix I), for training at any time.

    `alpha_t = cos(phi)` and `sigma_t = sin(phi)` with `phi = atan(exp(-logsnr / 2))` linear in
    `u = (t + 1) / T`, from `max_logsnr` at u = 0 to `min_logsnr` at u = 1. Training draws real
    numbers `-1 < t < T - 1`; samplers stop at the whole ones unless their spacing says otherwise.

    Args:
        steps: the unit of time that the network is told, as if there were so many steps.
        zero_terminal_snr: end at `phi = pi / 2`, where nothing of the field is left, whatever
            `min_logsnr` says.
        min_logsnr: `log(alpha^2 / sigma^2)` of the noisiest time.
        max_logsnr: that of the cleanest time.

    References:
        Salimans & Ho (2022), Progressive Distillation for Fast Sampling of Diffusion Models,
        arXiv:2202.00512.
    """

    name: ClassVar[str] = "continuous_cosine"

    min_logsnr: float = -20.0
    max_logsnr: float = 20.0

    def __post_init__(self):
        super().__post_init__()
        if self.min_logsnr >= self.max_logsnr:
            raise ModelError(
                "Expected min_logsnr < max_logsnr. Received: "
                f"min_logsnr={self.min_logsnr}, max_logsnr={self.max_logsnr}"
            )

    @property
    def _first_angle(self) -> float:
        return math.atan(math.exp(-self.max_logsnr / 2))

    @property
    def _last_angle(self) -> float:
        return math.pi / 2 if self.zero_terminal_snr else math.atan(math.exp(-self.min_logsnr / 2))

    def _angles(self, t):
        return self._first_angle + (t + 1) / self.steps * (self._last_angle - self._first_angle)

    @cached_property
    def alphas_cumprod(self) -> np.ndarray:
        return self.alphas**2

    @cached_property
    def alphas(self) -> np.ndarray:
        alphas = np.cos(self._angles(np.arange(self.steps)))
        if self.zero_terminal_snr:
            alphas[-1] = 0.0  # the cosine of the float nearest to pi / 2 is 6e-17
        return alphas

    @cached_property
    def sigmas(self) -> np.ndarray:
        return np.sin(self._angles(np.arange(self.steps)))

    def betas(self) -> np.ndarray:
        return 1.0 - self.alphas_cumprod / np.append(1.0, self.alphas_cumprod[:-1])

    def times_of(self, noise_to_signal: np.ndarray) -> np.ndarray:
        span = self._last_angle - self._first_angle
        return (np.arctan(noise_to_signal) - self._first_angle) / span * self.steps - 1.0

    def alpha_sigma(self, t):
        angles = self._angles(ops.cast(t, "float32"))
        return ops.cos(angles), ops.sin(angles)

    def draw_times(self, number, seed):
        return keras.random.uniform((number,), -1.0, self.steps - 1.0, dtype="float32", seed=seed)
