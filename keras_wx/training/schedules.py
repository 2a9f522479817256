"""The learning rate in the course of a run."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_wx.spec import Training


@keras.saving.register_keras_serializable(package="keras_wx")
class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """A peak learning rate times warm-up, drops, cosine and linear fall, as far as they are there.

    Args:
        peak: the learning rate that all of them multiply.
        steps: length of the run.
        warmup: steps over which it rises linearly; the first one has `peak / warmup`.
        drops: step -> factor from that step on.
        cosine: whether it falls along half a cosine from the end of the warm-up.
        fall: last steps, over which it falls linearly.
        end: factor that the cosine and the linear fall lead to after the last step.

    Example:
        >>> float(LearningRate(1e-3, steps=100, warmup=10)(4))
        0.0005
    """

    def __init__(
        self,
        peak: float,
        steps: int,
        warmup: int = 0,
        drops: dict[int, float] | None = None,
        cosine: bool = False,
        fall: int = 0,
        end: float = 0.0,
    ):
        self.peak = peak
        self.steps = steps
        self.warmup = warmup
        self.drops = {int(step): factor for step, factor in (drops or {}).items()}
        self.cosine = cosine
        self.fall = fall
        self.end = end

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rate = ops.convert_to_tensor(self.peak, "float32")
        if self.warmup:
            rate = rate * ops.minimum((step + 1.0) / self.warmup, 1.0)
        for start, factor in self.drops.items():
            rate = rate * ops.where(step >= start, factor, 1.0)
        if self.cosine:
            done = (step - self.warmup) / max(1, self.steps - self.warmup)
            rate = rate * self._towards_end(0.5 + 0.5 * ops.cos(math.pi * ops.clip(done, 0.0, 1.0)))
        if self.fall:
            rate = rate * self._towards_end(ops.clip((self.steps - step) / self.fall, 0.0, 1.0))
        return rate

    def _towards_end(self, left):
        return self.end + (1.0 - self.end) * left

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "steps": self.steps,
            "warmup": self.warmup,
            "drops": {str(step): factor for step, factor in self.drops.items()},
            "cosine": self.cosine,
            "fall": self.fall,
            "end": self.end,
        }


def learning_rate(training: Training, peak: float, steps_per_epoch: int) -> LearningRate | None:
    """The schedule of a recipe, or None where the learning rate is constant.

    Args:
        training: the recipe.
        peak: learning rate of its optimizer.
        steps_per_epoch: batches in an epoch.
    """
    schedule, steps = training.schedule, training.epochs * steps_per_epoch
    found = LearningRate(
        peak,
        steps,
        warmup=training.warmup_steps,
        drops={epochs * steps_per_epoch: factor for epochs, factor in schedule.drops.items()},
        cosine=schedule.cosine,
        fall=round(schedule.fall * steps),
        end=schedule.end,
    )
    changes = found.warmup or found.drops or found.cosine or found.fall
    return found if changes else None
