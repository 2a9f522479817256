"""Frozen parts, learning rates by layer, moving averages, weights from own checkpoints."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from small_run import PRESET, STEPS, radar, small

import keras_wx
from keras_wx import registry
from keras_wx.errors import ModelError
from keras_wx.training.averages import averaged
from keras_wx.training.freezing import freeze, select
from keras_wx.training.rates import scale_rates
from keras_wx.zoo.compiling import compile_model


def names(layers):
    return {layer.name for layer in layers}


def test_select_by_name_pattern_part_and_complement():
    model = small()
    assert names(select(model, "hidden_1")) == {"hidden_1"}
    assert names(select(model, "hidden_*")) == {"hidden_1", "hidden_norm"}
    assert names(select(model, "head")) == {"readout"}
    assert names(select(model, "all but head")) == {"hidden_1", "hidden_norm"}


def test_parts_of_nested_models_are_spared():
    inner = keras.Sequential([keras.layers.Dense(2, name="a"), keras.layers.Dense(2, name="b")])
    model = keras.Sequential([keras.Input((3,)), inner, keras.layers.Dense(1, name="c")])
    freeze(model, "all but b")
    assert [w.path.split("/")[-2] for w in model.trainable_weights] == ["b", "b"]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("convlstm", "encoder"),
        ("convlstm", "forecaster"),
        ("fclstm", "head"),
        ("convlstm_stack", "body"),
    ],
)
def test_models_of_the_zoo_declare_parts(name, part):
    architecture = registry.models.get(name)
    model = architecture(**architecture.tiny)
    frozen = freeze(model, f"all but {part}")
    assert frozen
    assert model.trainable_weights
    assert len(frozen) + len(model.trainable_weights) == len(model.weights)


def test_an_unknown_layer_lists_parts_and_layers():
    with pytest.raises(ModelError, match=r"'heads'.*Parts: head, body.*Layers: hidden_1, hid"):
        freeze(small(), "heads")
    with pytest.raises(ModelError, match="leaves no weight"):
        freeze(small(), ["head", "body"])


def test_frozen_layers_stay_as_they_are_in_a_run(tmp_path):
    before = {w.path: np.array(w) for w in small().weights}
    run = keras_wx.train(
        small(), radar(), output_dir=tmp_path, epochs=1, freeze="all but head", verbose=0
    )
    for weight in run.model.weights:
        same = np.array_equal(weight, before[weight.path])
        assert same == ("readout" not in weight.path), weight.path


def linear(optimizer):
    """y = x W V, and the gradients of its mean squared error by hand."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(2, use_bias=False, name="first"),
            keras.layers.Dense(1, use_bias=False, name="second"),
        ]
    )
    model.compile(optimizer, "mse")
    random = np.random.default_rng(3)
    x, y = random.normal(size=(8, 3)).astype("f4"), random.normal(size=(8, 1)).astype("f4")
    w, v = (np.array(weight, "f8") for weight in model.weights)
    error = 2 * (x @ w @ v - y) / len(x)
    return model, x, y, {"first": (w, x.T @ error @ v.T), "second": (v, (x @ w).T @ error)}


def test_layer_rates_of_a_step_of_sgd():
    model, x, y, by_hand = linear(keras.optimizers.SGD(0.1))
    scale_rates(model, {"*": 0.5, "second": 3.0})
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    for name, rate in (("first", 0.05), ("second", 0.3)):
        value, gradient = by_hand[name]
        expected = value - rate * gradient
        np.testing.assert_allclose(model.get_layer(name).kernel, expected, rtol=2e-5, atol=1e-6)


def test_layer_rates_of_two_steps_of_adam():
    model, x, y, by_hand = linear(keras.optimizers.Adam(0.1, epsilon=1e-7))
    scale_rates(model, {"first": 0.25})
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    for name, rate in (("first", 0.025), ("second", 0.1)):
        value, gradient = by_hand[name]
        # After one step both moments are unbiased: m = g, v = g^2.
        expected = value - rate * gradient / (np.abs(gradient) + 1e-7)
        np.testing.assert_allclose(model.get_layer(name).kernel, expected, rtol=1e-4, atol=1e-5)


def test_layer_rates_under_a_schedule_and_a_scaled_loss():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.1, 1.0])
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(schedule))
    model, x, y, by_hand = linear(optimizer)
    scale_rates(model, {"first": 0.5})
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    value, gradient = by_hand["first"]
    np.testing.assert_allclose(
        model.get_layer("first").kernel, value - 0.05 * gradient, rtol=2e-5, atol=1e-6
    )


def test_layer_rates_are_positive():
    model = small()
    compile_model(model, PRESET)
    with pytest.raises(ModelError, match=r"freeze='head'.*Received: 'head': 0"):
        scale_rates(model, {"head": 0})


class Weights(keras.callbacks.Callback):
    """The weights after every step, before any average is taken."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append([np.array(w) for w in self.model.trainable_weights])


def test_moving_average_by_hand_is_what_is_validated_and_kept(tmp_path):
    weights = Weights()
    run = keras_wx.train(
        small(), radar(), output_dir=tmp_path, epochs=2, ema=0.7, callbacks=[weights], verbose=0
    )
    average = weights.seen[0]
    for values in weights.seen[1 : (run.best_epoch + 1) * STEPS]:
        average = [0.7 * a + (1 - 0.7) * v for a, v in zip(average, values, strict=True)]
    for found, expected in zip(run.model.trainable_weights, average, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_accumulated_gradients_are_those_of_the_larger_batch(tmp_path):
    found = []
    for batch_size, accumulate in ((6, 1), (2, 3)):
        model = small(stochastic=False)
        keras_wx.train(
            model,
            radar(),
            output_dir=tmp_path / str(batch_size),
            epochs=1,
            steps_per_epoch=2 * accumulate,
            batch_size=batch_size,
            accumulate=accumulate,
            augment=(),  # it is drawn for each batch
            optimizer={"name": "sgd", "learning_rate": 0.5},
            verbose=0,
        )
        found.append(model.get_weights())
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_averaged_puts_the_weights_back_bit_for_bit():
    model = small()
    model.compile(keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.9), "mse")
    x = np.random.default_rng(0).random((4, 2, 8, 8, 1), "f4")
    model.train_on_batch(x, np.zeros((4, 3, 8, 8, 1), "f4"))
    model.train_on_batch(x, np.ones((4, 3, 8, 8, 1), "f4"))
    before = model.get_weights()
    with averaged(model):
        assert not np.array_equal(model.get_weights()[0], before[0])
    for weight, values in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, values)


def test_without_an_average_nothing_is_put_in_place():
    model = small()
    before = model.get_weights()
    with averaged(model):  # not compiled
        np.testing.assert_array_equal(model.get_weights()[0], before[0])
    model.compile(keras.optimizers.Adam(1e-2, use_ema=True), "mse")
    with averaged(model):  # no step has been taken, and the optimizer has no average yet
        np.testing.assert_array_equal(model.get_weights()[0], before[0])
