"""A forecast as a change of the last frame, against plain NumPy."""

import keras
import numpy as np
import pytest

from keras_wx.errors import ModelError
from keras_wx.layers import AddToLastFrame
from keras_wx.models.convlstm import ConvLSTMForecaster

RNG = np.random.default_rng(0)
FRAMES = RNG.uniform(size=(2, 3, 4, 6, 1)).astype("float32")
CHANGE = RNG.normal(size=(2, 5, 4, 6, 1)).astype("float32")


def test_linear_is_the_sum():
    forecast = AddToLastFrame("linear")(CHANGE, FRAMES)
    np.testing.assert_allclose(forecast, FRAMES[:, 2:3] + CHANGE, rtol=1e-6)


def test_sigmoid_adds_odds():
    """With p the last frame and q the forecast, q / (1 - q) = p / (1 - p) * exp(change)."""
    forecast = np.asarray(AddToLastFrame("sigmoid")(CHANGE, FRAMES), "float64")
    last = np.clip(FRAMES[:, 2:3].astype("float64"), 0.02, 0.98)
    np.testing.assert_allclose(
        forecast / (1 - forecast), last / (1 - last) * np.exp(CHANGE), rtol=1e-4
    )


def test_no_change_is_persistence():
    frames = np.clip(FRAMES, 0.02, 0.98)
    for activation in ("sigmoid", "linear"):
        forecast = AddToLastFrame(activation)(0 * CHANGE, frames)
        np.testing.assert_allclose(forecast, np.repeat(frames[:, 2:3], 5, axis=1), atol=1e-6)


def test_clear_air_and_full_scale_stay_finite():
    frames = np.stack([np.zeros((1, 4, 4, 1)), np.ones((1, 4, 4, 1))]).astype("float32")
    forecast = np.asarray(AddToLastFrame()(np.zeros((2, 1, 4, 4, 1), "float32"), frames))
    np.testing.assert_allclose(forecast[:, 0, 0, 0, 0], [0.02, 0.98], atol=1e-6)


def test_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = AddToLastFrame("linear")
        forecast = layer(0 * CHANGE, FRAMES)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(forecast[:, 0], FRAMES[:, 2])


def test_an_untrained_residual_network_is_persistence():
    model = ConvLSTMForecaster(2, 3, filters=(4, 3), residual=True)
    frames = RNG.uniform(0.02, 0.98, size=(1, 2, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(model(frames), np.repeat(frames[:, 1:], 3, axis=1), atol=1e-6)
    assert model.count_params() == ConvLSTMForecaster(2, 3, filters=(4, 3)).count_params()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"activation": "relu"}, "'sigmoid' or 'linear'.*relu"), ({"epsilon": 0.5}, "epsilon=0.5")],
)
def test_what_it_refuses(arguments, message):
    with pytest.raises(ModelError, match=message):
        AddToLastFrame(**arguments)
