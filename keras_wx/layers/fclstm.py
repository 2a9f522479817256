"""Fully connected LSTM with peepholes: a ConvLSTM on a grid of one point, run as products."""

from __future__ import annotations

import keras
from keras import ops

from keras_wx.errors import ModelError
from keras_wx.layers.convlstm import gates


@keras.saving.register_keras_serializable(package="keras_wx")
class FCLSTM(keras.layers.Layer):
    """Fully connected LSTM over a sequence of vectors, with peepholes, with or without input.

    The equations are those of `keras_wx.layers.ConvLSTM` with every convolution a product of matrix
    and vector; gates lie along the last axis of the kernels in the order i, f, c, o.

    The input's share of all steps is one product: a step then reads the state's kernel alone, where
    the time of a large layer goes. Running `ConvLSTM` with kernels of 1x1 instead takes 20 times as
    long for 4096 inputs and 512 units on a CPU.

    Args:
        units: length F of the state.
        has_input: False builds no input kernel: the layer runs on its state alone.
        unit_forget_bias: whether the forget gate's bias starts at 1.
        kernel_initializer: initializer of the input kernel.
        recurrent_initializer: initializer of the state kernel.

    Call arguments:
        sequence: tensor `(batch, time, features)`; None without input.
        initial_state: pair `(H, C)` of tensors `(batch, units)`; None for zeros.
        steps: number of steps to run; needed without input only.

    Input shape:
        3D tensor `(batch, time, features)`.

    Output shape:
        `(outputs, H, C)`: the states of every step `(batch, time, units)` and the last state, each
        `(batch, units)`. Under mixed precision C is float32.

    References:
        Shi et al. (2015), Convolutional LSTM Network, arXiv:1506.04214, equation 2.

    Example:
        >>> layer = FCLSTM(units=512)
        >>> outputs, h, c = layer(keras.random.normal((2, 10, 4096)))
        >>> outputs.shape
        (2, 10, 512)
    """

    def __init__(
        self,
        units: int,
        has_input: bool = True,
        unit_forget_bias: bool = True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.has_input = has_input
        self.unit_forget_bias = unit_forget_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)

    def build(self, sequence_shape=None, initial_state_shape=None):
        width = 4 * self.units
        if self.has_input:
            self.kernel = self.add_weight(
                name="kernel",
                shape=(sequence_shape[-1], width),
                initializer=self.kernel_initializer,
            )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(self.units, width),
            initializer=self.recurrent_initializer,
        )
        self.bias = self.add_weight(name="bias", shape=(width,), initializer=self._initial_bias)
        self.peepholes = self.add_weight(
            name="peepholes", shape=(3 * self.units,), initializer="zeros"
        )

    def _initial_bias(self, shape, dtype=None):
        forget = ops.full((self.units,), float(self.unit_forget_bias), dtype)
        others = ops.zeros((self.units,), dtype)
        return ops.concatenate([others, forget, others, others])

    def call(self, sequence=None, initial_state=None, steps=None):
        if not self.has_input and (initial_state is None or steps is None):
            raise ModelError(
                "An FCLSTM with has_input=False runs on its state alone: expected initial_state "
                f"and steps. Received: initial_state={initial_state}, steps={steps}"
            )
        # A bias is added before time is unstacked: its gradient is then summed once.
        bias = ops.convert_to_tensor(self.bias)
        if self.has_input:
            shares = ops.unstack(ops.add(ops.matmul(sequence, self.kernel), bias), axis=1)
        else:
            shares = [bias] * steps
        recurrent = ops.convert_to_tensor(self.recurrent_kernel)
        peepholes = ops.split(ops.cast(self.peepholes, self.variable_dtype), 3)
        h = c = None
        if initial_state is not None:
            h, c = initial_state[0], ops.cast(initial_state[1], self.variable_dtype)
        outputs = []
        for share in shares:
            z = share if h is None else ops.add(ops.matmul(h, recurrent), share)
            h, c = gates(z, c, peepholes, self.variable_dtype)
            outputs.append(h)
        return ops.stack(outputs, axis=1), h, c

    def compute_output_spec(self, sequence=None, initial_state=None, steps=None):
        batch = (sequence if self.has_input else initial_state[0]).shape[0]
        time = sequence.shape[1] if self.has_input else steps
        return (
            keras.KerasTensor((batch, time, self.units), dtype=self.compute_dtype),
            keras.KerasTensor((batch, self.units), dtype=self.compute_dtype),
            keras.KerasTensor((batch, self.units), dtype=self.variable_dtype),
        )

    def get_config(self):
        return super().get_config() | {
            "units": self.units,
            "has_input": self.has_input,
            "unit_forget_bias": self.unit_forget_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
        }
