"""`keras_wx.train` with a model of the zoo, from recipe to forecast; interruption; messages."""

from __future__ import annotations

import gc
import os
import signal
import sys
import weakref
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
import yaml
from small_run import PRESET, radar, small

import keras_wx
from keras_wx.data.pydataset import Samples
from keras_wx.errors import DataError, ModelError, TrainingError, UnknownNameError
from keras_wx.training.train import _fit

train_module = sys.modules[_fit.__module__]  # the package has a function of this name

TINY = {
    "config": {"input_frames": 2, "output_frames": 3, "filters": [3]},
    "sample": {"grids": {"radar": {"shape": [8, 8], "spacing_km": 1.0}}, "filter": None},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return keras_wx.train(
        "convlstm_hko.taasrad19",
        radar(),
        output_dir=tmp_path_factory.mktemp("runs") / "mine",
        **TINY,
        **{"loss": "mse", "optimizer.clipnorm": 0.5},
        learning_rate=1e-3,
        warmup_steps=5,
        metrics=[],
        epochs=2,
        steps_per_epoch=3,
        verbose=0,
    )


def test_the_best_model_opens_and_forecasts(run):
    model = keras_wx.load(run.directory / "best")
    for weight, other in zip(model.weights, run.model.weights, strict=True):
        np.testing.assert_array_equal(weight, other)
    assert model.preset.full_name == "convlstm_hko.mine"
    assert model.preset.training.optimizer.arguments["clipnorm"] == 0.5
    forecast = keras_wx.predict(model, radar().isel(time=slice(0, 2)))
    assert forecast.sizes["lead_time"] == 3
    assert run.history.loc[run.best_epoch, "val_loss"] == run.history["val_loss"].min()


def test_a_checkpoint_is_where_another_run_starts(run, tmp_path):
    newest = max((run.directory / "checkpoints").iterdir())
    start = keras_wx.load(run.directory / "best", weights=newest / "model.weights.h5")
    tuned = keras_wx.train(
        run.directory / "best",
        radar(),
        weights=newest / "model.weights.h5",
        output_dir=tmp_path / "tuned",
        epochs=1,
        steps_per_epoch=1,
        learning_rate=0.0,
        verbose=0,
    )
    for weight, other in zip(tuned.model.weights, start.weights, strict=True):
        np.testing.assert_array_equal(weight, other)


def test_the_folder(run):
    assert {path.name for path in run.directory.iterdir() if path.name[0] != "."} == {
        "best", "checkpoints", "log.csv", "preset.yaml", "run.yaml", "steps.csv",
    }  # fmt: skip
    record = yaml.safe_load((run.directory / "run.yaml").read_text())
    assert record["recipe"]["warmup_steps"] == 5
    assert record["recipe"]["samples"] == {}
    preset = yaml.safe_load((run.directory / "preset.yaml").read_text())
    assert preset["training"]["loss"]["name"] == "mse"


def test_the_schedule_is_that_of_the_recipe(run):
    # Five steps of warm-up in epochs of three.
    np.testing.assert_allclose(run.history["learning_rate"], [3 / 5 * 1e-3, 1e-3], rtol=1e-6)


def fit(directory, **options):
    return keras_wx.train(small(), radar(), output_dir=directory, **{"verbose": 0, **options})


class Signal(keras.callbacks.Callback):
    def __init__(self, number, hook):
        super().__init__()
        self.number = number
        setattr(self, hook, lambda *_, **__: self.send())

    def send(self):
        if self.number is not None:
            number, self.number = self.number, None
            os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "hook", "error", "step"),
    [
        (signal.SIGINT, "on_train_batch_begin", KeyboardInterrupt, 1),
        (signal.SIGTERM, "on_test_batch_begin", SystemExit, 4),
    ],
)
def test_a_signal_ends_it_with_a_checkpoint(tmp_path, capsys, number, hook, error, step):
    usual = signal.getsignal(number)
    with pytest.raises(error):
        fit(tmp_path, callbacks=[Signal(number, hook)])
    assert signal.getsignal(number) is usual
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == [f"step-{step:09d}"]
    assert f"at step {step} of 12; the same call goes on from {tmp_path}" in capsys.readouterr().err


def test_one_process_a_folder(tmp_path):
    with pytest.raises(TrainingError, match="Another process trains in"):
        fit(tmp_path, callbacks=[Inside(lambda: fit(tmp_path))])


class Inside(keras.callbacks.Callback):
    def __init__(self, action):
        super().__init__()
        self.action = action

    def on_train_begin(self, logs=None):
        self.action()


def test_no_validation(tmp_path):
    run = keras_wx.train(small(), radar(), False, output_dir=tmp_path, epochs=1, verbose=0)
    assert "val_loss" not in run.history
    assert run.best_epoch == 0


