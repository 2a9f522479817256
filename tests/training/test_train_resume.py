"""A run that is broken off anywhere ends with the weights and the log of an unbroken one."""

from __future__ import annotations

import os

import keras
import numpy as np
import pandas as pd
import pytest
from small_run import EPOCHS, STEPS, radar, small

import keras_wx
from keras_wx.errors import TrainingError
from keras_wx.training import checkpoints, saver, state
from keras_wx.training.feed import Feed

# With a moving average, and an accumulation across the ends of epochs: all that has a state.
OPTIONS = {"checkpoint_every": 3, "verbose": 0, "seed": 5, "ema": 0.8, "accumulate": 3}


class Killed(BaseException):
    """Nothing catches it, as nothing catches a signal."""


class Killer(keras.callbacks.Callback):
    """Kills after a number of steps, or when a validation or an epoch's end begins."""

    def __init__(self, step: int | None = None, validation: int | None = None):
        super().__init__()
        self.step, self.validation = step, validation

    def on_train_batch_end(self, batch, logs=None):
        if int(self._model.optimizer._iterations) == self.step:
            raise Killed

    def on_test_batch_end(self, batch, logs=None):
        if int(self._model.optimizer._iterations) == self.validation:
            raise Killed


def run(directory, **options):
    return keras_wx.train(small(), radar(), output_dir=directory, **(OPTIONS | options))


def broken(directory, **options):
    with pytest.raises(Killed):
        run(directory, **options)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return run(tmp_path_factory.mktemp("unbroken") / "run")


def assert_same(found, expected):
    """Every variable of the last checkpoint, the best weights, history and CSV log: bit for bit."""
    ours, theirs = (
        np.load(checkpoints.Checkpoints(r.directory / "checkpoints").newest() / "variables.npz")
        for r in (found, expected)
    )
    assert sorted(ours) == sorted(theirs)
    for name in set(ours) - {"paths"}:  # they count the objects of a process
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    for weight, other in zip(found.model.weights, expected.model.weights, strict=True):
        np.testing.assert_array_equal(weight, other)
    pd.testing.assert_frame_equal(found.history, expected.history, check_exact=True)
    assert found.best_epoch == expected.best_epoch
    for name in ("log.csv", "steps.csv"):
        assert (found.directory / name).read_text() == (expected.directory / name).read_text()


def test_killed_between_steps_and_in_a_validation(tmp_path, unbroken):
    # Step 2 is before the first checkpoint, step 4 the last one of an epoch.
    for kill in (
        Killer(step=2),
        Killer(step=4),
        Killer(validation=STEPS),
        Killer(step=7),
        Killer(step=10),
        Killer(validation=3 * STEPS),
    ):
        broken(tmp_path / "run", callbacks=[kill])
    assert_same(run(tmp_path / "run"), unbroken)


def fail_at(monkeypatch, module, name, call, error=Killed):
    """Makes the `call`-th use of a function raise."""
    function, calls = getattr(module, name), []

    def failing(*args, **kwargs):
        calls.append(args)
        if len(calls) == call:
            raise error
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, failing)


def test_killed_inside_checkpoints(tmp_path, unbroken, monkeypatch):
    for module, name, call in (
        (state.np, "savez", 1),
        (saver, "publish", 1),  # the checkpoint of the best epoch is there, its copy is not
        (checkpoints, "_flush", 3),
        (checkpoints.os, "rename", 7),
        (checkpoints, "_discard", 1),
    ):
        with monkeypatch.context() as patch:
            fail_at(patch, module, name, call)
            broken(tmp_path / "run", keep=2)
    assert_same(run(tmp_path / "run", keep=2), unbroken)
    assert len(os.listdir(tmp_path / "run" / "checkpoints")) == 2


def test_a_full_disk(tmp_path, unbroken, monkeypatch):
    # What h5py has been seen to raise on a full tmpfs, and what everything else does.
    by_hdf5 = RuntimeError("Disable slist failed (file write failed: errno = 28, error message ...")
    message = r"No space left on device\. .*goes on from .*step-0+[34]\."
    for module, name, call, error in (
        (checkpoints.os, "fsync", 12, OSError(28, os.strerror(28))),
        (state, "save", 1, by_hdf5),
    ):
        with monkeypatch.context() as patch:
            fail_at(patch, module, name, call, error)
            with pytest.raises(TrainingError, match=message):
                run(tmp_path / "run")
    assert not [path for path in (tmp_path / "run/checkpoints").iterdir() if path.name[0] == "."]
    assert_same(run(tmp_path / "run"), unbroken)


