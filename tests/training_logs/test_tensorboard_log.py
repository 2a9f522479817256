"""Event files as TensorFlow's own reader finds them."""

from __future__ import annotations

import sys

import pytest
import tensorflow as tf

from keras_wx.errors import TrainingError
from keras_wx.training.logs.tensorboard import TensorBoardLog
from keras_wx.training.telemetry import Telemetry


def run(directory, telemetry, epoch, batches):
    log = TensorBoardLog(directory, telemetry, epoch)
    for batch in range(batches):
        telemetry.step += 1
        log.on_train_batch_end(batch, {"loss": telemetry.step / 4, "gradient_norm": 2.0})
    log.on_epoch_end(epoch, {"loss": 0.5 + epoch, "val_loss": 0.25})
    log.close()


def events(folder):
    """Every event file of a folder, in TensorBoard's order."""
    return [
        list(tf.compat.v1.train.summary_iterator(str(file)))
        for file in sorted(folder.glob("events.out.tfevents.*"))
    ]


def scalars(file):
    return {
        (value.tag, event.step): value.simple_value
        for event in file
        for value in event.summary.value
    }


def test_every_metric_of_every_step_and_epoch_is_there(tmp_path):
    run(tmp_path, Telemetry(), 0, 2)
    (steps,) = events(tmp_path / "tensorboard" / "steps")
    assert steps[0].file_version == "brain.Event:2"
    assert scalars(steps) == {
        ("batch/loss", 1): 0.25,
        ("batch/gradient_norm", 1): 2.0,
        ("batch/loss", 2): 0.5,
        ("batch/gradient_norm", 2): 2.0,
    }
    (epochs,) = events(tmp_path / "tensorboard" / "epochs")
    assert scalars(epochs) == {("epoch/loss", 0): 0.5, ("epoch/val_loss", 0): 0.25}


def test_a_run_that_goes_on_says_from_where(tmp_path):
    """TensorBoard then drops what has this step or a later one in the files before."""
    run(tmp_path, Telemetry(), 0, 3)
    run(tmp_path, Telemetry(step=2), 0, 2)
    first, second = events(tmp_path / "tensorboard" / "steps")
    start = tf.compat.v1.SessionLog.START
    begins = [[e.step for e in file if e.session_log.status == start] for file in (first, second)]
    assert begins == [[1], [3]]
    assert {step for _, step in scalars(second)} == {3, 4}


def test_without_tensorflow_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(TrainingError, match="pip install tensorflow"):
        TensorBoardLog(tmp_path, Telemetry())
