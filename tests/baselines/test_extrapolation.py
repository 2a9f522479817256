"""ROVER and Lucas-Kanade as models: forecasts of known motion, inputs, configuration."""

import numpy as np
import pytest
from moving_echo import translated

import keras_wx
from keras_wx.baselines.lucas_kanade import LucasKanade
from keras_wx.baselines.rover import Rover
from keras_wx.errors import ModelError

ROVER3 = [0.7, 0.2, 0.1]
MODELS = [Rover(), Rover([0.5, 0.5]), Rover(ROVER3), Rover(nonlinear=True), LucasKanade()]
EVERY = pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{m.name}{m.input_frames}")


def as_batch(frames: np.ndarray) -> np.ndarray:
    return frames[None, ..., None].astype("float32")


# === Forecasts ===


@EVERY
def test_forecasts_echo_that_moves_as_before(model):
    frames = translated(1.3, -0.6, np.arange(-3, 11))
    past, future = frames[:4], frames[4:]
    forecast = model.predict(as_batch(past))[0, :10, ..., 0]
    error = np.abs(forecast - future).mean(axis=(1, 2))
    of_persistence = np.abs(past[-1] - future).mean(axis=(1, 2))
    assert (error < 0.2 * of_persistence).all()


def test_rover_weighs_the_newest_flow_first():
    """Echo that speeds up from 1 to 2 to 3 grid points a step."""
    frames = translated(1, 0, np.array([0, 1, 3, 6]))
    echo = frames[-1] > 15
    for weights, expected in (([1.0], 3), ([0.5, 0.5], 2.5), (ROVER3, 0.7 * 3 + 0.2 * 2 + 0.1)):
        velocity = Rover(weights).velocity(frames[-len(weights) - 1 :])
        np.testing.assert_allclose(velocity[:, echo].mean(axis=1), [expected, 0], atol=0.1)


@EVERY
def test_what_enters_from_outside_is_the_least_value(model):
    frames = translated(4, 0, np.arange(-3, 1)) - 7
    forecast = model.predict(as_batch(frames))
    assert forecast.min() == frames.min() == -7
    np.testing.assert_array_equal(forecast[0, -1, :, :20, 0], -7)
    assert forecast.max() <= frames[-1].max()


@EVERY
def test_frames_without_change_persist(model):
    x = np.full((1, 4, 9, 12, 1), 12.5, "float32")
    np.testing.assert_array_equal(model.predict(x), np.full((1, 15, 9, 12, 1), 12.5))


# === Inputs ===


@EVERY
def test_only_the_last_frames_count_and_samples_do_not_mix(model):
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 40, size=(3, 6, 24, 17, 1)).astype("float32")
    forecast = model.predict(x)
    assert forecast.shape == (3, 15, 24, 17, 1)
    assert forecast.dtype == "float32"
    alone = model.predict(x[1:2, -model.input_frames :])
    np.testing.assert_array_equal(forecast[1:2], alone)


@EVERY
def test_refuses_inputs_that_do_not_fit(model):
    x = np.zeros((1, model.input_frames, 8, 8, 1))
    with pytest.raises(ModelError, match=f"at least {model.input_frames} frames"):
        model.predict(x[:, 1:])
    with pytest.raises(ModelError, match=r"\(batch, time, y, x, 1\)"):
        model.predict(x[..., 0])
    x[0, 0, 3, 3] = np.nan
    with pytest.raises(ModelError, match=r"1 of \d+ values not finite"):
        model.predict(x)


# === Configuration ===


@EVERY
def test_config_makes_it_again(model):
    config = model.get_config()
    again = type(model)(**config)
    assert again.get_config() == config
    x = as_batch(translated(1, 1, np.arange(4)))
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_gray_range_makes_it_fit_other_units():
    frames = translated(1.3, -0.6, np.arange(-3, 1))
    for model, scaled in (
        (Rover(), Rover(gray_range=(0, 1))),
        (LucasKanade(), LucasKanade(gray_range=(0, 1))),
    ):
        expected = model.predict(as_batch(frames)) / 60
        np.testing.assert_allclose(scaled.predict(as_batch(frames / 60)), expected, atol=1e-4)


def test_says_what_is_wrong_with_a_configuration():
    with pytest.raises(ModelError, match=r"flow_weights=\[0.5, 0.2\]"):
        Rover([0.5, 0.2])
    with pytest.raises(ModelError, match="input_frames=1"):
        LucasKanade(input_frames=1)
    for make in (Rover, LucasKanade):
        with pytest.raises(ModelError, match="output_frames=0"):
            make(output_frames=0)
        with pytest.raises(ModelError, match=r"gray_range=\[60.0, 0.0\]"):
            make(gray_range=(60, 0))


@pytest.mark.parametrize("name", ["rover1", "rover2", "rover3", "lucas_kanade"])
def test_presets_read_the_frames_they_need(name):
    model = keras_wx.load(name, output_frames=4)
    assert model.preset.sample.inputs[0].frames == model.input_frames
    assert model.preset.sample.target_steps == (1, 4)
    assert model.output_frames == 4
