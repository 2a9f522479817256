"""Convolutional LSTM: the cell of Shi et al. (2015) and the layer that runs it over time."""

from __future__ import annotations

import keras
from keras import ops

from keras_wx.errors import ModelError

PEEPHOLES = ("channel", "full", None)


def _fused(function):
    """Has TensorFlow turn elementwise work into one kernel, as JAX does with all that it compiles.

    Operator by operator the gates are many passes over memory: on a CPU with bfloat16 units more
    than half of the time of a forecast goes there, see `benchmarks/`. Compiling the convolutions
    too would make a CPU several times slower.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function, jit_compile=True)


@_fused
def gates(z, c, peepholes, dtype):
    """The next states (H, C) from `z`, the four gates before activation, and the last C.

    Args:
        z: tensor `(batch, height, width, 4 * filters)`, gates in the order i, f, c, o.
        c: tensor `(batch, height, width, filters)`; None for zeros.
        peepholes: the weights of i, f and o, each `(..., filters)`; None without.
        dtype: of the gates and of C. Under mixed precision they are float32: it is as fast on an
            accelerator, faster on a CPU, and sums over many steps keep their small terms.
    """
    i, f, g, o = ops.split(ops.cast(z, dtype), 4, axis=-1)
    if peepholes is not None:
        w_i, w_f, w_o = peepholes
        if c is not None:
            i, f = i + w_i * c, f + w_f * c
    new_c = ops.sigmoid(i) * ops.tanh(g)
    if c is not None:
        new_c = new_c + ops.sigmoid(f) * c
    if peepholes is not None:
        o = o + w_o * new_c
    return ops.cast(ops.sigmoid(o) * ops.tanh(new_c), z.dtype), new_c


@keras.saving.register_keras_serializable(package="keras_wx")
class ConvLSTM(keras.layers.Layer):
    """Convolutional LSTM over a sequence, with peepholes, with or without input.

    With `*` a convolution with zero padding and `o` the Hadamard product:

        i_t = sigmoid(W_xi * X_t + W_hi * H_{t-1} + w_ci o C_{t-1} + b_i)
        f_t = sigmoid(W_xf * X_t + W_hf * H_{t-1} + w_cf o C_{t-1} + b_f)
        C_t = f_t o C_{t-1} + i_t o tanh(W_xc * X_t + W_hc * H_{t-1} + b_c)
        o_t = sigmoid(W_xo * X_t + W_ho * H_{t-1} + w_co o C_t + b_o)
        H_t = o_t o tanh(C_t)

    Kernels hold the gates in the order i, f, c, o along the last axis, as
    `keras.layers.ConvLSTM2D` does, so that weights can be copied between the two.

    Args:
        filters: number of channels F of the state.
        kernel_size: size of the state-to-state kernel; odd.
        input_kernel_size: size of the input-to-state kernel; None for `kernel_size`.
        peephole: `"channel"` has one weight a channel (what the paper's parameter counts imply),
            `"full"` one a channel and grid point (which fixes the grid), None none.
        has_input: False builds no input kernel: the layer runs on its state alone.
        unit_forget_bias: whether the forget gate's bias starts at 1.
        kernel_initializer: initializer of the input kernel.
        recurrent_initializer: initializer of the state kernel.

    Call arguments:
        sequence: tensor `(batch, time, height, width, channels)`; None without input.
        initial_state: pair `(H, C)` of tensors `(batch, height, width, filters)`; None for zeros.
        steps: number of steps to run; needed without input only.

    Input shape:
        5D tensor `(batch, time, height, width, channels)`.

    Output shape:
        `(outputs, H, C)`: the states of every step `(batch, time, height, width, filters)` and the
        last state, each `(batch, height, width, filters)`. Under mixed precision C is float32.

    References:
        Shi et al. (2015), Convolutional LSTM Network, arXiv:1506.04214, equation 3.

    Example:
        >>> layer = ConvLSTM(filters=64, kernel_size=3)
        >>> outputs, h, c = layer(keras.random.normal((2, 5, 50, 50, 4)))
        >>> outputs.shape
        (2, 5, 50, 50, 64)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        input_kernel_size: int | None = None,
        peephole: str | None = "channel",
        has_input: bool = True,
        unit_forget_bias: bool = True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if peephole not in PEEPHOLES:
            raise ModelError(f"peephole: expected one of {PEEPHOLES}. Received: {peephole!r}")
        self.filters = filters
        self.kernel_size = kernel_size
        self.input_kernel_size = input_kernel_size or kernel_size
        for name in ("kernel_size", "input_kernel_size"):
            if getattr(self, name) % 2 == 0:
                raise ModelError(f"{name}: expected an odd number. Received: {getattr(self, name)}")
        self.peephole = peephole
        self.has_input = has_input
        self.unit_forget_bias = unit_forget_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)

    def build(self, sequence_shape=None, initial_state_shape=None):
        gates = 4 * self.filters
        k, n = self.input_kernel_size, self.kernel_size
        if self.has_input:
            self.kernel = self.add_weight(
                name="kernel",
                shape=(k, k, sequence_shape[-1], gates),
                initializer=self.kernel_initializer,
            )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(n, n, self.filters, gates),
            initializer=self.recurrent_initializer,
        )
        self.bias = self.add_weight(name="bias", shape=(gates,), initializer=self._initial_bias)
        if self.peephole:
            grid = ()
            if self.peephole == "full":
                known = sequence_shape if self.has_input else initial_state_shape[0]
                grid = tuple(known[-3:-1])
                if None in grid:
                    raise ModelError(
                        "peephole='full' has one weight a grid point and needs a fixed grid. "
                        f"Received: grid={grid}. Set `grid`, or use peephole='channel'."
                    )
            self.peepholes = self.add_weight(
                name="peepholes", shape=(*grid, 3 * self.filters), initializer="zeros"
            )

    def _initial_bias(self, shape, dtype=None):
        bias = ops.zeros(shape, dtype)
        if not self.unit_forget_bias:
            return bias
        f = self.filters
        return ops.concatenate([bias[:f], ops.ones((f,), dtype), bias[2 * f :]])

    def call(self, sequence=None, initial_state=None, steps=None):
        if not self.has_input and (initial_state is None or steps is None):
            raise ModelError(
                "A ConvLSTM with has_input=False runs on its state alone: expected initial_state "
                f"and steps. Received: initial_state={initial_state}, steps={steps}"
            )
        frames = ops.unstack(sequence, axis=1) if self.has_input else [None] * steps
        step = self._stepper()
        h = c = None
        if initial_state is not None:
            h, c = initial_state[0], ops.cast(initial_state[1], self.variable_dtype)
        outputs = []
        for frame in frames:
            h, c = step(frame, h, c)
            outputs.append(h)
        return ops.stack(outputs, axis=1), h, c

    def _stepper(self):
        """The function of one step, with what all steps share computed once."""
        recurrent = ops.convert_to_tensor(self.recurrent_kernel)
        bias = ops.convert_to_tensor(self.bias)
        kernel = ops.convert_to_tensor(self.kernel) if self.has_input else None
        # One convolution of the concatenated input and state is faster than one of each.
        joint = None
        if self.has_input and self.input_kernel_size == self.kernel_size:
            joint = ops.concatenate([kernel, recurrent], axis=2)
        peepholes = None
        if self.peephole:
            peepholes = ops.cast(self.peepholes, self.variable_dtype)
            peepholes = ops.split(peepholes, 3, axis=-1)

        def convolve(x, h):
            if h is None:
                return ops.conv(x, kernel, padding="same")
            if x is None:
                return ops.conv(h, recurrent, padding="same")
            if joint is not None:
                return ops.conv(ops.concatenate([x, h], axis=-1), joint, padding="same")
            return ops.conv(x, kernel, padding="same") + ops.conv(h, recurrent, padding="same")

        def step(x, h, c):
            # ops.add, unlike `+`, has a gradient of its own for a bias under TensorFlow.
            z = ops.add(convolve(x, h), bias)
            return gates(z, c, peepholes, self.variable_dtype)

        return step

    def compute_output_spec(self, sequence=None, initial_state=None, steps=None):
        known = sequence if self.has_input else initial_state[0]
        batch, time = known.shape[0], sequence.shape[1] if self.has_input else steps
        grid = (*known.shape[-3:-1], self.filters)
        return (
            keras.KerasTensor((batch, time, *grid), dtype=self.compute_dtype),
            keras.KerasTensor((batch, *grid), dtype=self.compute_dtype),
            keras.KerasTensor((batch, *grid), dtype=self.variable_dtype),
        )

    def get_config(self):
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "input_kernel_size": self.input_kernel_size,
            "peephole": self.peephole,
            "has_input": self.has_input,
            "unit_forget_bias": self.unit_forget_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
        }
