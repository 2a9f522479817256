"""What layers give: against NumPy, with the coordinates of what they stand for."""

from __future__ import annotations

import explain_cases as cases
import keras
import numpy as np
import pytest
from keras import layers

from keras_wx.errors import ModelError, UnknownNameError
from keras_wx.explain import feature_maps


def test_maps_of_a_forecast():
    model, weights = cases.linear_nowcast(rate=0.5)
    found = feature_maps(model, cases.radar(), "readout", init_times=2)
    x = cases.radar().reflectivity.values / 60
    assert found.features.dims == ("init_time", "y", "x", "feature")
    np.testing.assert_array_equal(found.init_time, cases.radar().time.values[[1, 3, 5]])
    by_hand = np.einsum("tyx,tf->yxf", x[2:4], weights) + np.float32([0.1, -0.2, 0.3])
    np.testing.assert_allclose(found.features[1], by_hand, rtol=1e-5)
    np.testing.assert_array_equal(found.x, cases.radar().x)
    assert model.get_layer("dropout").active


def test_coarser_layers_have_mean_coordinates():
    given = keras.Input((None, None, 3))
    pooled = layers.MaxPooling2D(4, name="pooled")(given)
    model = keras.Model(given, layers.UpSampling2D(4, name="up")(pooled)[..., :1])
    model.preset = cases.CURTAIN
    data = cases.curtain()
    found = feature_maps(model, data, "pooled").features
    assert found.dims == ("height", "time", "feature")
    np.testing.assert_allclose(found.height, [400, 1200])
    np.testing.assert_array_equal(found.time, data.time.values[[1, 5, 9]] + np.timedelta64(2, "s"))
    temperature = (data.temperature.values.T - 180) / 120
    by_hand = temperature.reshape(2, 4, 3, 4).max(axis=(1, 3))
    np.testing.assert_allclose(found[..., 1], by_hand, rtol=1e-6)


def test_a_layer_inside_of_a_layer_that_is_called_for_every_frame():
    frames = keras.Input((2, None, None, 1))
    inner = layers.Conv2D(1, 1, name="inner", use_bias=False)

    class Twice(layers.Layer):
        def __init__(self):
            super().__init__(name="outer")
            self.inner = inner

        def call(self, x):
            return keras.ops.stack([self.inner(x[:, 0]), self.inner(x[:, 1])], axis=1)

        def compute_output_shape(self, shape):
            return shape

    model = keras.Model(frames, Twice()(frames))
    inner.set_weights([np.full((1, 1, 1, 1), 3.0)])
    model.preset = cases.NOWCAST
    x = cases.radar().reflectivity.values[-2:] / 60
    found = feature_maps(model, cases.radar(), "inner").features
    assert found.dims == ("call", "init_time", "y", "x", "feature")
    np.testing.assert_allclose(found[:, 0, ..., 0], 3 * x, rtol=1e-6)
    found = feature_maps(model, cases.radar(), "outer").features
    assert found.dims == ("init_time", "frame", "y", "x", "feature")
    np.testing.assert_allclose(found[0, ..., 0], 3 * x, rtol=1e-6)
    assert "call" not in vars(inner)


def test_frames_that_are_computed_as_a_batch():
    frames = keras.Input((2, 4, 5, 1))
    as_batch = layers.Lambda(lambda t: keras.ops.reshape(t, (-1, 4, 5, 1)), name="as_batch")
    apart = layers.Lambda(lambda t: keras.ops.reshape(t, (-1, 2, 4, 5, 1)))
    model = keras.Model(frames, apart(as_batch(frames)))
    model.preset = cases.NOWCAST
    found = feature_maps(model, cases.radar(), "as_batch").features
    assert found.dims == ("init_time", "frame", "y", "x", "feature")
    x = cases.radar().reflectivity.values[-2:] / 60
    np.testing.assert_allclose(found[0, ..., 0], x, rtol=1e-6)


def test_what_has_no_maps():
    from keras_wx.models.unet import UNet

    model = UNet(3, 1, filters=2, depth=3)
    model.preset = cases.CURTAIN
    with pytest.raises(UnknownNameError, match="Did you mean"):
        feature_maps(model, cases.curtain(8), "encoder_1_activation")
    with pytest.raises(ModelError, match="for training alone"):
        feature_maps(model, cases.curtain(8), "head_2")
    flat = keras.Sequential([keras.Input((8, 8, 3)), layers.Reshape((8, 24), name="flat"),
                             layers.Reshape((8, 8, 3))])  # fmt: skip
    flat.preset = cases.CURTAIN
    with pytest.raises(ModelError, match="gives no field"):
        feature_maps(flat, cases.curtain(8), "flat")
