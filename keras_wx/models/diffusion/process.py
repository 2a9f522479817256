"""The diffusion of a model: how it is trained, and how it is gone back."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import keras

from keras_wx import diffusion
from keras_wx.errors import ModelError
from keras_wx.models.diffusion.network import Tensor


class Process:
    """Schedule, prediction and sampler of a diffusion model, as its configuration says them.

    Args:
        schedule: `name` and arguments of a `keras_wx.diffusion.Schedule`.
        prediction: `"epsilon"`, `"x0"`, `"v"` or `"mean"`, see `keras_wx.diffusion.to_x0`.
        min_snr_gamma: of the min-SNR weighting; None for `diffusion.plain_weight`.
        sampler: `name`, `steps` and further arguments.

    Raises:
        ModelError, UnknownNameError: of what there is not.
    """

    def __init__(
        self,
        schedule: Mapping[str, Any],
        prediction: str,
        min_snr_gamma: float | None,
        sampler: Mapping[str, Any],
    ):
        self.schedule = diffusion.Schedule.from_config(schedule)
        self.sampler, self.steps = _read(sampler)
        self.prediction = prediction
        diffusion.prediction.check_prediction(prediction)
        self._min_snr_gamma = min_snr_gamma

    def chosen(
        self, sampler: Mapping[str, Any] | str | None, steps: int | None
    ) -> tuple[diffusion.Sampler, int]:
        """The sampler and its number of steps, where a call may want others."""
        if sampler is None:
            return self.sampler, self.steps if steps is None else _checked(steps)
        sampler = {"name": sampler} if isinstance(sampler, str) else sampler
        return _read(sampler if steps is None else {**sampler, "steps": steps})

    def draw(self, y: Tensor, seed: keras.random.SeedGenerator) -> diffusion.Drawn:
        """Times and noisy fields of a batch of clean ones, float32."""
        return diffusion.draw(seed, y, self.schedule)

    def loss(self, output: Tensor, drawn: diffusion.Drawn, y: Tensor, sample_weight) -> Tensor:
        """How far a network's output is from what it should be; one number."""
        return diffusion.loss(
            output,
            drawn,
            y,
            self.schedule,
            prediction=self.prediction,
            min_snr_gamma=self._min_snr_gamma,
            sample_weight=sample_weight,
        )


def _read(config: Mapping[str, Any]) -> tuple[diffusion.Sampler, int]:
    config = dict(config)
    steps = config.pop("steps", None)
    if steps is None:
        raise ModelError(
            "sampler: expected name, steps and arguments, such as {name: dpm_solver, steps: 20}. "
            f"Received: {config}"
        )
    return diffusion.Sampler.from_config(config), _checked(steps)


def _checked(steps: int) -> int:
    if not isinstance(steps, Integral) or steps < 1:
        raise ModelError(f"steps: expected a whole number of at least 1. Received: steps={steps!r}")
    return int(steps)
