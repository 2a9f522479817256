"""What a training run gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import pandas as pd


@dataclass(frozen=True)
class TrainingRun:
    """A run that has ended.

    Attributes:
        model: compiled, with the weights of the best epoch and its preset.
        history: what the log has of every epoch, by epoch from 0.
        directory: of the run; `keras_wx.load(run.directory / "best")` opens the model too.
        best_epoch: the epoch of the best value of what early stopping watches.
    """

    model: keras.Model
    history: pd.DataFrame
    directory: Path
    best_epoch: int

    def __repr__(self) -> str:
        best = self.history.loc[self.best_epoch]
        values = ", ".join(f"{key} {value:.4g}" for key, value in best.items())
        return (
            f"<TrainingRun {self.directory}: {len(self.history)} epochs; the best is epoch "
            f"{self.best_epoch}: {values}>"
        )
