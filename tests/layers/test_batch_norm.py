"""The fused batch normalisation against Keras' own layer: numbers, statistics, gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_wx.layers import BatchNormalization


def filled(layer, shape):
    layer.build(shape)
    rng = np.random.default_rng(0)
    layer.set_weights([rng.uniform(0.5, 2, w.shape) for w in layer.weights])
    return layer


def images(*shape):
    return np.random.default_rng(1).normal(3, 2, shape).astype("float32")


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(3, 5, 4, 6), (1, 1, 2, 1), (4, 6)])
def test_equals_keras(shape, training):
    x = images(*shape)
    ours, theirs = (
        filled(BatchNormalization(), shape),
        filled(keras.layers.BatchNormalization(), shape),
    )
    np.testing.assert_allclose(
        ours(x, training=training), theirs(x, training=training), rtol=1e-4, atol=1e-5
    )
    for got, want in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5)


def gradients(layer, x):
    weight = images(*x.shape)
    with tf.GradientTape() as tape:
        x = tf.Variable(x)
        loss = tf.reduce_sum(layer(x, training=True) ** 2 * weight)
    return tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])


def test_gradients_equal_those_of_keras():
    shape = (3, 5, 4, 6)
    x = images(*shape)
    ours = gradients(filled(BatchNormalization(), shape), x)
    theirs = gradients(filled(keras.layers.BatchNormalization(), shape), x)
    for got, want in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)


def test_frozen_it_keeps_its_statistics():
    layer = filled(BatchNormalization(), (3, 5, 4, 6))
    layer.trainable = False
    before = layer.get_weights()
    x = images(3, 5, 4, 6)
    np.testing.assert_array_equal(layer(x, training=True), layer(x, training=False))
    for got, want in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(got, want)


def test_bfloat16_in_and_out_with_statistics_in_float32():
    x = images(8, 16, 16, 4)
    layer = filled(BatchNormalization(dtype="mixed_bfloat16"), x.shape)
    reference = filled(keras.layers.BatchNormalization(), x.shape)
    y, expected = layer(x, training=True), reference(x, training=True)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    np.testing.assert_allclose(np.asarray(y, "float32"), expected, atol=0.05)
    assert {w.dtype for w in layer.weights} == {"float32"}
    for got, want in zip(layer.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-3)