def test_a_dataset_of_its_own_is_used_whole(tmp_path):
    train, val = radar(60).isel(time=slice(0, 40)), radar(60).isel(time=slice(40, 60))
    model = small()
    recipe = PRESET.training.model_copy(update={"steps_per_epoch": None})
    model.preset = PRESET.model_copy(update={"training": recipe})
    keras_wx.train(model, train, val, output_dir=tmp_path, epochs=1, verbose=0)
    log = pd.read_csv(tmp_path / "log.csv")
    assert log["step"].tolist() == [12]  # 36 windows, three in a batch


@pytest.mark.slow
def test_the_data_of_a_run_are_freed_with_it(tmp_path, monkeypatch):
    """Samples, and the batches that were read of them."""
    kept = []

    class Remembered(Samples):
        def _batch(self, epoch, index):
            batch = super()._batch(epoch, index)
            kept.extend(weakref.ref(array) for array in batch)
            return batch

    monkeypatch.setattr("keras_wx.data.samples.Samples", Remembered)
    run = fit(tmp_path, epochs=2)
    samples = [weakref.ref(found) for found in gc.get_objects() if type(found) is Remembered]
    del run
    gc.collect()
    assert len(kept) > 10
    assert [found for reference in (*samples, *kept) if (found := reference()) is not None] == []


def test_a_validation_part_without_a_window(tmp_path):
    with pytest.raises(DataError, match=r"The part 'val' of the data.*val=False"):
        keras_wx.train(small(), radar(20), output_dir=tmp_path)


class Monitored(keras.callbacks.Callback):
    """Says what the validation has found."""

    def __init__(self, *values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = self.values[epoch]


def test_nan_is_never_the_best(tmp_path):
    values = [np.nan, 3.0, np.nan]
    found = fit(tmp_path / "some", callbacks=[Monitored(*values)])
    assert found.best_epoch == 1
    np.testing.assert_array_equal(found.history["val_loss"], values)
    with pytest.raises(TrainingError, match="val_loss was NaN or infinite in all 2 epochs"):
        fit(tmp_path / "none", epochs=2, callbacks=[Monitored(np.nan, np.inf)])


class Vanishing:
    """Samples whose file is no longer there in the middle of an epoch."""

    def __init__(self, samples):
        self.samples = samples

    def __getattr__(self, name):
        return getattr(self.samples, name)

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        raise FileNotFoundError(2, "No such file or directory", "radar.nc")


def test_data_that_vanish_are_told_as_such():
    """Under JAX the error of the data comes through `fit` as it is."""
    model = SimpleNamespace(fit=lambda batches, **_: next(batches))
    saver = SimpleNamespace(
        progress=SimpleNamespace(step=0, stopped=False), steps_per_epoch=4, epochs=1
    )
    placement = SimpleNamespace(train_data=iter, is_chief=True)
    samples = Vanishing(keras_wx.samples(radar(), PRESET, split="train"))
    with pytest.raises(FileNotFoundError, match=r"radar\.nc"):
        _fit(model, samples, None, saver, None, placement, callbacks=[], verbose=0)


def test_until_it_trains_signals_act_as_usual(tmp_path, monkeypatch):
    usual, seen = signal.getsignal(signal.SIGINT), []
    prepare = train_module.prepare_data

    def watched(*args, **kwargs):
        seen.append(signal.getsignal(signal.SIGINT))
        return prepare(*args, **kwargs)

    monkeypatch.setattr(train_module, "prepare_data", watched)
    fit(tmp_path, epochs=1)
    assert seen == [usual]


def test_unknown_options(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'epochs'"):
        fit(tmp_path, epoch=3)
    with pytest.raises(UnknownNameError, match="logger"):
        fit(tmp_path, logs="cvs")
    with pytest.raises(TrainingError, match=r"checkpoint_every: .*'soon'"):
        fit(tmp_path / "b", checkpoint_every="soon")
    with pytest.raises(TrainingError, match=r"the log has no 'val_los'.*val_loss"):
        fit(tmp_path / "c", early_stopping={"monitor": "val_los"})
    fit(tmp_path / "c", epochs=1)  # what has no checkpoint is no run yet, and may be corrected
    with pytest.raises(ModelError, match="weights, config and mixed_precision"):
        fit(tmp_path / "d", config={"filters": [3]})
    with pytest.raises(DataError, match=r"train: expected an xarray\.Dataset.*ndarray"):
        keras_wx.train(small(), np.zeros(3), output_dir=tmp_path / "e")


@pytest.mark.slow
def test_mixed_precision_leaves_the_policy_of_the_user(tmp_path):
    run = keras_wx.train(
        "convlstm_hko.taasrad19", radar(), output_dir=tmp_path, **TINY, mixed_precision="float16",
        loss="mse", metrics=[], epochs=1, steps_per_epoch=2, verbose=0, accumulate=2, ema=0.5,
    )  # fmt: skip
    assert keras.config.dtype_policy().name == "float32"
    assert run.model.get_layer("readout").compute_dtype == "float16"
    assert isinstance(run.model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert np.isfinite(run.history["loss"]).all()
