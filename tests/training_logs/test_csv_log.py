"""Rows that survive a kill: whole, once, and none that the checkpoint does not know."""

from __future__ import annotations

import os
import signal

import pandas as pd
import pytest

from keras_wx.errors import TrainingError
from keras_wx.training.logs.csv import CsvLog
from keras_wx.training.telemetry import Telemetry


def run(
    directory, first_step, last_step, *, per_epoch=3, validate=lambda epoch: True, telemetry=None
):
    """The callback as `fit` calls it, from one step to another."""
    telemetry = telemetry or Telemetry(step=first_step)
    log = CsvLog(directory, telemetry, epoch=first_step // per_epoch)
    for step in range(first_step, last_step):
        epoch, batch = divmod(step, per_epoch)
        if batch == 0 or step == first_step:
            log.on_epoch_begin(epoch)
        telemetry.step += 1
        log.on_train_batch_end(batch, {"loss": 1 / (step + 3), "learning_rate": 0.1})
        if batch == per_epoch - 1:
            logs = {"loss": 1 / (epoch + 7)}
            log.on_epoch_end(epoch, logs | ({"val_loss": epoch / 3} if validate(epoch) else {}))
    log.close()


def contents(directory):
    return [(directory / name).read_text() for name in ("log.csv", "steps.csv")]


@pytest.fixture
def whole(tmp_path):
    """The files of a run of four epochs that nothing disturbed."""
    folder = tmp_path / "whole"
    folder.mkdir()
    run(folder, 0, 12)
    return contents(folder)


def test_every_step_and_epoch_has_its_row_to_the_last_digit(tmp_path):
    run(tmp_path, 0, 6)
    assert (tmp_path / "log.csv").read_text().splitlines() == [
        "epoch,step,loss,val_loss",
        f"0,3,{1 / 7!r},0.0",
        f"1,6,{1 / 8!r},{1 / 3!r}",
    ]
    steps = pd.read_csv(tmp_path / "steps.csv")
    assert steps["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert steps["epoch"].tolist() == [0, 0, 0, 1, 1, 1]
    assert steps["loss"].tolist() == [1 / (step + 3) for step in range(6)]


@pytest.mark.parametrize("checkpoint", range(9))
def test_rows_after_the_checkpoint_are_cut_and_come_again(tmp_path, whole, checkpoint):
    run(tmp_path, 0, 8)
    run(tmp_path, checkpoint, 12)
    assert contents(tmp_path) == whole


@pytest.mark.parametrize("bytes_left", [0, 2, 4, 20, 27, 60, 100])
def test_a_row_that_was_broken_off_is_cut(tmp_path, whole, bytes_left):
    """As a full disk or a power cut leaves it, in whichever byte."""
    run(tmp_path, 0, 8)
    for name in ("log.csv", "steps.csv"):
        os.truncate(tmp_path / name, min(bytes_left, (tmp_path / name).stat().st_size))
    run(tmp_path, 0, 12)
    assert contents(tmp_path) == whole


def test_a_broken_row_after_the_checkpoint_is_cut(tmp_path, whole):
    run(tmp_path, 0, 8)
    with (tmp_path / "steps.csv").open("a") as file:
        file.write("9,2,0.09")  # could be taken for 0.09, and is 0.0909
    run(tmp_path, 8, 12)
    assert contents(tmp_path) == whole


def test_a_metric_that_comes_later_gets_its_column(tmp_path):
    run(tmp_path, 0, 9, validate=lambda epoch: epoch == 1)
    log = pd.read_csv(tmp_path / "log.csv")
    assert log["val_loss"].isna().tolist() == [True, False, True]
    assert log["loss"].tolist() == [1 / 7, 1 / 8, 1 / 9]


def test_a_file_that_is_no_log_is_left_alone(tmp_path):
    (tmp_path / "log.csv").write_text("name,age\nAda,36\n")
    with pytest.raises(TrainingError, match=r"'epoch'.*\['name', 'age'\]"):
        CsvLog(tmp_path, Telemetry())
    assert (tmp_path / "log.csv").read_text() == "name,age\nAda,36\n"


def test_a_kill_loses_no_row_before_the_checkpoint(tmp_path, whole):
    """A real process, killed right after the step of its checkpoint has ended."""

    class Killed(Telemetry):
        def __setattr__(self, name, value):
            if name == "step" and value == 8:
                os.kill(os.getpid(), signal.SIGKILL)
            super().__setattr__(name, value)

    child = os.fork()
    if child == 0:
        telemetry = Killed()
        run(tmp_path, 0, 12, telemetry=telemetry)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    run(tmp_path, 7, 12)
    assert contents(tmp_path) == whole