def test_a_damaged_checkpoint_is_left_out(tmp_path):
    kept = checkpoints.Checkpoints(tmp_path)
    for step in (1, 2):
        kept.write(step, lambda folder: (folder / "variables.npz").write_bytes(bytes(100)))
    damage(tmp_path / "step-000000002" / "variables.npz")
    with pytest.warns(UserWarning, match="variables.npz does not have the content"):
        assert kept.newest() == tmp_path / "step-000000001"


def damage(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.slow
def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(tmp_path, unbroken):
    broken(tmp_path / "run", callbacks=[Killer(step=10)])
    newest = checkpoints.Checkpoints(tmp_path / "run/checkpoints").newest()
    damage(newest / "variables.npz")
    with pytest.warns(UserWarning, match="variables.npz does not have the content"):
        found = run(tmp_path / "run")
    assert_same(found, unbroken)


def test_a_finished_run_is_not_trained_again(tmp_path, unbroken):
    again = run(unbroken.directory, callbacks=[Killer(step=1)])
    assert_same(again, unbroken)


def test_early_stopping_goes_on_counting(tmp_path):
    # Nothing improves on a negative loss of the first epoch: it stops after exactly two more.
    options = {"epochs": 9, "early_stopping": {"patience": 2, "min_delta": 1e3}}
    expected = run(tmp_path / "unbroken", **options)
    assert len(expected.history) == 3
    assert expected.best_epoch == 0
    broken(tmp_path / "run", callbacks=[Killer(step=2 * STEPS + 1)], **options)
    found = run(tmp_path / "run", **options)
    assert_same(found, expected)
    assert_same(run(tmp_path / "run", **options), expected)


@pytest.mark.slow
def test_more_epochs(tmp_path):
    expected = run(tmp_path / "long", epochs=EPOCHS)
    run(tmp_path / "short", epochs=1)
    assert_same(run(tmp_path / "short", epochs=EPOCHS), expected)
    run(tmp_path / "cosine", epochs=2, schedule="cosine")
    with pytest.raises(TrainingError, match=r"recipe\.epochs: 2 in the run, 3 now"):
        run(tmp_path / "cosine", epochs=3, schedule="cosine")


def test_a_run_in_bfloat16_goes_on(tmp_path):
    keras.config.set_dtype_policy("bfloat16")
    try:
        expected = run(tmp_path / "unbroken", epochs=1)
        broken(tmp_path / "run", epochs=1, callbacks=[Killer(step=4)])
        assert_same(run(tmp_path / "run", epochs=1), expected)
    finally:
        keras.config.set_dtype_policy("float32")


def test_another_run_in_the_folder(tmp_path):
    run(tmp_path, epochs=1)
    with pytest.raises(TrainingError) as caught:
        run(tmp_path, epochs=1, batch_size=2, learning_rate=1.0)
    assert "recipe.batch_size: 3 in the run, 2 now" in str(caught.value)
    assert "recipe.optimizer.learning_rate: 0.01 in the run, 1.0 now" in str(caught.value)
    other = radar() + 1
    other["reflectivity"].attrs["units"] = "dBZ"
    with pytest.raises(TrainingError, match=r"data\.train\.fingerprint"):
        keras_wx.train(small(), other, output_dir=tmp_path, epochs=1, **OPTIONS)
    with pytest.raises(TrainingError, match="resume=True goes on"):
        run(tmp_path, epochs=1, resume=False)


def test_fit_by_hand_goes_on_too(tmp_path):
    def fit(folder, *callbacks):
        model = small()
        model.compile(keras.optimizers.Adam(1e-2), "mse")
        train = keras_wx.samples(radar(), model.preset, split="train", drop_remainder=True)
        keeper = saver.Saver(folder, steps_per_epoch=STEPS, epochs=EPOCHS)
        state.build_all(model, train[0])
        newest = keeper.checkpoints.newest()
        keeper.progress = state.read_progress(newest) if newest else state.Progress()
        model.fit(
            iter(Feed(train, keeper.progress.step)),
            initial_epoch=keeper.progress.step // STEPS,
            epochs=EPOCHS,
            steps_per_epoch=STEPS,
            callbacks=[state.Resume(newest), *callbacks, keeper],
            verbose=0,
        )
        return model

    expected = fit(tmp_path / "unbroken").get_weights()
    with pytest.raises(Killed):
        fit(tmp_path / "run", Killer(step=2 * STEPS + 1))
    for weight, other in zip(fit(tmp_path / "run").get_weights(), expected, strict=True):
        np.testing.assert_array_equal(weight, other)
