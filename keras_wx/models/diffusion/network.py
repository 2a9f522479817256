"""The time-conditioned U-Net that every model of this folder is built around."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

from keras_wx.errors import ModelError
from keras_wx.layers import (
    Downsample,
    GroupNorm,
    ResidualBlock,
    SelfAttention,
    TimeEmbedding,
    Upsample,
)
from keras_wx.layers.initial import fan_in_uniform

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_wx")
class Stem(layers.Conv2D):
    """The first convolution, which can be made in two parts.

    A sampler changes the first channels of its network's input at every step, and never the
    others: `stem(x) == stem.changing(x[..., :n]) + stem.constant(x[..., n:])`.
    """

    def changing(self, inputs: Tensor) -> Tensor:
        """What the first channels add to the result."""
        return self._part(self.kernel[:, :, : inputs.shape[-1]], inputs)

    def constant(self, inputs: Tensor) -> Tensor:
        """What the last channels add to the result, and the bias."""
        part = self._part(self.kernel[:, :, -inputs.shape[-1] :], inputs)
        return part + ops.cast(self.bias, self.compute_dtype)

    def _part(self, kernel: Tensor, inputs: Tensor) -> Tensor:
        inputs, kernel = (ops.cast(each, self.compute_dtype) for each in (inputs, kernel))
        return ops.conv(inputs, kernel, padding="same")


@dataclass(frozen=True)
class Encoded:
    """What the way down gives to the way up."""

    bottom: Tensor
    skips: tuple[Tensor, ...]


class TimeUNet:
    """The layers of a U-Net that is told a time, and the ways through them.

    It equals `UNet2DModel` of diffusers with the same widths: residual blocks with group
    normalisation and SiLU, the time added in each, attention where it is asked for and at the
    bottom, strided convolutions down, nearest neighbours and a convolution up. On maps whose size
    is no multiple of the strides it rounds up on the way down and cuts on the way up.

    It is a function on tensors that holds its layers, so that one set of weights can serve several
    graphs. Level 1 is the full resolution.

    Args:
        outputs: channels of the result.
        widths: channels of each level.
        blocks: residual blocks of a level on the way down; one more on the way up.
        encoder_attention: levels with attention after each block on the way down.
        decoder_attention: the same on the way up.
        head_size: channels of a head of attention.
        groups: of the normalisations.
        dropout: rate in the residual blocks, in training.
        timestep: a time that is always the same.
    """

    def __init__(
        self,
        outputs: int,
        widths: Sequence[int],
        *,
        blocks: int = 2,
        encoder_attention: Sequence[int] = (),
        decoder_attention: Sequence[int] = (),
        head_size: int = 8,
        groups: int = 32,
        dropout: float = 0.0,
        timestep: float | None = None,
    ):
        _check(widths, blocks, encoder_attention, decoder_attention, groups, head_size)

        def block(name: str, filters: int, attention: bool) -> list[layers.Layer]:
            found = [ResidualBlock(filters, groups, dropout, name=name)]
            if attention:
                found.append(SelfAttention(head_size, groups, name=f"{name}_attention"))
            return found

        levels = range(1, len(widths) + 1)
        width = dict(zip(levels, widths, strict=True))
        last = levels[-1]
        self.time = TimeEmbedding(4 * widths[0], widths[0] // 2, timestep, name="time")
        self.stem = Stem(
            widths[0], 3, padding="same", kernel_initializer=fan_in_uniform(), name="stem"
        )
        self.encoder = {
            level: [
                block(f"encoder_{level}_{rank}", width[level], level in encoder_attention)
                for rank in range(1, blocks + 1)
            ]
            for level in levels
        }
        self.down = {
            level: Downsample(width[level], name=f"encoder_{level}_down") for level in levels[:-1]
        }
        self.middle = block("middle_1", width[last], True)
        self.middle += block("middle_2", width[last], False)
        self.decoder = {
            level: [
                block(f"decoder_{level}_{rank}", width[level], level in decoder_attention)
                for rank in range(1, blocks + 2)
            ]
            for level in reversed(levels)
        }
        self.up = {
            level: Upsample(width[level], name=f"decoder_{level}_up") for level in levels[1:]
        }
        self.norm = GroupNorm(groups, activation="silu", name="head_norm")
        self.head = layers.Conv2D(
            outputs, 3, padding="same", kernel_initializer=fan_in_uniform(), name="head"
        )

    def __call__(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """Maps `(batch, y, x, channels)` and times `(batch or 1,)` to `(batch, y, x, outputs)`.

        Without times, for a network with a fixed one.
        """
        time = self.time(x if time is None else time)
        return self.decode(self.encode(self.stem(x), time), time)

    def encode(self, x: Tensor, time: Tensor) -> Encoded:
        """Runs what follows the stem, up to and including the middle."""
        skips = [x]
        for level, stack in self.encoder.items():
            for block in stack:
                x = _run(block, x, time)
                skips.append(x)
            if level in self.down:
                x = self.down[level](x)
                skips.append(x)
        return Encoded(_run(self.middle, x, time), tuple(skips))

    def decode(self, encoded: Encoded, time: Tensor) -> Tensor:
        """Runs the way up and the head."""
        x, skips = encoded.bottom, list(encoded.skips)
        for level, stack in self.decoder.items():
            for block in stack:
                x = _run(block, layers.Concatenate()([x, skips.pop()]), time)
            if level in self.up:
                x = self.up[level](x, skips[-1])
        return self.head(self.norm(x))


def _run(block: list[layers.Layer], x: Tensor, time: Tensor) -> Tensor:
    for layer in block:
        x = layer(x, time) if isinstance(layer, ResidualBlock) else layer(x)
    return x


def _check(widths, blocks, encoder_attention, decoder_attention, groups, head_size) -> None:
    """What the layers would not say, or not clearly."""
    levels = range(1, len(widths) + 1)
    attentive = {*encoder_attention, *decoder_attention}
    problems = []
    if not widths or blocks < 1:
        problems.append("at least one level and one block")
    if any(width % groups or width % 2 for width in widths):
        problems.append(f"even widths that are multiples of groups={groups}")
    if not attentive <= set(levels):
        problems.append(f"attention at levels from 1 to {len(widths)}")
    elif any(widths[level - 1] % head_size for level in {*attentive, len(widths)}):
        problems.append(f"widths with attention that are multiples of head_size={head_size}")
    if problems:
        raise ModelError(
            f"Expected {'; '.join(problems)}. Received: widths={list(widths)}, blocks={blocks}, "
            f"encoder_attention={list(encoder_attention)}, "
            f"decoder_attention={list(decoder_attention)}"
        )
