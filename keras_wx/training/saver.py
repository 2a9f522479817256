"""The callback that writes the checkpoints of a run."""

from __future__ import annotations

import math
import shutil
import time
from pathlib import Path
from typing import Any

import keras

from keras_wx.errors import TrainingError
from keras_wx.spec import parse_step
from keras_wx.training.checkpoints import Checkpoints, replace_folder
from keras_wx.training.interruption import Interruption
from keras_wx.training.state import Progress, write_state
from keras_wx.training.stopping import Stopping
from keras_wx.zoo.loading import WEIGHTS_FILE
from keras_wx.zoo.presets import PRESET_FILE

BEST = "best"
CHECKPOINTS = "checkpoints"


class Saver(keras.callbacks.Callback):
    """Writes a checkpoint at the end of every epoch, and in between; keeps the best model.

    Put it last: what the callbacks before it have added to the log is then in the checkpoint, and
    what they have written is on the disk before it.

    Args:
        directory: of the run: `checkpoints/` and `best/` are in it.
        steps_per_epoch: batches in an epoch.
        epochs: of the whole run.
        stopping: says which epoch is the best; it is one of the callbacks before. None keeps no
            best model.
        progress: of the checkpoint that the run goes on from.
        every: steps, or a time such as `"10min"`, after which there is one inside an epoch too;
            None for the ends of epochs alone.
        keep: how many of the latest stay.

    Attributes:
        interruption: ends `fit` when it is wished, after a checkpoint.

    Example:

    ```python
    saver = Saver("runs/mine", steps_per_epoch=200, epochs=30)
    build_all(model, train[0])                              # also optimizer and metrics
    newest = saver.checkpoints.newest()                     # None in the first call
    saver.progress = read_progress(newest) if newest else Progress()
    model.fit(
        iter(Feed(train, saver.progress.step)),             # at an epoch's end, as here without
        initial_epoch=saver.progress.step // 200,           # `every`
        epochs=30,
        steps_per_epoch=200,
        callbacks=[Resume(newest), saver],
    )
    ```
    """

    def __init__(
        self,
        directory: Path,
        *,
        steps_per_epoch: int,
        epochs: int,
        stopping: Stopping | None = None,
        progress: Progress | None = None,
        every: int | str | None = None,
        keep: int = 3,
    ):
        super().__init__()
        self.directory = Path(directory).resolve()
        self.checkpoints = Checkpoints(self.directory / CHECKPOINTS, keep)
        self.steps_per_epoch = steps_per_epoch
        self.epochs = epochs
        self.stopping = stopping
        self.progress = progress or Progress()
        self.interruption = Interruption()
        self._every_steps, self._every_seconds = _interval(every)
        self._written = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        self.progress.step += 1
        if self.progress.step % self.steps_per_epoch == 0:
            return  # the validation of this epoch is still to come
        ends = self.interruption.is_wished
        if ends or self._is_due():
            self._write()
        if ends:
            self.interruption.raise_it()

    def on_epoch_end(self, epoch, logs=None):
        self.progress.history.append({"epoch": epoch, **_plain(logs or {})})
        last = epoch + 1 >= self.epochs
        self.progress.stopped = bool(self.model.stop_training) and not last
        # They hold the validation's sums, and the next epoch begins without any.
        self.model.reset_metrics()
        self._write(best=self.stopping is not None and self.stopping.best_epoch == epoch)
        if not (last or self.progress.stopped) and self.interruption.is_wished:
            self.interruption.raise_it()

    def _is_due(self) -> bool:
        if self._every_steps is not None:
            return self.progress.step % self._every_steps == 0
        return time.monotonic() - self._written >= self._every_seconds

    def _write(self, *, best: bool = False) -> None:
        if self.stopping is not None:
            self.progress.stopping = self.stopping.state
        folder = self.checkpoints.write(
            self.progress.step,
            lambda to: write_state(to, self.model, self.progress, self.directory.name),
        )
        if best:
            publish(folder, self.directory / BEST)
        self._written = time.monotonic()


def publish(source: Path, best: Path) -> None:
    """Puts the model in a folder, such as a checkpoint, in place of the best one so far."""

    def fill(folder: Path) -> None:
        for name in (WEIGHTS_FILE, PRESET_FILE):
            shutil.copyfile(source / name, folder / name)

    replace_folder(best, fill)


def _interval(every: int | str | None) -> tuple[int | None, float]:
    if every is None:
        return None, math.inf
    if isinstance(every, int) and every > 0:
        return every, 0.0
    try:
        return None, parse_step(every).total_seconds()
    except (ValueError, AttributeError):
        raise TrainingError(
            "checkpoint_every: expected a number of steps, or a time such as '10min'. "
            f"Received: {every!r}"
        ) from None


def _plain(logs: dict[str, Any]) -> dict[str, float]:
    return {key: float(value) for key, value in logs.items()}
