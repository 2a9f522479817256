"""Persistence, and what every baseline shares with a Keras model."""

import numpy as np
import pytest

import keras_wx
from keras_wx.baselines import Baseline
from keras_wx.baselines.persistence import Persistence
from keras_wx.errors import ModelError


def test_repeats_the_last_frame():
    x = np.random.default_rng(0).uniform(size=(2, 5, 3, 4, 1)).astype("float32")
    forecast = Persistence(output_frames=3).predict(x)
    assert forecast.shape == (2, 3, 3, 4, 1)
    assert forecast.dtype == "float32"
    for frame in range(3):
        np.testing.assert_array_equal(forecast[:, frame], x[:, 4])


def test_has_the_face_of_a_keras_model():
    model = keras_wx.load("persistence", output_frames=2)
    x = np.ones((4, 1, 2, 2, 1), "float32")
    np.testing.assert_array_equal(
        model.predict(x, batch_size=2, verbose=0), model.predict_on_batch(x)
    )
    assert model.name == model.preset.name == "persistence"
    assert list(model.weights) == []
    assert repr(model) == "Persistence(output_frames=2, name='persistence')"


def test_config_makes_it_again():
    config = Persistence(output_frames=7, name="last").get_config()
    assert config == {"output_frames": 7, "name": "last"}
    assert Persistence(**config).get_config() == config


@pytest.mark.parametrize("name", ["persistence", "rover1", "lucas_kanade", "steps"])
def test_no_frames_are_no_forecast(name):
    with pytest.raises(ModelError, match=r"at least one output frame.*output_frames=0"):
        keras_wx.load(name, output_frames=0)


def test_base_leaves_the_forecast_to_others():
    with pytest.raises(NotImplementedError):
        Baseline().predict(np.ones((1, 1, 2, 2, 1)))
