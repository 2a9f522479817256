"""Early stopping, and which epoch is the best, over calls of `fit`."""

from __future__ import annotations

import math
from typing import Any

import keras

from keras_wx.errors import TrainingError
from keras_wx.spec import EarlyStopping

DRAWN = ("val_crps", "val_mae")
"""What `keras_wx.training.draws` adds to the log."""


class Stopping(keras.callbacks.EarlyStopping):
    """Keras' early stopping, that goes on counting where a checkpoint has stopped.

    Args:
        rule: the recipe's; None never stops, and still says which epoch is the best.
        monitor: what is watched where the rule names nothing.
        state: of a checkpoint, see `state`.

    Attributes:
        best_epoch: the epoch of the best value so far, None before there is one.
    """

    def __init__(
        self, rule: EarlyStopping | None, *, monitor: str, state: dict[str, Any] | None = None
    ):
        rule, patience = (rule, rule.patience) if rule else (EarlyStopping(), math.inf)
        watched = rule.monitor or monitor
        super().__init__(
            monitor=watched,
            min_delta=rule.min_delta,
            patience=patience,
            # Keras knows the directions of metrics that a model is compiled with alone.
            mode="min" if rule.mode == "auto" and watched in DRAWN else rule.mode,
        )
        self.best, self.best_epoch, self.wait, self.stopped_epoch = None, None, 0, 0
        vars(self).update(state or {})

    @property
    def state(self) -> dict[str, Any]:
        """What the next epoch's decision depends on, as plain values."""
        best = None if self.best is None else float(self.best)
        return {"best": best, "best_epoch": self.best_epoch, "wait": self.wait}

    def on_train_begin(self, logs=None):
        """Keras would begin to count anew."""

    def on_epoch_end(self, epoch, logs=None):
        if self.monitor not in (logs or {}):
            raise TrainingError(
                f"early_stopping.monitor: the log has no {self.monitor!r}. It has: "
                f"{', '.join(logs or {})}. (val_... are there when there are data to validate on.)"
            )
        try:
            super().on_epoch_end(epoch, logs)
        except ValueError as error:
            raise TrainingError(f"early_stopping.mode: {error}") from None

    def _is_improvement(self, monitor_value, reference_value):
        # Keras takes the first value for the best one, and nothing is better than NaN.
        return math.isfinite(monitor_value) and super()._is_improvement(
            monitor_value, reference_value
        )
