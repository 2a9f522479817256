"""Random whole numbers of few bits: half the work of random fractions, which dropout compares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

BITS = 16


def random_bits(shape: Sequence[Any], generator: keras.random.SeedGenerator) -> Any:
    """Draws `uint16` numbers, all equally likely; `int32` under backends without such a draw.

    Args:
        shape: of the tensor; sizes may be tensors under TensorFlow.
        generator: takes one step.

    Returns:
        A tensor of numbers from 0 to 65535.

    Example:
        >>> random_bits((2, 3), keras.random.SeedGenerator(0)).shape
        (2, 3)
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        *leading, last = shape
        pairs = tf.random.stateless_uniform(
            [*leading, (last + 1) // 2], generator.next(), None, None, tf.uint32
        )
        halves = tf.bitcast(pairs, tf.uint16)
        return ops.reshape(halves, (*leading, -1))[..., :last]
    if backend == "jax":
        import jax

        return jax.random.bits(generator.next(), tuple(shape), "uint16")
    return keras.random.randint(shape, 0, 2**BITS, seed=generator)
