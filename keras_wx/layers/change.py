"""A forecast as a change of a simpler one."""

from __future__ import annotations

import keras
from keras import ops

from keras_wx.errors import ModelError


@keras.saving.register_keras_serializable(package="keras_wx")
class AddChange(keras.layers.Layer):
    """Adds a predicted change to a first guess, so that no change gives the first guess.

    With `"linear"` the forecast is `guess + change`. With `"sigmoid"` the sum is taken before the
    activation, `sigmoid(logit(guess) + change)`: the forecast stays in [0, 1] and has a gradient
    everywhere, which a clipped sum would not have.

    Args:
        activation: `"sigmoid"` or `"linear"`.
        epsilon: with `"sigmoid"`, the first guess is kept in `[epsilon, 1 - epsilon]`, where its
            logit is finite. A larger one lets echo appear in clear air by a smaller change.

    Call arguments:
        change: `(batch, output_frames, height, width, channels)`.
        guess: of the same shape, or with one frame that stands for all.

    Output shape:
        That of `change`, in float32 under every precision policy.

    Raises:
        ModelError: another activation, or an epsilon outside (0, 0.5).
    """

    def __init__(self, activation: str = "sigmoid", epsilon: float = 0.02, **kwargs):
        if activation not in ("sigmoid", "linear"):
            raise ModelError(
                "A forecast that is added to a first guess has activation 'sigmoid' or 'linear'. "
                f"Received: activation={activation!r}"
            )
        if not 0 < epsilon < 0.5:
            raise ModelError(f"Expected an epsilon in (0, 0.5). Received: epsilon={epsilon}")
        # bfloat16 would round the first guess to steps of about 0.2 dBZ.
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.activation = activation
        self.epsilon = epsilon

    def call(self, change, guess):
        if self.activation == "linear":
            return guess + change
        guess = ops.clip(guess, self.epsilon, 1 - self.epsilon)
        return ops.sigmoid(ops.log(guess) - ops.log1p(-guess) + change)

    def get_config(self):
        return super().get_config() | {"activation": self.activation, "epsilon": self.epsilon}
