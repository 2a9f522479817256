"""Ends a run whose loss is no number any more, or explodes, and says which batch did it."""

from __future__ import annotations

import math
from collections import deque
from statistics import median

import keras

from keras_wx.errors import TrainingError
from keras_wx.training.feed import Feed

_USUAL = 100
"""Steps whose median is the usual loss."""
_FEWEST = 10
"""Steps before which nothing is usual yet."""
_IN_A_ROW = 3
"""Steps above the limit: a single odd batch is none of a run's end."""


class Guard(keras.callbacks.Callback):
    """Raises when the loss of a step is NaN or infinite, or explodes.

    Put it before the callback that writes checkpoints: the last good one stays the last.

    Args:
        feed: where the batches come from; None does without their times.
        steps_per_epoch: batches in an epoch.
        limit: a loss this many times the median of the last 100 steps, three steps in a row, is
            an explosion. None for no limit.
        step: batches trained before.

    Raises:
        TrainingError: from `fit`, naming epoch, step and the times of the windows in the batch.

    Example:

    ```python
    model.fit(train, callbacks=[Guard(steps_per_epoch=len(train))])
    ```
    """

    def __init__(
        self,
        feed: Feed | None = None,
        *,
        steps_per_epoch: int,
        limit: float | None = 1e4,
        step: int = 0,
    ):
        super().__init__()
        self.feed = feed
        self.steps_per_epoch = steps_per_epoch
        self.limit = limit
        self.step = step
        self._recent: deque[float] = deque(maxlen=_USUAL)
        self._sum: float | None = None
        self._too_large = 0

    def on_train_batch_end(self, batch, logs=None):
        mean = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(mean):
            raise TrainingError(
                f"The loss is {mean} {self._where()}. A smaller learning_rate, optimizer.clipnorm "
                "or mixed_precision=False may help; the last checkpoint is from before it."
            )
        if self.limit is not None:
            self._watch(mean)
        self.step += 1

    def _watch(self, mean: float) -> None:
        """Keras' logs hold the mean over the epoch; the step's own loss follows from two."""
        done = self.step % self.steps_per_epoch
        before = 0.0 if done == 0 else self._sum
        self._sum = mean * (done + 1)
        if before is None:  # the first step after going on in the middle of an epoch
            return
        loss = abs(self._sum - before)
        enough = len(self._recent) >= _FEWEST
        usual = median(self._recent) if enough else math.inf
        if loss <= self.limit * usual:
            self._too_large = 0
            self._recent.append(loss)
            return
        self._too_large += 1
        if self._too_large == _IN_A_ROW:
            raise TrainingError(
                f"The loss explodes: {loss:.3g} {self._where()}, usually {usual:.3g}. A smaller "
                "learning_rate or optimizer.clipnorm may help; loss_limit=False lets it."
            )

    def _where(self) -> str:
        epoch, batch = divmod(self.step, self.steps_per_epoch)
        text = (
            f"in epoch {epoch + 1}, at its step {batch + 1} of {self.steps_per_epoch} "
            f"(step {self.step + 1} of the run)"
        )
        if self.feed is None:
            return text
        times = self.feed.init_times(self.step).astype("datetime64[s]").astype(str)
        return f"{text}, on the windows with init_time {', '.join(times)}"
