"""Losses that are no numbers, or explode, end a run; what caused it is named."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from small_run import radar, small

import keras_wx
from keras_wx.errors import DataError, TrainingError
from keras_wx.training.checkpoints import Checkpoints
from keras_wx.training.guards import Guard


def run(directory, data=None, model=None, **options):
    options = {"verbose": 0, "checkpoint_every": 1} | options
    data = radar() if data is None else data
    return keras_wx.train(model or small(), data, output_dir=directory, **options)


class Poison(keras.callbacks.Callback):
    """Puts a NaN among the weights before a step."""

    def __init__(self, step):
        super().__init__()
        self.step, self.seen = step, 0

    def on_train_batch_begin(self, batch, logs=None):
        self.seen += 1
        if self.seen == self.step:
            bias = self.model.get_layer("readout").bias
            bias.assign(np.full(bias.shape, np.nan))


def test_nan_names_epoch_step_and_windows(tmp_path):
    with pytest.raises(TrainingError) as caught:
        run(tmp_path, callbacks=[Poison(6)])
    message = str(caught.value)
    assert "in epoch 2, at its step 2 of 4 (step 6 of the run)" in message
    train = keras_wx.samples(radar(), small().preset, split="train", seed=0, drop_remainder=True)
    # The sixth batch of an endless feed, found by reading the data once more.
    train.epoch, index = divmod(5, len(train))
    first_frames = train[index][0][:, -1, :, :, 0]
    frames = radar()["reflectivity"].values / 60
    for frame in first_frames:
        same = [np.allclose(np.sort(frame, None), np.sort(f, None)) for f in frames]
        time = radar()["time"].values[np.flatnonzero(same)[0]]
        assert str(time.astype("datetime64[s]")) in message
    assert Checkpoints(tmp_path / "checkpoints").newest().name == "step-000000005"


def test_infinite_weights_reach_no_checkpoint(tmp_path):
    class Late(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                self.model.get_layer("readout").bias.assign([np.inf] * 3)

    with pytest.raises(TrainingError, match="readout/bias are not finite after step 3"):
        run(tmp_path, callbacks=[Late()])
    assert Checkpoints(tmp_path / "checkpoints").newest().name == "step-000000002"


def feed_losses(guard, losses, steps_per_epoch):
    """What `fit` tells a callback: the mean over the epoch so far."""
    for step, _ in enumerate(losses):
        begin = step // steps_per_epoch * steps_per_epoch
        guard.on_train_batch_end(
            step % steps_per_epoch, {"loss": np.float32(np.mean(losses[begin : step + 1]))}
        )


@pytest.mark.parametrize("steps_per_epoch", [1, 7, 50])
def test_explosion_is_three_steps_in_a_row(steps_per_epoch):
    usual = list(np.random.default_rng(0).uniform(0.5, 2, 30))
    guard = Guard(steps_per_epoch=steps_per_epoch, limit=100)
    feed_losses(guard, [*usual, 1e3, 1e4, *usual, 1e5, 1.0], steps_per_epoch)
    guard = Guard(steps_per_epoch=steps_per_epoch, limit=100)
    with pytest.raises(TrainingError, match=r"explodes: 1e\+05.*step 33 of the run.*usually 1\.\d"):
        feed_losses(guard, [*usual, 1e3, 1e4, 1e5, 1e6], steps_per_epoch)


def test_no_limit():
    guard = Guard(steps_per_epoch=5, limit=None)
    feed_losses(guard, [1.0] * 20 + [1e30] * 5, 5)
    with pytest.raises(TrainingError, match="The loss is inf"):
        feed_losses(guard, [np.inf], 5)


def test_by_hand(tmp_path):
    model = small()
    model.compile("adam", "mse")
    train = keras_wx.samples(radar(), model.preset, split="train")
    guard = Guard(steps_per_epoch=len(train))
    with pytest.raises(TrainingError, match="The loss is nan in epoch 1, at its step 2"):
        model.fit(train, callbacks=[Poison(2), guard], verbose=0)


def test_infinite_data_name_variable_time_and_file(tmp_path):
    data = radar()
    data["reflectivity"][17, 3, 5] = np.inf
    data.to_netcdf(tmp_path / "broken.nc")
    lazy = keras_wx.open_dataset("radar", path=tmp_path / "broken.nc")
    pattern = r"'reflectivity' at 2020-06-01T01:25:00 is inf at row 3, column 5 of .*broken\.nc"
    with pytest.raises(DataError, match=pattern):
        run(tmp_path / "run", lazy)
