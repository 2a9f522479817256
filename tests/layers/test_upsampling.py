"""Upsampling of open sizes, beside Keras' layer on the same images with sizes that are known."""

import keras
import numpy as np
import pytest

from keras_wx.layers import UpSampling


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("factor", [2, 4])
def test_images_of_several_sizes_after_each_other(interpolation, factor):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, UpSampling(factor, interpolation=interpolation)(inputs))
    reference = keras.layers.UpSampling2D(factor, interpolation=interpolation)
    for size in ((4, 8), (4, 6), (2, 10), (4, 8)):
        x = np.random.default_rng(1).normal(size=(2, *size, 3)).astype(np.float32)
        found = model.predict(x, verbose=0)
        assert found.shape == (2, factor * size[0], factor * size[1], 3)
        np.testing.assert_allclose(found, reference(x), atol=1e-6)


def test_half_precision_stays_and_the_layer_is_saved():
    layer = UpSampling(2, interpolation="bilinear", dtype="bfloat16")
    inputs = keras.Input((None, None, 1), dtype="bfloat16")
    model = keras.Model(inputs, layer(inputs))
    for size in (4, 6):
        found = model.predict_on_batch(np.ones((1, size, size, 1), np.float32))
        assert found.shape == (1, 2 * size, 2 * size, 1)
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert isinstance(again, UpSampling)
    assert again.get_config() == layer.get_config()
