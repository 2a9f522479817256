"""The gradient of a network by its input, under either backend."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from keras_wx.errors import ModelError

ValueAndGradient = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def value_and_gradient(model: keras.Model) -> ValueAndGradient:
    """A function that gives the weighted sum of the output, and its gradient.

    Args:
        model: runs in inference mode: batch normalisation takes its statistics.

    Returns:
        A function of x `(batch, ...)` and weights, shaped as the output. It gives the sum of
        weights times output for each member of the batch, `(batch,)`, and its gradient by x,
        `(batch, ...)`, both float32.

    Raises:
        ModelError: a backend other than TensorFlow and JAX.
    """
    makers = {"tensorflow": _tensorflow, "jax": _jax}
    backend = keras.backend.backend()
    if backend not in makers:
        raise ModelError(
            f"Gradients by the input are there under {' and '.join(makers)}. Received: {backend}"
        )
    function = makers[backend](model)

    def run(x: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, gradient = function(np.float32(x), np.float32(weights))
        return np.asarray(value, np.float32), np.asarray(gradient, np.float32)

    return run


def _tensorflow(model: keras.Model) -> Callable:
    import tensorflow as tf

    @tf.function
    def compiled(x, weights):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            value = _weighted(model(x, training=False), weights)
        return value, tape.gradient(value, x, unconnected_gradients="zero")

    # Of NumPy arrays every call would be traced anew.
    return lambda x, weights: compiled(tf.convert_to_tensor(x), tf.convert_to_tensor(weights))


def _jax(model: keras.Model) -> Callable:
    import jax

    def total(x, weights, trainable, others):
        y, _ = model.stateless_call(trainable, others, x, training=False)
        value = _weighted(y, weights)
        return value.sum(), value

    compiled = jax.jit(jax.value_and_grad(total, has_aux=True))
    parts = model.trainable_variables, model.non_trainable_variables
    state = [[variable.value for variable in part] for part in parts]

    def run(x, weights):
        (_, value), gradient = compiled(x, weights, *state)
        return value, gradient

    return run


def _weighted(y, weights):
    """Each member of the batch depends on its own input alone, so one gradient serves them all."""
    y = keras.ops.cast(y, "float32")
    return keras.ops.sum(y * weights, axis=tuple(range(1, len(y.shape))))
