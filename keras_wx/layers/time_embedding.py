"""The step of a diffusion model as numbers that a network can read."""

from __future__ import annotations

import math

import keras
from keras import layers, ops

from keras_wx.layers.initial import fan_in_uniform


@keras.saving.register_keras_serializable(package="keras_wx")
class TimeEmbedding(layers.Layer):
    """Cosines and sines of a time at many frequencies, and two dense layers.

    What comes out is activated: every block of a network reads it so.

    Args:
        units: of both dense layers.
        frequencies: number of cosines, and of sines.
        timestep: a time that is always the same. The layer then reads maps, of which it takes
            nothing, and gives one embedding for all.

    Input shape:
        `(batch,)`, time in diffusion steps; fractions are allowed.

    Output shape:
        `(batch, units)`; `(1, units)` with a fixed time.

    References:
        Ho et al. (2020), Denoising Diffusion Probabilistic Models, arXiv:2006.11239, appendix B;
        frequencies as in Vaswani et al. (2017), arXiv:1706.03762.

    Example:
        >>> TimeEmbedding(256, frequencies=32)(keras.ops.array([0.0, 999.0])).shape
        (2, 256)
    """

    LONGEST = 10000.0

    def __init__(self, units: int, frequencies: int, timestep: float | None = None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.frequencies = frequencies
        self.timestep = timestep
        dense = {"kernel_initializer": fan_in_uniform(), "dtype": self.dtype_policy}
        self.first = layers.Dense(units, activation="silu", name="dense_1", **dense)
        self.second = layers.Dense(units, activation="silu", name="dense_2", **dense)
        # bfloat16 does not tell step 999 from step 1000.
        self.autocast = False

    def build(self, input_shape):
        self.first.build((None, 2 * self.frequencies))
        self.second.build((None, self.units))

    def call(self, inputs):
        if self.timestep is None:
            time = ops.cast(inputs, "float32")
        else:
            time = ops.full((1,), self.timestep, dtype="float32")
        rates = [
            math.exp(-math.log(self.LONGEST) * i / self.frequencies)
            for i in range(self.frequencies)
        ]
        angles = time[:, None] * ops.array([rates], dtype="float32")
        waves = ops.concatenate([ops.cos(angles), ops.sin(angles)], axis=-1)
        return self.second(self.first(ops.cast(waves, self.compute_dtype)))

    def compute_output_shape(self, input_shape):
        return (input_shape[0] if self.timestep is None else 1, self.units)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "units": self.units,
            "frequencies": self.frequencies,
            "timestep": self.timestep,
        }
