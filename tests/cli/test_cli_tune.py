"""`keras-wx tune`, in this process, with a training that is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from keras_wx.tuning import trial as trial_module

sys.path.insert(0, str(Path(__file__).parents[1] / "tuning"))
from small_sweep import FakeTraining


@pytest.fixture
def training(monkeypatch):
    fake = FakeTraining(lambda arguments: arguments["optimizer.learning_rate"])
    monkeypatch.setattr(trial_module, "train_model", fake)
    monkeypatch.setattr("keras_wx.tuning.result._draw", lambda *_: None)
    return fake


@pytest.fixture
def space(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "parameters:\n  training.optimizer.learning_rate: {range: [1.0e-4, 1.0e-2], log: true}\n"
    )
    return file


def test_searches_goes_on_and_prints_the_best(
    run, model_folder, radar_file, tmp_path, training, space
):
    folder = tmp_path / "sweep"
    given = (
        *(model_folder, radar_file, "--output-dir", folder, "--space", space, "--quiet"),
        *("--oracle", "random", "--epochs", 2, "--steps-per-epoch", 3, "--val-stride", 2),
        *("--set", "optimizer.clipnorm=1", "--config", "output_frames=2", "--devices", 1),
        *("--whole-grid", "--min-rain-fraction", 0),
    )
    first = run("tune", *given, "--max-trials", 2)
    assert first.exit_code == 0, first.output
    assert "2 trials, 0 of them failed" in first.output
    assert f"The best model: {folder / 'best'}" in first.output
    _, arguments = training.calls[0]
    assert arguments["epochs"] == 2
    assert arguments["steps_per_epoch"] == 3
    assert arguments["optimizer.clipnorm"] == 1
    assert arguments["config"] == {"output_frames": 2}
    assert arguments["val_samples"] == {"stride": 2}
    assert arguments["samples"]["crop"] is None
    assert arguments["devices"] == 1
    longer = run("tune", *given, "--max-trials", 4)
    assert "4 trials, 0 of them failed" in longer.output
    assert [name for name, _ in training.calls] == ["0000", "0001", "0002", "0003"]


def test_wrong_words(run, model_folder, radar_file, tmp_path, training, space):
    for more, words in (
        (("--oracle", "baysian"), "Did you mean 'bayesian'?"),
        (("--oracle-set", "betta=1"), "Did you mean 'beta'?"),
        (("--objective", "val_los"), "Did you mean 'val_loss'"),
        (("--space", "convlstm_stak"), "convlstm_stack"),
        (("--set", "epoch=1"), "Did you mean 'epochs'"),
        (("--devices", 2, "--workers", 2), "--workers 2 and --devices 2: every worker would train"),
        (("--devices", 99), "devices: expected 'all', a number up to"),
        (("--val-path", "-"), "--val-path: expected a FILE, by which trials are compared"),
    ):
        given = (model_folder, radar_file, "--output-dir", tmp_path / "no", "--space", space)
        found = run("tune", *given, *more)
        assert found.exit_code != 0
        assert words in " ".join(found.output.replace("│", " ").split()), found.output
    assert training.calls == []
    assert not (tmp_path / "no").exists()
