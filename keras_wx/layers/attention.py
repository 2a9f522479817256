"""Self-attention among the points of a map."""

from __future__ import annotations

import keras
from keras import layers, ops

from keras_wx.errors import ModelError
from keras_wx.layers.group_norm import GroupNorm
from keras_wx.layers.initial import fan_in_uniform


@keras.saving.register_keras_serializable(package="keras_wx")
class SelfAttention(layers.Layer):
    """Group normalisation, attention of every point to every other, and a residual sum.

    Queries, keys and values come from one dense layer, in this order along its units. Scores and
    their softmax are float32 under every precision policy.

    Args:
        head_size: channels of a head; the channels have to be a multiple of it.
        groups: of the normalisation.

    Input shape:
        `(batch, height, width, channels)`.

    Output shape:
        That of the input.

    Raises:
        ModelError: channels that are no multiple of the head's.

    References:
        Vaswani et al. (2017), Attention Is All You Need, arXiv:1706.03762; in U-Nets Ho et al.
        (2020), arXiv:2006.11239; `Attention` of diffusers.

    Example:
        >>> SelfAttention(8)(keras.ops.ones((2, 4, 4, 64))).shape
        (2, 4, 4, 64)
    """

    def __init__(self, head_size: int = 8, groups: int = 32, **kwargs):
        super().__init__(**kwargs)
        self.head_size = head_size
        self.groups = groups
        self.norm = GroupNorm(groups, name="norm", dtype=self.dtype_policy)

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels % self.head_size:
            raise ModelError(
                f"{self.name}: expected channels that are a multiple of "
                f"head_size={self.head_size}. Received: {channels} channels"
            )
        self.norm.build(input_shape)
        dense = {"kernel_initializer": fan_in_uniform(), "dtype": self.dtype_policy}
        self.project = layers.Dense(3 * channels, name="project", **dense)
        self.project.build((None, None, channels))
        self.merge = layers.Dense(channels, name="merge", **dense)
        self.merge.build((None, None, channels))

    def call(self, inputs):
        _, height, width, channels = ops.shape(inputs)
        points, heads = height * width, channels // self.head_size
        x = ops.reshape(self.norm(inputs), (-1, points, channels))
        x = ops.reshape(self.project(x), (-1, points, 3, heads, self.head_size))
        query, key, value = ops.unstack(ops.transpose(x, (2, 0, 3, 1, 4)), axis=0)
        scores = ops.matmul(query * self.head_size**-0.5, ops.swapaxes(key, -1, -2))
        weights = ops.softmax(ops.cast(scores, "float32"))
        x = ops.matmul(ops.cast(weights, value.dtype), value)
        x = ops.reshape(ops.swapaxes(x, 1, 2), (-1, points, channels))
        return inputs + ops.reshape(self.merge(x), ops.shape(inputs))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"head_size": self.head_size, "groups": self.groups}
