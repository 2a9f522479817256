"""The three U-Nets in plain NumPy, float64, as the papers and their code describe them.

`w` is a mapping from the name of a layer to its weights. Levels count from 1, the full resolution.
"""

from __future__ import annotations

import numpy as np


def conv(w, name, x):
    kernel, bias = w[name]
    size = kernel.shape[0]
    pad = size // 2
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    return np.einsum("bhwcij,ijcf->bhwf", windows, kernel, optimize=True) + bias


def conv_norm_relu(w, name, x, suffix=""):
    x = conv(w, name + suffix, x)
    gamma, beta, mean, variance = w[f"{name}_norm{suffix}"]
    return np.maximum(gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta, 0)


def twice(w, name, x):
    return conv_norm_relu(w, name, conv_norm_relu(w, name, x, "_1"), "_2")


def leaky(w, name, x):
    x = conv(w, name, x)
    return np.where(x > 0, x, 0.2 * x)


def pool(x, size=2):
    b, h, w, c = x.shape
    return x.reshape(b, h // size, size, w // size, size, c).max(axis=(2, 4))


def bilinear(x, factor):
    """Points at the middle of their cells, edges repeated."""
    for axis in (1, 2):
        length = x.shape[axis]
        at = np.clip((np.arange(length * factor) + 0.5) / factor - 0.5, 0, length - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, length - 1)
        part = (at - low).reshape([-1 if a == axis else 1 for a in range(4)])
        x = np.take(x, low, axis) * (1 - part) + np.take(x, high, axis) * part
    return x


def nearest(x, factor):
    return x.repeat(factor, axis=1).repeat(factor, axis=2)


def preprocess(x):
    """As the code of King et al. writes it: x (1 - floor(mask)) - floor(mask)."""
    hole = np.floor(x[..., -1:])
    return np.concatenate([x[..., :-1] * (1 - hole) - hole, x[..., -1:]], axis=-1)


def merge(forecast, x):
    mask = x[..., -1:]
    return mask * forecast + (1 - mask) * x[..., : forecast.shape[-1]]


def unet3plus(w, x, depth, up=bilinear):
    """Features of the decoders by level, the bottleneck at `depth + 1`."""
    encoded = {1: twice(w, "encoder_1", x)}
    for level in range(2, depth + 2):
        encoded[level] = twice(w, f"encoder_{level}", pool(encoded[level - 1]))
    decoded = {depth + 1: encoded[depth + 1]}
    for level in range(depth, 0, -1):
        branches = []
        for source in range(1, depth + 2):
            if source < level:
                y = pool(encoded[source], 2 ** (level - source))
            elif source == level:
                y = encoded[level]
            else:
                y = up(decoded[source], 2 ** (source - level))
            branches.append(conv_norm_relu(w, f"decoder_{level}_from_{source}", y))
        decoded[level] = conv_norm_relu(w, f"decoder_{level}", np.concatenate(branches, axis=-1))
    return decoded


def unet(w, x, depth, up=bilinear):
    encoded = {1: twice(w, "encoder_1", x)}
    for level in range(2, depth + 2):
        encoded[level] = twice(w, f"encoder_{level}", pool(encoded[level - 1]))
    decoded = {depth + 1: encoded[depth + 1]}
    for level in range(depth, 0, -1):
        y = conv_norm_relu(w, f"decoder_{level}_from_{level + 1}", up(decoded[level + 1], 2))
        decoded[level] = twice(w, f"decoder_{level}", np.concatenate([encoded[level], y], axis=-1))
    return decoded


def unetplusplus(w, x, depth, up=nearest):
    """Features of the last convolution, diagonal by diagonal as Geiss and Hardin build it."""

    def name(level, column):
        return f"encoder_{level + 1}" if column == 0 else f"decoder_{level + 1}_{column}"

    net = [[np.concatenate([x, leaky(w, name(0, 0), x)], axis=-1)]]
    for diagonal in range(1, depth + 1):
        nodes = []
        for column in range(diagonal + 1):
            read = []
            if column < diagonal:
                read.append(pool(net[-1][column]))
            if column > 0:
                read += [up(nodes[-1], 2), net[-1][column - 1]]
            node = leaky(w, name(diagonal - column, column), np.concatenate(read, axis=-1))
            if column > 0:
                node = np.concatenate([node, net[-1][column - 1]], axis=-1)
            nodes.append(node)
        net.append(nodes)
    return leaky(w, "decoder_all", net[-1][-1])
