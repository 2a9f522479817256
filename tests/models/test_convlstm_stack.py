"""The stack of ConvLSTM2D layers against the Keras example and a loop without states."""

import keras
import numpy as np
import pytest

from keras_wx.errors import ModelError
from keras_wx.models.convlstm_stack import ConvLSTMStack

CONFIG = {"input_frames": 3, "filters": (3, 2), "kernel_sizes": (3, 1), "grid": (4, 6)}


def randomised(model):
    rng = np.random.default_rng(4)
    for weight in model.weights:
        values = rng.normal(size=weight.shape, scale=0.4)
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.path else values)
    return model


def frames(*shape):
    return np.random.default_rng(2).uniform(size=shape).astype("float32")


def keras_example(filters, kernel_sizes, grid):
    """The network of keras.io/examples/vision/conv_lstm, any number of frames in."""
    x = inputs = keras.Input((None, *grid, 1))
    for rank, (width, size) in enumerate(zip(filters, kernel_sizes, strict=True)):
        if rank:
            x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ConvLSTM2D(
            width, size, padding="same", return_sequences=True, activation="relu"
        )(x)
    x = keras.layers.Conv3D(1, (3, 3, 3), activation="sigmoid", padding="same")(x)
    return keras.Model(inputs, x)


@pytest.fixture(scope="module")
def example():
    return randomised(keras_example((3, 2), (3, 1), (4, 6)))


def with_weights_of(example, **changes):
    model = ConvLSTMStack(**CONFIG | changes)
    model.set_weights(example.get_weights())
    return model


def test_parameter_count_to_the_unit():
    """746,689, as the summary of the Keras example says."""
    gates = [(5**2 * (1 + 64) + 1) * 256, (3**2 * 128 + 1) * 256, (1 * 128 + 1) * 256]
    by_formula = sum(gates) + 2 * 4 * 64 + 3**3 * 64 + 1
    assert by_formula == 746_689
    assert keras_example((64, 64, 64), (5, 3, 1), (64, 64)).count_params() == by_formula
    assert ConvLSTMStack().count_params() == by_formula


def test_next_of_each_frame_equals_the_keras_example(example):
    x = frames(2, 3, 4, 6, 1)
    model = with_weights_of(example, output_frames=None)
    assert example(x).numpy().std() > 0.01
    np.testing.assert_allclose(model(x), example(x), atol=1e-6)


def test_roll_out_equals_running_the_whole_sequence_again(example):
    """Each forecast is the last frame of the example run on all frames so far."""
    sequence = frames(2, 3, 4, 6, 1)
    model = with_weights_of(example, output_frames=4)
    forecast = model(sequence)
    for _ in range(4):
        sequence = np.concatenate([sequence, example(sequence)[:, -1:]], axis=1)
    np.testing.assert_allclose(forecast, sequence[:, 3:], atol=1e-5)
    first = with_weights_of(example, output_frames=1)
    np.testing.assert_allclose(first(sequence[:, :3]), sequence[:, 3:4], atol=1e-6)


def test_one_input_frame_is_enough(example):
    x = frames(1, 1, 4, 6, 1)
    model = with_weights_of(example, input_frames=1, output_frames=2)
    first = example(x)
    second = example(np.concatenate([x, first], axis=1))[:, -1:]
    np.testing.assert_allclose(model(x), np.concatenate([first, second], axis=1), atol=1e-6)


def test_no_weight_depends_on_the_grid(example):
    model = with_weights_of(example, grid=(8, 4))
    assert model(frames(1, 3, 8, 4, 1)).shape == (1, 1, 8, 4, 1)


def test_frames_that_do_not_fit(example):
    model = with_weights_of(example)
    with pytest.raises(ModelError, match=r"reads 3 input frames of 4 x 6 .*\(1, 3, 8, 8, 1\)"):
        model(frames(1, 3, 8, 8, 1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernel_sizes": (3,)}, r"one kernel size for each layer.*kernel_sizes=\(3,\)"),
        ({"filters": (), "kernel_sizes": ()}, "at least one layer"),
        ({"input_frames": 0}, "at least one input frame.*input_frames=0"),
        ({"output_frames": 0}, "one output frame or None.*output_frames=0"),
        ({"grid": None}, r"grid=\(height, width\).*Received: grid=None"),
        ({"grid": (8, None)}, r"Received: grid=\(8, None\)"),
    ],
    ids=str,
)
def test_bad_configuration(changes, message):
    with pytest.raises(ModelError, match=message):
        ConvLSTMStack(**CONFIG | changes)


def test_the_readout_is_float32_in_mixed_precision():
    """TensorFlow's gradient of a Conv3D kernel in bfloat16 is NaN now and then."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = ConvLSTMStack(**CONFIG)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("readout").compute_dtype == "float32"
    assert model.get_layer("convlstm_1").compute_dtype == "bfloat16"
