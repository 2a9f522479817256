"""FC-LSTM against plain NumPy, ConvLSTM on one point, and the paper's table of parameters."""

import keras
import numpy as np
import pytest
import reference_convlstm as reference
import xarray as xr
from keras import ops

import keras_wx
from keras_wx.errors import ModelError
from keras_wx.layers import ConvLSTM
from keras_wx.layers.fclstm import FCLSTM
from keras_wx.models.fclstm import FCLSTMForecaster


def random_weights(model, seed=0):
    """Weights of every kind away from zero, peepholes and biases too."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.4, w.shape) for w in model.get_weights()])


def on_one_point(layer):
    """A layer's weights as those of a ConvLSTM on a grid of one point."""
    weights = {w.name: np.asarray(w, dtype="float64") for w in layer.weights}
    return {n: w[None, None] if n.endswith("kernel") else w for n, w in weights.items()}


# === Layer ===


def test_layer_equals_plain_numpy():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 4, 7)).astype("float32")
    layer = FCLSTM(5)
    layer(x)
    random_weights(layer)
    expected, h, c = reference.run(on_one_point(layer), sequence=x[:, :, None, None])
    outputs, *state = layer(x)
    np.testing.assert_allclose(outputs, expected[:, :, 0, 0], atol=1e-6)
    for got, want in zip(state, (h, c), strict=True):
        np.testing.assert_allclose(got, want[:, 0, 0], atol=1e-6)


@pytest.mark.parametrize("has_input", [True, False])
def test_layer_equals_convlstm_on_one_point(has_input):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2, 3, 6)).astype("float32") if has_input else None
    state = [rng.normal(size=(2, 4)).astype("float32") for _ in range(2)]
    layer, conv = FCLSTM(4, has_input=has_input), ConvLSTM(4, kernel_size=1, has_input=has_input)
    grid_x = None if x is None else x[:, :, None, None]
    grid_state = [s[:, None, None] for s in state]
    layer(x, initial_state=state, steps=3)
    random_weights(layer)
    conv(grid_x, initial_state=grid_state, steps=3)
    weights = on_one_point(layer)
    conv.set_weights([weights[w.name] for w in conv.weights])
    got = layer(x, initial_state=state, steps=3)
    want = conv(grid_x, initial_state=grid_state, steps=3)
    np.testing.assert_allclose(got[0], want[0][:, :, 0, 0], atol=1e-6)
    np.testing.assert_allclose(got[2], want[2][:, 0, 0], atol=1e-6)


@pytest.mark.parametrize("forget", [True, False])
def test_initial_bias(forget):
    layer = FCLSTM(3, unit_forget_bias=forget)
    layer.build((None, 2, 4))
    np.testing.assert_array_equal(layer.bias, [0] * 3 + [forget] * 3 + [0] * 6)
    np.testing.assert_array_equal(layer.peepholes, [0] * 9)


def test_layer_without_input_needs_state_and_steps():
    with pytest.raises(ModelError, match="initial_state and steps"):
        FCLSTM(3, has_input=False)(initial_state=[np.zeros((1, 3))] * 2)


# === Model ===


def parameters(units, points):
    """By hand: four gates and three peepholes a unit; the readout reads the last layer alone."""
    count = 0
    for part in ("encoder", "forecaster"):
        below = points if part == "encoder" else 0
        for size in units:
            count += 4 * size * (below + size) + 4 * size + 3 * size
            below = size
    return count + units[-1] * points + points


@pytest.mark.parametrize(
    ("units", "grid", "channels"), [((6, 5), (8, 8), 1), ((4,), (3, 7), 2), ((3, 2, 5), (4, 4), 1)]
)
def test_parameter_count(units, grid, channels):
    model = FCLSTMForecaster(2, 3, channels=channels, units=units, grid=grid)
    assert model.count_params() == parameters(units, grid[0] * grid[1] * channels)


@pytest.mark.parametrize("name", keras_wx.list_models("fclstm_*"))
def test_presets_state_the_parameter_count(name):
    preset = keras_wx.info(name)
    rows, columns = preset.config["grid"]
    assert preset.parameters == parameters(preset.config["units"], rows * columns)


