"""TensorBoard's event files, without an account and without the `tensorboard` package."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import keras

from keras_wx.errors import TrainingError
from keras_wx.training.telemetry import Telemetry


class TensorBoardLog(keras.callbacks.Callback):
    """Writes `batch/...` of every step and `epoch/...` of every epoch below `tensorboard/`.

    A run that goes on tells TensorBoard from where, and it forgets what a killed run had written
    after that.

    Args:
        directory: of the run.
        telemetry: counts the steps.
        epoch: the first that will be trained, or trained on.

    Raises:
        TrainingError: TensorFlow, which writes the files, is not installed.
    """

    def __init__(self, directory: str | os.PathLike, telemetry: Telemetry, epoch: int = 0):
        super().__init__()
        self._telemetry = telemetry
        folder = Path(directory) / "tensorboard"
        # A folder each: where an epoch begins again is another number than where a step does.
        self._steps = _Events(folder / "steps", begin=telemetry.step + 1)
        self._epochs = _Events(folder / "epochs", begin=epoch)

    def on_train_batch_end(self, batch, logs=None):
        self._steps.write(self._telemetry.step, "batch", logs or {})

    def on_epoch_end(self, epoch, logs=None):
        self._epochs.write(epoch, "epoch", logs or {})
        self._epochs.flush()
        self._steps.flush()

    def close(self) -> None:
        self._steps.close()
        self._epochs.close()


class _Events:
    """One event file: records of protocol buffers. `begin` is the first step that it will have."""

    def __init__(self, folder: Path, begin: int):
        try:
            import tensorflow as tf
        except ImportError as error:
            raise TrainingError(
                "TensorBoard's files are written with TensorFlow, which is not installed. "
                "logs=('csv',) needs nothing; pip install tensorflow gives it. "
                "Received: logs with 'tensorboard'"
            ) from error
        self._proto = tf.compat.v1
        folder.mkdir(parents=True, exist_ok=True)
        seconds, rest = divmod(time.time_ns(), 10**9)
        # TensorBoard reads the files of a folder in the order of their names.
        name = f"events.out.tfevents.{seconds:010d}.{rest:09d}.{os.getpid()}.{socket.gethostname()}"
        self._file = tf.io.TFRecordWriter(str(folder / name))
        self._add(file_version="brain.Event:2")
        self._add(
            step=begin, session_log=self._proto.SessionLog(status=self._proto.SessionLog.START)
        )
        self.flush()

    def write(self, step: int, group: str, values: dict[str, float]) -> None:
        summary = self._proto.Summary()
        for name, value in values.items():
            summary.value.add(tag=f"{group}/{name}", simple_value=value)
        self._add(step=step, summary=summary)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _add(self, **content) -> None:
        self._file.write(self._proto.Event(wall_time=time.time(), **content).SerializeToString())
