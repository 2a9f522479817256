"""Random numbers inside a compiled loop, where a seed generator must not take steps."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import keras

from keras_wx.errors import ModelError


def numbered_noise(seed: int | keras.random.SeedGenerator) -> Callable[[Any, Any], Any]:
    """Draws by number: one step of the generator now, however many draws are made of it.

    Args:
        seed: takes one step; a whole number gives the same draws every time.

    Returns:
        A function of a number (an integer or an integer tensor) and of a tensor, which gives
        standard normal noise of the tensor's shape and precision.

    Raises:
        ModelError: no seed.
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral | keras.random.SeedGenerator):
        raise ModelError(
            "This sampler draws noise at every step. Expected seed= a whole number, or a "
            f"keras.random.SeedGenerator that the model owns. Received: seed={seed!r}"
        )
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _tensorflow_noise(seed)
    if backend == "jax":
        return _jax_noise(seed)
    raise ModelError(
        f"Sampling with noise needs the backend tensorflow or jax. Received: {backend!r}"
    )


def _tensorflow_noise(seed):
    import tensorflow as tf

    key = tf.constant([seed, 0], "int64") if isinstance(seed, Integral) else seed.next()

    def noise(number, like):
        folded = tf.random.experimental.stateless_fold_in(key, tf.cast(number, "int64"))
        return tf.random.stateless_normal(tf.shape(like), folded, dtype=like.dtype)

    return noise


def _jax_noise(seed):
    import jax

    key = jax.random.PRNGKey(seed) if isinstance(seed, Integral) else seed.next()

    def noise(number, like):
        return jax.random.normal(jax.random.fold_in(key, number), like.shape, like.dtype)

    return noise
