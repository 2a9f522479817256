"""Group normalisation that adds the time of a diffusion model for nothing."""

from __future__ import annotations

import keras
from keras import ops

from keras_wx.errors import ModelError


@keras.saving.register_keras_serializable(package="keras_wx")
class GroupNorm(keras.layers.Layer):
    """Group normalisation of maps, optionally of a map plus one number for each channel.

    Mean and variance are those of groups of neighbouring channels over all points of one map. They
    are taken channel by channel first, in float32 under every precision policy. A `shift` then
    costs nothing: it moves the means of the channels, and no map is added to.

    Args:
        groups: number of groups; the channels have to be a multiple of it.
        epsilon: added to the variance.
        activation: of the output, e.g. `"silu"`.

    Call arguments:
        inputs: `(batch, height, width, channels)`.
        shift: `(batch or 1, channels)`, added to every point before normalising.

    Input shape:
        `(batch, height, width, channels)`.

    Output shape:
        That of the input.

    Raises:
        ModelError: channels that are no multiple of the groups.

    References:
        Wu & He (2018), Group Normalization, arXiv:1803.08494.

    Example:
        >>> GroupNorm(4, activation="silu")(keras.ops.ones((2, 8, 8, 16))).shape
        (2, 8, 8, 16)
    """

    def __init__(
        self, groups: int = 32, epsilon: float = 1e-5, activation: str | None = None, **kwargs
    ):
        super().__init__(**kwargs)
        self.groups = groups
        self.epsilon = epsilon
        self.activation = keras.activations.get(activation)

    def build(self, inputs_shape, shift_shape=None):
        channels = inputs_shape[-1]
        if self.groups < 1 or channels % self.groups:
            raise ModelError(
                f"{self.name}: expected channels that are a multiple of groups={self.groups}. "
                f"Received: {channels} channels"
            )
        # Without autocast they stay float32 under mixed precision, as the moments do.
        self.gamma = self.add_weight(
            name="gamma", shape=(channels,), initializer="ones", autocast=False
        )
        self.beta = self.add_weight(
            name="beta", shape=(channels,), initializer="zeros", autocast=False
        )

    def call(self, inputs, shift=None):
        channels = inputs.shape[-1]
        precise = "float64" if self.compute_dtype == "float64" else "float32"
        x = ops.cast(inputs, precise)
        mean, variance = ops.moments(x, axes=(1, 2))
        if shift is not None:
            shift = ops.cast(shift, precise)
            mean = mean + shift

        def grouped(each):
            return ops.reshape(each, (-1, self.groups, channels // self.groups))

        mean, variance = grouped(mean), grouped(variance)
        center = ops.mean(mean, axis=-1, keepdims=True)
        spread = ops.mean(variance + ops.square(mean - center), axis=-1, keepdims=True)
        scale = grouped(ops.cast(self.gamma, precise)) * ops.rsqrt(spread + self.epsilon)
        offset = grouped(ops.cast(self.beta, precise)) - center * scale
        if shift is not None:
            offset = offset + grouped(shift) * scale
        each_point = (-1, 1, 1, channels)
        y = x * ops.reshape(scale, each_point) + ops.reshape(offset, each_point)
        return self.activation(ops.cast(y, inputs.dtype))

    def compute_output_shape(self, inputs_shape, shift_shape=None):
        return inputs_shape

    def get_config(self):
        return super().get_config() | {
            "groups": self.groups,
            "epsilon": self.epsilon,
            "activation": keras.activations.serialize(self.activation),
        }
