"""Half and double resolution by learnt convolutions."""

from __future__ import annotations

import keras
from keras import layers, ops

from keras_wx.layers.initial import fan_in_uniform


@keras.saving.register_keras_serializable(package="keras_wx")
class Downsample(layers.Layer):
    """3x3 convolution with stride 2 and one row and column of zeros on each side.

    `padding="same"` would put its zeros elsewhere where the size is even.

    Args:
        filters: channels of the output.

    Input shape:
        `(batch, height, width, channels)`.

    Output shape:
        `(batch, ceil(height / 2), ceil(width / 2), filters)`.

    Example:
        >>> Downsample(32)(keras.ops.ones((2, 16, 25, 16))).shape
        (2, 8, 13, 32)
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.conv = layers.Conv2D(
            filters,
            3,
            strides=2,
            kernel_initializer=fan_in_uniform(),
            name="conv",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape):
        self.conv.build((None, None, None, input_shape[-1]))

    def call(self, inputs):
        return self.conv(ops.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0))))

    def compute_output_shape(self, input_shape):
        batch, *size, _ = input_shape
        return (batch, *(n and (n + 1) // 2 for n in size), self.filters)

    def get_config(self):
        return super().get_config() | {"filters": self.filters}


@keras.saving.register_keras_serializable(package="keras_wx")
class Upsample(layers.Layer):
    """Every point doubled along both axes, cut to the size of another map, and a 3x3 convolution.

    Args:
        filters: channels of the output.

    Call arguments:
        inputs: `(batch, height, width, channels)`.
        like: `(batch, rows, columns, ...)`, a map of the wanted size: at most twice the input's.

    Output shape:
        `(batch, rows, columns, filters)`.

    Example:
        >>> Upsample(16)(keras.ops.ones((2, 8, 13, 32)), like=keras.ops.ones((2, 16, 25, 4))).shape
        (2, 16, 25, 16)
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.conv = layers.Conv2D(
            filters,
            3,
            padding="same",
            kernel_initializer=fan_in_uniform(),
            name="conv",
            dtype=self.dtype_policy,
        )

    def build(self, inputs_shape, like_shape):
        self.conv.build((None, None, None, inputs_shape[-1]))

    def call(self, inputs, like):
        _, height, width, channels = ops.shape(inputs)
        doubled = ops.broadcast_to(
            inputs[:, :, None, :, None, :], (ops.shape(inputs)[0], height, 2, width, 2, channels)
        )
        doubled = ops.reshape(doubled, (-1, 2 * height, 2 * width, channels))
        rows, columns = ops.shape(like)[1:3]
        return self.conv(doubled[:, :rows, :columns])

    def compute_output_shape(self, inputs_shape, like_shape):
        return (*like_shape[:3], self.filters)

    def get_config(self):
        return super().get_config() | {"filters": self.filters}


@keras.saving.register_keras_serializable(package="keras_wx")
class ResizeLike(layers.Layer):
    """Bilinear interpolation to the size of another map; corners of cells meet, not their centres.

    Call arguments:
        inputs: `(batch, height, width, channels)`.
        like: `(batch, rows, columns, ...)`, a map of the wanted size, no smaller than the input.

    Output shape:
        `(batch, rows, columns, channels)`.

    Example:
        >>> ResizeLike()(keras.ops.ones((2, 4, 4, 8)), like=keras.ops.ones((2, 16, 16, 1))).shape
        (2, 16, 16, 8)
    """

    def call(self, inputs, like):
        size = ops.shape(like)[1:3]
        if None not in like.shape[1:3]:
            return ops.image.resize(inputs, size, interpolation="bilinear")
        import tensorflow as tf  # no other backend leaves a size open

        outputs = tf.cast(tf.image.resize(inputs, size, "bilinear"), inputs.dtype)
        outputs.set_shape(self.compute_output_shape(inputs.shape, like.shape))
        return outputs

    def compute_output_shape(self, inputs_shape, like_shape):
        return (*like_shape[:3], inputs_shape[-1])
