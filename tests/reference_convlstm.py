"""ConvLSTM in plain NumPy, written from the equations of Shi et al. (2015), for the tests alone.

Arrays have any dtype, complex too, so that derivatives can be taken by a complex step.
"""

from __future__ import annotations

import numpy as np


def convolve(x, kernel):
    """Convolution `(batch, height, width, channels)` with zero padding, as networks define it."""
    size = kernel.shape[0]
    half = size // 2
    height, width = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (half, half), (half, half), (0, 0)))
    return sum(
        padded[:, row : row + height, column : column + width] @ kernel[row, column]
        for row in range(size)
        for column in range(size)
    )


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cell(x, h, c, weights):
    """One step: input or None, state (H, C) -> new state.

    `weights` holds `recurrent_kernel` and `bias`, `kernel` where there is input, and `peepholes`
    where there are some; gates lie along the last axis in the order i, f, c, o.
    """
    gates = convolve(h, weights["recurrent_kernel"]) + weights["bias"]
    if x is not None:
        gates = gates + convolve(x, weights["kernel"])
    z_i, z_f, z_c, z_o = np.split(gates, 4, axis=-1)
    peepholes = weights.get("peepholes")
    w_i, w_f, w_o = (0, 0, 0) if peepholes is None else np.split(peepholes, 3, axis=-1)
    i = sigmoid(z_i + w_i * c)
    f = sigmoid(z_f + w_f * c)
    new_c = f * c + i * np.tanh(z_c)
    o = sigmoid(z_o + w_o * new_c)
    return o * np.tanh(new_c), new_c


def run(weights, *, sequence=None, steps=None, state=None):
    """All states H `(batch, time, height, width, filters)` and the last (H, C)."""
    if state is None:
        filters = weights["bias"].size // 4
        zeros = np.zeros((*sequence.shape[:1], *sequence.shape[2:4], filters))
        state = zeros, zeros
    h, c = state
    outputs = []
    for step in range(sequence.shape[1] if sequence is not None else steps):
        h, c = cell(None if sequence is None else sequence[:, step], h, c, weights)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, c


def to_patches(x, p):
    """Each p x p patch of the grid as channels, row by row, pixel by pixel."""
    return np.concatenate(
        [x[..., row::p, column::p, :] for row in range(p) for column in range(p)], axis=-1
    )


def from_patches(x, p):
    *lead, height, width, channels = x.shape
    channels //= p * p
    out = np.empty((*lead, height * p, width * p, channels), x.dtype)
    for number in range(p * p):
        row, column = divmod(number, p)
        part = x[..., number * channels : (number + 1) * channels]
        out[..., row::p, column::p, :] = part
    return out


def forecast(layers, readout, frames, *, output_frames, patch_size):
    """The encoder-forecaster from the weights of its layers and of the readout."""
    depth = len(layers) // 2
    x = to_patches(frames, patch_size)
    states = []
    for rank in range(1, depth + 1):
        x, *state = run(layers[f"encoder_{rank}"], sequence=x)
        states.append(state)
    outputs = []
    for rank, state in enumerate(states, start=1):
        below = outputs[-1] if outputs else None
        weights = layers[f"forecaster_{rank}"]
        outputs.append(run(weights, sequence=below, steps=output_frames, state=state)[0])
    kernel, bias = readout
    gray = sigmoid(np.concatenate(outputs, axis=-1) @ kernel.reshape(kernel.shape[-2:]) + bias)
    return from_patches(gray, patch_size)
