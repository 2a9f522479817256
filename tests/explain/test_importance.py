"""Importance of inputs: games by hand, networks that use what is known, runs that are resumed."""

from __future__ import annotations

from types import SimpleNamespace

import explain_cases as cases
import keras
import numpy as np
import pandas as pd
import pytest

import keras_wx
from keras_wx.errors import DataError, ModelError, UnknownNameError
from keras_wx.explain import channel_drop, channel_drop_importance, permutation_importance
from keras_wx.explain.coalitions import marginal_gains, subsets


def test_the_glove_game():
    """One left glove, two right ones; a pair is worth 1. Shapley values 2/3, 1/6, 1/6."""
    players = ("left", "right_1", "right_2")
    losses = {
        group: -float("left" in group and len(group) > 1) for group in subsets(players)
    }  # fmt: skip
    plain, shapley = marginal_gains(losses, players)
    assert shapley == pytest.approx({"left": 2 / 3, "right_1": 1 / 6, "right_2": 1 / 6})
    assert plain == pytest.approx({"left": 3 / 4, "right_1": 1 / 4, "right_2": 1 / 4})


def test_shapley_values_sum_to_what_all_gain():
    players = tuple("abcd")
    rng = np.random.default_rng(0)
    losses = {group: rng.normal() for group in subsets(players)}
    assert len(losses) == 16
    _, shapley = marginal_gains(losses, players)
    assert sum(shapley.values()) == pytest.approx(losses[()] - losses[players])


def test_a_single_player():
    assert marginal_gains({("a",): 1.0, (): 4.0}, ("a",)) == ({"a": 3.0}, {"a": 3.0})


def val(columns=400):
    return keras_wx.samples(
        cases.curtain(columns).fillna(-60), cases.CURTAIN.sample.model_copy(
            update={"grids": {"curtain": cases.CURTAIN.sample.grids["curtain"].model_copy(
                update={"shape": (cases.ROWS, 8)})}}),
        split=None, batch_size=16, stride=8,
    )  # fmt: skip


def test_shuffled_inputs_of_a_linear_network():
    """The mean over all shuffles is that over all pairs of windows, and a sum over windows that one
    input alone makes is the same in any order."""
    given = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(1, 1, use_bias=False)
    model = keras.Model(given, layer(given))
    layer.set_weights([np.float32([1.0, 0.5, 0.0]).reshape(1, 1, 3, 1)])
    model.compile(loss="mse")
    model.preset = cases.CURTAIN
    samples = val()
    x = np.concatenate([batch[0] for batch in samples])
    weight = np.concatenate([batch[2] for batch in samples])
    before = x.copy()
    found = permutation_importance(model, samples, repeats=6)
    assert found.importance.dims == ("repeat", "variable")
    y = x[..., 0]
    mse = (weight * (0.5 * x[..., 1]) ** 2).sum() / weight.size  # Keras' mean over the weights
    np.testing.assert_allclose(found.reference, mse, rtol=1e-4)
    mean = (found.importance.mean("repeat")).values
    other = np.mean([(weight * ((y[np.roll(np.arange(len(y)), k)] - y + 0.5 * x[..., 1]) ** 2))
                     .sum() / weight.size for k in range(len(y))])  # fmt: skip
    np.testing.assert_allclose(mean[0], other - mse, rtol=0.05)
    np.testing.assert_allclose(mean[1], 0, atol=1e-5 * mse)
    np.testing.assert_array_equal(np.concatenate([batch[0] for batch in samples]), before)


def test_shuffles_follow_from_the_seed_and_leave_dropout_on():
    model, _ = cases.linear_nowcast(rate=0.5)
    model.compile(loss="mse", metrics=["mae"])
    samples = keras_wx.samples(cases.radar(30), cases.NOWCAST, split=None, batch_size=4)
    first, second, third = (
        permutation_importance(model, samples, seed=seed, repeats=2, batches=3, metric="mae")
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.importance, second.importance)
    assert (first.importance != third.importance).any()
    assert first.attrs["windows"] == 10  # the last batch is a smaller one
    assert model.get_layer("dropout").active


def test_what_cannot_be_shuffled():
    model, _ = cases.convolution()
    with pytest.raises(ModelError, match="compiled network"):
        permutation_importance(model, val())
    model.compile(loss="mse")
    with pytest.raises(DataError, match="Expected windows"):
        permutation_importance(model, cases.curtain())
    with pytest.raises(UnknownNameError, match="metric"):
        permutation_importance(model, val(), metric="csi")
    with pytest.raises(DataError, match="several windows"):
        permutation_importance(model, val(8))
    with pytest.raises(DataError, match="batches: expected at least 1"):
        permutation_importance(model, val(), batches=0)


SMALL = "unet_curtain_era5_small"


