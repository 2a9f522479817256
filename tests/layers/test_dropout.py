"""Monte Carlo dropout against what its mask has to be."""

import keras
import numpy as np
import pytest

from keras_wx.errors import ModelError
from keras_wx.inference.network import seeded
from keras_wx.layers import MonteCarloDropout, dropout_layers, switch_dropout
from keras_wx.layers.random_bits import BITS, random_bits


@pytest.mark.parametrize("training", [True, False])
def test_drops_at_its_rate_and_scales_the_rest(training):
    x = np.full((100, 200), 3.0, "float32")
    y = keras.ops.convert_to_numpy(MonteCarloDropout(0.25, seed=1)(x, training=training))
    kept = y != 0
    np.testing.assert_allclose(y[kept], 3 / 0.75, rtol=1e-6)
    # 20,000 draws: the standard error of the fraction is 0.003.
    assert abs(kept.mean() - 0.75) < 0.012


def test_the_mask_is_constant_along_axes_of_length_one():
    x = np.ones((50, 3, 4, 5, 40), "float32")
    layer = MonteCarloDropout(0.5, noise_shape=(None, 1, 1, 1, None), seed=1)
    y = keras.ops.convert_to_numpy(layer(x))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :1, :1], y.shape))
    mask = y[:, 0, 0, 0] > 0
    assert abs(mask.mean() - 0.5) < 0.045  # 2,000 draws, standard error 0.011
    assert len(np.unique(mask, axis=0)) == 50
    assert len(np.unique(mask, axis=1).T) == 40


def test_the_same_seed_draws_the_same():
    x = np.ones((4, 100), "float32")
    one, other = MonteCarloDropout(0.5, seed=3), MonteCarloDropout(0.5, seed=3)
    first = np.asarray(one(x))
    np.testing.assert_array_equal(other(x), first)
    assert (np.asarray(one(x)) != first).any()
    assert (np.asarray(MonteCarloDropout(0.5, seed=4)(x)) != first).any()


@pytest.mark.parametrize("options", [{"rate": 0.0}, {"rate": 0.5, "active": False}])
def test_off_it_is_the_identity_and_draws_nothing(options):
    layer = MonteCarloDropout(**options)
    before = [np.array(v) for v in layer.variables]
    x = np.random.default_rng(0).normal(size=(4, 100)).astype("float32")
    for training in (True, False):
        np.testing.assert_array_equal(layer(x, training=training), x)
    for variable, value in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(np.array(variable), value)
    assert len(before) == (options["rate"] > 0)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_a_rate_is_a_probability_below_one(rate):
    with pytest.raises(ModelError, match=f"rate={rate}"):
        MonteCarloDropout(rate)


def test_config_round_trip():
    layer = MonteCarloDropout(0.3, noise_shape=(None, 1), seed=5, active=False, name="mc")
    config = layer.get_config()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(again, MonteCarloDropout)
    assert again.get_config() == config


def network() -> keras.Model:
    x = keras.Input((None, None, 6))
    y = keras.layers.BatchNormalization()(x)
    y = MonteCarloDropout(0.5, noise_shape=(None, 1, 1, None))(y)
    return keras.Model(x, y)


def test_batch_normalisation_stays_in_inference_mode():
    model = network()
    x = np.random.default_rng(0).normal(5, 2, (4, 8, 8, 6)).astype("float32")
    before = [np.array(w) for w in model.weights]
    y = model.predict(x, verbose=0)
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(np.array(weight), value)
    # With its initial statistics, mean 0 and variance 1, it changes x by its epsilon only.
    np.testing.assert_allclose(y[y != 0], 2 * x[y != 0], rtol=1e-3)


def test_seeded_rules_its_draws():
    model, x = network(), np.ones((3, 4, 4, 6), "float32")

    def draw(seed):
        with seeded(model, seed):
            return model.predict(x, verbose=0)

    np.testing.assert_array_equal(draw(1), draw(1))
    assert (draw(1) != draw(2)).any()


def test_the_switch_reaches_a_compiled_model():
    model, x = network(), np.ones((3, 4, 4, 6), "float32")
    assert (model.predict(x, verbose=0) == 0).any()
    switch_dropout(model, False)
    np.testing.assert_allclose(model.predict(x, verbose=0), x, rtol=1e-3)
    switch_dropout(model, True)
    assert (model.predict(x, verbose=0) == 0).any()


def test_finds_what_lies_inside_of_layers_and_models():
    x = keras.Input((3, 8, 8, 6))
    y = keras.layers.TimeDistributed(MonteCarloDropout(0.5, name="in_a_layer"))(x)
    y = keras.layers.TimeDistributed(network())(y)
    model = keras.Model(x, MonteCarloDropout(0.5, name="outside")(y))
    assert len(dropout_layers(model)) == 3
    assert {"in_a_layer", "outside"} < {layer.name for layer in dropout_layers(model)}


@pytest.mark.parametrize("options", [{}, {"noise_shape": (None, 1, None, 1)}])
def test_members_are_drawn_as_so_many_calls_would(options):
    x = np.random.default_rng(0).normal(size=(6, 5, 4, 3)).astype("float32")
    one, other = (
        MonteCarloDropout(0.4, seed=3, **options),
        MonteCarloDropout(0.4, seed=3, **options),
    )
    single = [np.asarray(one(part)) for part in (x[:2], x[2:4], x[4:])]
    np.testing.assert_array_equal(other(x, members=3), np.concatenate(single))
    # Both have drawn as often.
    np.testing.assert_array_equal(other(x), one(x))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_first_rows_are_drawn_alike_however_many_follow(channels):
    x = np.ones((2, 16, 4, channels), "float32")
    all_rows = np.asarray(MonteCarloDropout(0.4, seed=3)(x))
    first = np.asarray(MonteCarloDropout(0.4, seed=3)(x[:, :5]))
    np.testing.assert_array_equal(first, all_rows[:, :5])


def test_random_bits_are_equally_likely_and_unlike_each_other():
    bits = np.asarray(random_bits((200, 3, 101), keras.random.SeedGenerator(1)))
    assert bits.shape == (200, 3, 101)
    assert 0 <= bits.min() < 10
    assert 2**BITS - 10 < bits.max() < 2**BITS
    # 60,600 draws: the standard error of a bit's mean is 0.002, of a correlation 0.004.
    for bit in range(BITS):
        assert abs((bits.astype(int) >> bit & 1).mean() - 0.5) < 0.01
    for axis in range(3):
        shifted = np.roll(bits, 1, axis=axis)
        assert abs(np.corrcoef(bits.ravel(), shifted.ravel())[0, 1]) < 0.02
