"""The residual block of diffusion models."""

from __future__ import annotations

import keras
from keras import layers

from keras_wx.layers.group_norm import GroupNorm
from keras_wx.layers.initial import fan_in_uniform


@keras.saving.register_keras_serializable(package="keras_wx")
class ResidualBlock(layers.Layer):
    """Two convolutions with group normalisation before each, told the time between them.

        h = conv_1(silu(norm_1(x)))
        y = conv_2(dropout(silu(norm_2(h + dense(time))))) + x

    Where the number of channels changes, a 1x1 convolution of x takes its place in the sum.

    Args:
        filters: channels of the output.
        groups: of the normalisations.
        dropout: rate, in training.

    Call arguments:
        inputs: `(batch, height, width, channels)`.
        time: `(batch or 1, units)`, an activated embedding as `TimeEmbedding` gives it.

    Output shape:
        `(batch, height, width, filters)`.

    References:
        Ho et al. (2020), Denoising Diffusion Probabilistic Models, arXiv:2006.11239, appendix B;
        `ResnetBlock2D` of diffusers.

    Example:
        >>> block = ResidualBlock(64, groups=8)
        >>> block(keras.ops.ones((2, 8, 8, 16)), keras.ops.ones((2, 32))).shape
        (2, 8, 8, 64)
    """

    def __init__(self, filters: int, groups: int = 32, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.groups = groups
        self.rate = dropout
        common = {"dtype": self.dtype_policy}

        def convolution(size: int, name: str) -> layers.Layer:
            return layers.Conv2D(
                filters,
                size,
                padding="same",
                kernel_initializer=fan_in_uniform(),
                name=name,
                **common,
            )

        self.norm_1 = GroupNorm(groups, activation="silu", name="norm_1", **common)
        self.conv_1 = convolution(3, "conv_1")
        self.time = layers.Dense(
            filters, kernel_initializer=fan_in_uniform(), name="time", **common
        )
        self.norm_2 = GroupNorm(groups, activation="silu", name="norm_2", **common)
        self.dropout = layers.Dropout(dropout, name="dropout", **common)
        self.conv_2 = convolution(3, "conv_2")
        self.shortcut = convolution(1, "shortcut")

    def build(self, inputs_shape, time_shape):
        inside = (*inputs_shape[:-1], self.filters)
        self.norm_1.build(inputs_shape)
        self.conv_1.build(inputs_shape)
        self.time.build(time_shape)
        self.norm_2.build(inside, (None, self.filters))
        self.conv_2.build(inside)
        if inputs_shape[-1] == self.filters:
            self.shortcut = None
        else:
            self.shortcut.build(inputs_shape)

    def call(self, inputs, time, training=None):
        h = self.conv_1(self.norm_1(inputs))
        h = self.dropout(self.norm_2(h, shift=self.time(time)), training=training)
        skip = inputs if self.shortcut is None else self.shortcut(inputs)
        return skip + self.conv_2(h)

    def compute_output_shape(self, inputs_shape, time_shape):
        return (*inputs_shape[:-1], self.filters)

    def get_config(self):
        return super().get_config() | {
            "filters": self.filters,
            "groups": self.groups,
            "dropout": self.rate,
        }