def test_published_parameter_count():
    assert keras_wx.info("fclstm_mnist").parameters == 142_667_776  # Shi et al. (2015), table 1


def test_model_equals_plain_numpy():
    model = FCLSTMForecaster(3, 4, channels=2, units=(6, 5), grid=(4, 3))
    random_weights(model)
    x = np.random.default_rng(3).uniform(size=(2, 3, 4, 3, 2))
    layers = {layer.name: on_one_point(layer) for layer in model.layers if layer.weights}
    vectors = x.reshape(2, 3, 1, 1, 24)
    vectors, *first = reference.run(layers["encoder_1"], sequence=vectors)
    vectors, *second = reference.run(layers["encoder_2"], sequence=vectors)
    states, *_ = reference.run(layers["forecaster_1"], steps=4, state=first)
    states, *_ = reference.run(layers["forecaster_2"], sequence=states, state=second)
    kernel, bias = model.get_layer("readout").get_weights()
    expected = reference.sigmoid(states[:, :, 0, 0] @ kernel + bias).reshape(2, 4, 4, 3, 2)
    np.testing.assert_allclose(model(x), expected, atol=1e-6)


def test_forecast_is_float32_and_states_accumulate_in_it():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = FCLSTMForecaster(2, 2, units=(3,), grid=(4, 4))
        h, c = model.get_layer("encoder_1")(np.zeros((1, 2, 16)))[1:]
        assert [keras.backend.standardize_dtype(s.dtype) for s in (h, c)] == ["bfloat16", "float32"]
        forecast = model(np.zeros((1, 2, 4, 4, 1)))
        assert keras.backend.standardize_dtype(forecast.dtype) == "float32"
    finally:
        keras.config.set_dtype_policy("float32")


def test_longer_forecast_keeps_the_weights():
    model = keras_wx.load("fclstm_mnist_tiny", weights=None, units=[4, 3], grid=[8, 8])
    longer = keras_wx.zoo.loading.rebuild(model, output_frames=14)
    x = np.random.default_rng(4).uniform(size=(1, 10, 8, 8, 1))
    forecast = ops.convert_to_numpy(longer(x))
    assert forecast.shape == (1, 14, 8, 8, 1)
    np.testing.assert_allclose(forecast[:, :10], model(x), atol=1e-6)


def test_other_domains_are_tiled():
    """A network of one grid: seams are blended, and a domain of that grid is the network itself."""
    model = keras_wx.load("fclstm_mnist_tiny", weights=None, units=[4, 3], grid=[8, 8])
    random_weights(model)
    fields = np.random.default_rng(5).uniform(size=(10, 12, 20)).astype("float32")
    times = np.datetime64("2000-01-01", "ns") + np.arange(10) * np.timedelta64(1, "m")
    dataset = xr.Dataset(
        {"intensity": (("time", "y", "x"), fields, {"units": "1"})}, coords={"time": times}
    )
    forecast = keras_wx.predict(model, dataset)["intensity"]
    assert forecast.shape == (1, 10, 12, 20)
    assert np.isfinite(forecast).all()
    own = keras_wx.predict(model, dataset.isel(y=slice(0, 8), x=slice(0, 8)))["intensity"]
    direct = ops.convert_to_numpy(model(fields[None, :, :8, :8, None]))[..., 0]
    np.testing.assert_allclose(own, direct, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": ()}, "at least one"),
        ({"input_frames": 0}, "input_frames=0"),
        ({"output_frames": 0}, "output_frames=0"),
        ({"grid": None}, "grid=None"),
        ({"grid": (None, 8)}, "belongs to a grid point"),
    ],
)
def test_configurations_that_make_no_model(options, message):
    with pytest.raises(ModelError, match=message):
        FCLSTMForecaster(**{"units": (3,), "grid": (8, 8)} | options)


def test_frames_that_do_not_fit():
    model = FCLSTMForecaster(2, 3, units=(3,), grid=(8, 8))
    for shape in ((1, 2, 8, 9, 1), (1, 3, 8, 8, 1), (1, 2, 8, 8, 2)):
        with pytest.raises(ModelError, match="8 x 8 grid points"):
            model(np.zeros(shape))
