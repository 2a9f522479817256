"""The ConvLSTM encoder-forecaster against plain NumPy and the paper's table of parameters."""

import numpy as np
import pytest
import reference_convlstm as reference

from keras_wx.errors import ModelError
from keras_wx.models.convlstm import ConvLSTMForecaster
from keras_wx.zoo import loading, presets

CONFIG = {"input_frames": 3, "output_frames": 4, "patch_size": 2, "filters": (3, 2)}


def randomised(model, seed=5):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(size=w.shape, scale=0.8) for w in model.weights])
    return model


def frames(*shape, seed=1):
    return np.random.default_rng(seed).uniform(size=shape).astype("float32")


@pytest.fixture(scope="module")
def model():
    return randomised(ConvLSTMForecaster(**CONFIG))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"patch_size": 1, "channels": 2, "peephole": None, "filters": (3, 3)},
        {"filters": (2,), "kernel_size": 1, "input_kernel_size": 5},
        {"filters": (2, 3, 1), "channels": 3, "peephole": "full", "grid": (4, 6)},
    ],
    ids=str,
)
def test_wiring_equals_plain_numpy(changes):
    """States copied rank by rank, no input at the bottom, all states read by one 1x1 kernel."""
    model = randomised(ConvLSTMForecaster(**CONFIG | changes))
    layers = {
        layer.name: {w.name: w.numpy().astype("float64") for w in layer.weights}
        for layer in model.layers
        if layer.name.startswith(("encoder", "forecaster"))
    }
    assert len(layers) == 2 * len(model.filters)
    assert "kernel" not in layers["forecaster_1"]
    x = frames(2, 3, 4, 6, model.channels)
    expected = reference.forecast(
        layers,
        [w.numpy().astype("float64") for w in model.get_layer("readout").weights],
        x.astype("float64"),
        output_frames=4,
        patch_size=model.patch_size,
    )
    assert expected.std() > 0.02
    np.testing.assert_allclose(model(x), expected, atol=1e-5)


# The paper's table 1; the radar network's count follows from the same formula.
PUBLISHED = {
    "convlstm_mnist_1layer": 13_524_496,
    "convlstm_mnist_2layer": 10_042_896,
    "convlstm_mnist_3layer": 7_585_296,
    "convlstm_mnist_2layer_9x9_1x1": 11_550_224,
    "convlstm_mnist_3layer_9x9_1x1": 8_830_480,
    "convlstm_hko": 896_260,
}


def counted_by_formula(filters, patch_size, kernel_size, input_kernel_size=None):
    """Weights of every cell, k^2 F 4F + k_i^2 C 4F + 4F + 3F, and of the 1x1 convolution."""
    input_kernel_size = input_kernel_size or kernel_size
    total = (sum(filters) + 1) * patch_size**2
    for part in ("encoder", "forecaster"):
        below = patch_size**2 if part == "encoder" else 0
        for f in filters:
            total += kernel_size**2 * f * 4 * f + input_kernel_size**2 * below * 4 * f + 7 * f
            below = f
    return total


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameter_count_to_the_unit(name):
    preset = presets.base(name)
    config = {
        key: preset.config[key]
        for key in ("filters", "patch_size", "kernel_size", "input_kernel_size")
        if key in preset.config
    }
    assert counted_by_formula(**config) == PUBLISHED[name]
    assert loading.build(preset).count_params() == PUBLISHED[name]


def test_no_weight_depends_on_the_horizon(model):
    longer = ConvLSTMForecaster(**CONFIG | {"output_frames": 9})
    longer.set_weights(model.get_weights())
    x = frames(1, 3, 4, 4, 1)
    np.testing.assert_allclose(longer(x)[:, :4], model(x), atol=1e-6)


def test_no_weight_depends_on_the_grid(model):
    """One model takes two grids, and equals a model that was built for the second alone."""
    assert model(frames(1, 3, 4, 6, 1)).shape == (1, 4, 4, 6, 1)
    assert model(frames(1, 3, 8, 12, 1)).shape == (1, 4, 8, 12, 1)
    fixed = ConvLSTMForecaster(**CONFIG, grid=(8, 12))
    fixed.set_weights(model.get_weights())
    x = frames(1, 3, 8, 12, 1)
    np.testing.assert_allclose(fixed(x), model(x), atol=1e-6)


def test_a_shift_of_the_field_shifts_the_forecast(model):
    """Convolution knows no place: away from the border it commutes with a shift by a patch."""
    reach = 40  # more than the receptive field of 2 layers, 7 steps and 3x3 kernels on patches of 2
    x = np.zeros((1, 3, 4, 2 * reach + 8, 1), "float32")
    x[:, :, :, reach : reach + 4] = frames(1, 3, 4, 4, 1)
    shifted = model(np.roll(x, 4, axis=3))
    np.testing.assert_allclose(
        shifted[:, :, :, reach : reach + 8], model(x)[:, :, :, reach - 4 : reach + 4], atol=1e-6
    )


def test_full_peephole_fixes_the_grid():
    model = ConvLSTMForecaster(**CONFIG, peephole="full", grid=(4, 6))
    with pytest.raises(ModelError, match=r"4 x 6 grid points.*Received: shape=\(1, 3, 6, 6, 1\)"):
        model(frames(1, 3, 6, 6, 1))
    with pytest.raises(ModelError, match=r"needs a fixed grid.*peephole='channel'"):
        ConvLSTMForecaster(**CONFIG, peephole="full")


def test_patch_that_does_not_divide_the_grid(model):
    with pytest.raises(ModelError, match=r"patch_size=2 does not divide.*\(4, 7\)") as error:
        model.predict(frames(1, 3, 4, 7, 1), verbose=0)
    assert "Arguments received" not in str(error.value)
    with pytest.raises(ModelError, match=r"patch_size=2 does not divide.*\(4, 7\)"):
        ConvLSTMForecaster(**CONFIG, grid=(4, 7))


@pytest.mark.parametrize("shape", [(1, 2, 4, 4, 1), (1, 3, 4, 4, 2), (3, 4, 4, 1)])
def test_frames_that_do_not_fit(model, shape):
    with pytest.raises(ModelError, match=r"reads 3 input frames .* 1 channels") as error:
        model(frames(*shape))
    assert f"Received: shape={shape}. keras_wx.load takes input_frames=" in str(error.value)
    with pytest.raises(ModelError, match="reads 3 input frames"):
        model.predict(frames(*shape), verbose=0)


def test_one_channel_may_be_left_out(model):
    x = frames(1, 3, 4, 4, 1)
    np.testing.assert_array_equal(model(x[..., 0]), model(x))


@pytest.mark.parametrize(
    "changes", [{"input_frames": 0}, {"output_frames": 0}, {"filters": ()}], ids=str
)
def test_bad_configuration(changes):
    with pytest.raises(ModelError, match=r"Expected at least one.* Received: .*"):
        ConvLSTMForecaster(**CONFIG | changes)
