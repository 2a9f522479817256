"""A forecast as a change of a first guess, against plain NumPy."""

import keras
import numpy as np
import pytest

from keras_wx.errors import ModelError
from keras_wx.layers import AddChange
from keras_wx.models.convlstm import ConvLSTMForecaster

RNG = np.random.default_rng(0)
FRAMES = RNG.uniform(size=(2, 3, 4, 6, 1)).astype("float32")
GUESS = FRAMES[:, 2:3]
CHANGE = RNG.normal(size=(2, 5, 4, 6, 1)).astype("float32")


def test_linear_is_the_sum():
    forecast = AddChange("linear")(CHANGE, GUESS)
    np.testing.assert_allclose(forecast, GUESS + CHANGE, rtol=1e-6)


def test_sigmoid_adds_odds():
    """With p the last frame and q the forecast, q / (1 - q) = p / (1 - p) * exp(change)."""
    forecast = np.asarray(AddChange("sigmoid")(CHANGE, GUESS), "float64")
    last = np.clip(GUESS.astype("float64"), 0.02, 0.98)
    np.testing.assert_allclose(
        forecast / (1 - forecast), last / (1 - last) * np.exp(CHANGE), rtol=1e-4
    )


def test_no_change_is_the_first_guess():
    guess = np.clip(GUESS, 0.02, 0.98)
    for activation in ("sigmoid", "linear"):
        forecast = AddChange(activation)(0 * CHANGE, guess)
        np.testing.assert_allclose(forecast, np.repeat(guess, 5, axis=1), atol=1e-6)


def test_clear_air_and_full_scale_stay_finite():
    guess = np.stack([np.zeros((1, 4, 4, 1)), np.ones((1, 4, 4, 1))]).astype("float32")
    forecast = np.asarray(AddChange()(np.zeros((2, 1, 4, 4, 1), "float32"), guess))
    np.testing.assert_allclose(forecast[:, 0, 0, 0, 0], [0.02, 0.98], atol=1e-6)


def test_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = AddChange("linear")
        forecast = layer(0 * CHANGE, GUESS)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(forecast[:, 0], GUESS[:, 0])


@pytest.mark.parametrize("first_guess", ["persistence", "extrapolation"])
def test_an_untrained_network_gives_its_first_guess(first_guess):
    model = ConvLSTMForecaster(2, 3, filters=(4, 3), first_guess=first_guess)
    frames = np.repeat(RNG.uniform(0.02, 0.98, size=(1, 1, 8, 8, 1)), 2, axis=1)
    # Frames that stand still are persistence in either way.
    np.testing.assert_allclose(
        model(frames.astype("float32")), np.repeat(frames[:, 1:], 3, axis=1), atol=1e-5
    )


@pytest.mark.parametrize(
    # Carried frames, 4 points of a patch, enter the 4 gates of 4 channels by a 3x3 kernel.
    ("first_guess", "more"),
    [("persistence", 0), ("extrapolation", 3 * 3 * 4 * 16)],
)
def test_weights_that_a_first_guess_adds(first_guess, more):
    plain = ConvLSTMForecaster(2, 3, filters=(4, 3)).count_params()
    model = ConvLSTMForecaster(2, 3, filters=(4, 3), first_guess=first_guess)
    assert model.count_params() == plain + more


def test_an_unknown_first_guess():
    with pytest.raises(ModelError, match="first_guess='climatology'"):
        ConvLSTMForecaster(first_guess="climatology")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"activation": "relu"}, "'sigmoid' or 'linear'.*relu"), ({"epsilon": 0.5}, "epsilon=0.5")],
)
def test_what_it_refuses(arguments, message):
    with pytest.raises(ModelError, match=message):
        AddChange(**arguments)
