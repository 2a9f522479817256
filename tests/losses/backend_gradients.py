"""Loss values and their gradients, for whichever backend runs this.

`run_under_jax` runs this file as a script.
"""

from __future__ import annotations

import sys

import numpy as np
from loss_fields import EVERY_LOSS, GRAY, eaten, radar_like

SHAPE = (2, 3, 24, 27, 1)
SMOOTH = ("echo", "masked", "false alarm", "opposite")
"""Cases where no forecast equals its target: an absolute error has no gradient there."""


def outputs() -> dict[str, np.ndarray]:
    """Value and gradient of every loss, on echo and without any, with and without a mask."""
    from keras_wx import losses

    echo, other = radar_like(0, SHAPE), radar_like(1, SHAPE).clip(0.01, 0.99)
    zeros = np.zeros(SHAPE, "float32")
    mask = (radar_like(2, SHAPE)[..., 0] > 0).astype("float32")
    mask[0, 1] = 0
    cases = {
        "echo": (echo, other, None),
        "masked": (echo, other, mask),
        "all masked": (echo, other, 0 * mask),
        "right": (echo, echo, None),
        "no echo": (zeros, zeros, None),
        "false alarm": (zeros, other, None),
        "miss": (echo, zeros, None),
        "opposite": (echo, 1 - echo, None),
    }
    found = {}
    for name, arguments in EVERY_LOSS.items():
        loss = losses.get(name, transform=GRAY, **arguments)
        for case, (y_true, y_pred, weight) in cases.items():
            value, gradient = value_and_gradient(loss, *eaten(name, y_true, y_pred, weight))
            found[f"{name}/{case}/value"] = value
            found[f"{name}/{case}/gradient"] = gradient.reshape(*SHAPE[:-1], -1)
    return found


def value_and_gradient(loss, y_true, y_pred, weight) -> tuple[np.ndarray, np.ndarray]:
    import keras

    if keras.backend.backend() == "jax":
        import jax

        value, gradient = jax.value_and_grad(lambda p: loss(y_true, p, weight))(y_pred)
    else:
        import tensorflow as tf

        y_pred = tf.constant(y_pred)
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            value = loss(y_true, y_pred, weight)
        gradient = tape.gradient(value, y_pred)
    return np.asarray(value), np.asarray(gradient)


if __name__ == "__main__":
    np.savez(sys.argv[1], **outputs())