def air(columns=1024):
    return keras_wx.open_dataset("synthetic_curtain", columns=columns, events=4)


def test_runs_without_inputs_read_constants_and_forecast_the_same(monkeypatch, tmp_path):
    """A stand-in for training looks at the windows that a run would get."""
    data, folders = air(), []
    usual = keras_wx.info(SMALL).sample
    whole = keras_wx.samples(data, usual, split="train", batch_size=2, shuffle=False)[0]

    def train(name, train, val, *, sample, output_dir, seed, epochs, **options):
        assert val is None
        x, y, _ = keras_wx.samples(train, sample, split="train", batch_size=2, shuffle=False)[0]
        group = output_dir.parent.name
        for channel, (variable, value) in enumerate(
            {"reflectivity": -1.0, "temperature": 0.0}.items()
        ):
            if variable in group:
                np.testing.assert_allclose(x[..., channel], whole[0][..., channel], atol=1e-6)
            else:
                np.testing.assert_allclose(x[..., channel], value, atol=1e-6)
        np.testing.assert_array_equal(x[..., 2:], whole[0][..., 2:])
        np.testing.assert_array_equal(y, whole[1])
        folders.append(str(output_dir.relative_to(tmp_path)))
        loss = {"reflectivity+temperature": 1.0, "reflectivity": 2.0, "temperature": 5.0}
        best = loss.get(group, 8.0) + seed
        return SimpleNamespace(history=pd.DataFrame({"val_loss": [9.0 + seed, best]}))

    monkeypatch.setattr(channel_drop, "train_model", train)
    found = channel_drop_importance(
        SMALL, data, output_dir=tmp_path, variables=["temperature", "reflectivity"], repeats=2
    )
    groups = ["reflectivity+temperature", "reflectivity", "temperature", "none"]
    assert folders == [f"{group}/seed_{seed}" for seed in (0, 1) for group in groups]
    np.testing.assert_array_equal(found.loss, [[1, 2, 5, 8], [2, 3, 6, 9]])
    # Reflectivity: 8 - 2 and 5 - 1; temperature: 8 - 5 and 2 - 1.
    np.testing.assert_allclose(found.importance.sel(variable="reflectivity"), 5)
    np.testing.assert_allclose(found.shapley.sel(variable="temperature"), 2)
    assert found.used.sel(subset="reflectivity").values.tolist() == [True, False]


def test_what_cannot_be_left_out(tmp_path):
    with pytest.raises(ModelError, match="name of a preset"):
        channel_drop_importance(cases.convolution()[0], air(), output_dir=tmp_path)
    with pytest.raises(UnknownNameError, match="Did you mean 'temperature'"):
        channel_drop_importance(SMALL, air(), output_dir=tmp_path, variables=["temperatur"])
    with pytest.raises(DataError, match=r"train: expected an xarray\.Dataset"):
        channel_drop_importance(SMALL, val(), output_dir=tmp_path)
    with pytest.raises(DataError, match="expected the variable 'temperature'"):
        channel_drop_importance(SMALL, air().drop_vars("temperature"), output_dir=tmp_path)


@pytest.mark.slow
def test_runs_are_resumed(monkeypatch, tmp_path):
    options = {
        "output_dir": tmp_path,
        "variables": ["temperature"],
        "epochs": 2,
        "steps_per_epoch": 2,
        "batch_size": 2,
        "config": {"filters": 2},
        "verbose": 0,
    }
    real, data = channel_drop.train_model, air()

    def stopped(*arguments, output_dir, **rest):
        if output_dir.parent.name == "none":
            raise KeyboardInterrupt
        return real(*arguments, output_dir=output_dir, **rest)

    monkeypatch.setattr(channel_drop, "train_model", stopped)
    with pytest.raises(KeyboardInterrupt):
        channel_drop_importance(SMALL, data, **options)
    checkpoints = sorted(tmp_path.glob("temperature/seed_0/checkpoints/*/*"))
    written = [file.stat().st_mtime_ns for file in checkpoints]
    assert written
    monkeypatch.setattr(channel_drop, "train_model", real)
    found = channel_drop_importance(SMALL, data, **options)
    assert [file.stat().st_mtime_ns for file in checkpoints] == written
    for subset in ("temperature", "none"):
        log = pd.read_csv(tmp_path / subset / "seed_0/log.csv")
        best = log["val_loss"].min()
        np.testing.assert_allclose(found.loss.sel(subset=subset), best, rtol=1e-5)
        assert len(log) == 2
    gained = found.loss.sel(subset="none") - found.loss.sel(subset="temperature")
    np.testing.assert_allclose(found.importance[:, 0], gained)
    preset = keras_wx.load(tmp_path / "none/seed_0/best").preset
    assert preset.sample.inputs[1].name == "no_temperature"
