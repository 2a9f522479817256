"""What the three networks are built from: convolutions, poolings, upsamplings with dropout, heads.

A block is a function on tensors that holds its layers: it can be called in several graphs, which
then share its weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

from keras_wx.layers import BatchNormalization, MonteCarloDropout, UpSampling

Tensor = Any
Block = Callable[..., Tensor]


@dataclass(frozen=True)
class Draws:
    """How a part of the graph is run that comes after the first dropout.

    `members` forecasts lie behind each other in the batch. `rows` are the lowest rows that are
    wanted, None for all: those above them may be left out, or be wrong.
    """

    members: int = 1
    rows: int | None = None

    def cut(self, x: Tensor, factor: int = 1) -> Tensor:
        """The rows of a tensor that is `factor` times coarser, and one more to interpolate to."""
        if self.rows is None:
            return x
        return x[:, : self.rows if factor == 1 else math.ceil(self.rows / factor) + 1]

    def repeated(self, x: Tensor) -> Tensor:
        """The same tensor for every member."""
        return x if self.members == 1 else ops.tile(x, (self.members, 1, 1, 1))


@dataclass(frozen=True)
class Blocks:
    """Makes the blocks of one network from what all of them have in common."""

    dropout: float
    l2: float
    upsampling: str

    def conv(
        self,
        name: str,
        filters: int,
        *,
        repeats: int = 1,
        norm: bool = True,
        activation: Callable[..., layers.Layer] = layers.ReLU,
    ) -> Block:
        """3x3 convolution, batch normalisation and activation, some times over."""
        stack = []
        for rank in range(1, repeats + 1):
            suffix = f"_{rank}" if repeats > 1 else ""
            stack.append(self._convolution(name + suffix, filters, 3))
            if norm:
                stack.append(BatchNormalization(name=f"{name}_norm{suffix}"))
            stack.append(activation(name=f"{name}_activation{suffix}"))
        return _chain(stack)

    def head(
        self,
        name: str,
        outputs: int,
        activation: str,
        *,
        size: int = 3,
        factor: int = 1,
        zero: bool = False,
    ) -> Block:
        """The convolution that gives the forecast, upsampled if it is so many times coarser.

        The forecast is float32 under every precision policy. With `zero` it is 0 at first.
        """
        stack = [self._convolution(name, outputs, size, "zeros" if zero else "he_normal")]
        if factor > 1:
            stack.append(self._upsampling(name, factor))
        stack.append(layers.Activation(activation, dtype="float32", name=f"{name}_output"))
        return _chain(stack)

    def classifier(self, name: str) -> Block:
        """How likely there is nothing, and something, in an image: `(batch, 2)`."""
        return _chain(
            [
                layers.Dropout(0.5, name=f"{name}_dropout"),
                self._convolution("classes", 2, 1),
                layers.GlobalMaxPooling2D(name=f"{name}_pool"),
                layers.Activation("sigmoid", dtype="float32", name=name),
            ]
        )

    def dropped(self, name: str) -> Block:
        """Dropout, in an ensemble with a draw of its own for each member."""
        dropout = MonteCarloDropout(self.dropout, name=f"{name}_dropout")
        return lambda x, draws: dropout(x, members=draws.members)

    def upsampled(self, name: str, factor: int) -> Block:
        """Upsampling and dropout, of all rows or of the lowest."""
        up = self._upsampling(name, factor)
        dropout = MonteCarloDropout(self.dropout, name=f"{name}_dropout")

        def run(x: Tensor, draws: Draws) -> Tensor:
            return dropout(draws.cut(up(draws.cut(x, factor))), members=draws.members)

        return run

    def _convolution(
        self, name: str, filters: int, size: int, initializer: str = "he_normal"
    ) -> layers.Layer:
        return layers.Conv2D(
            filters,
            size,
            padding="same",
            kernel_initializer=initializer,
            kernel_regularizer=keras.regularizers.L2(self.l2) if self.l2 else None,
            name=name,
        )

    def _upsampling(self, name: str, factor: int) -> layers.Layer:
        return UpSampling(factor, interpolation=self.upsampling, name=f"{name}_up")


def _chain(stack: list[layers.Layer]) -> Block:
    def run(x: Tensor) -> Tensor:
        for layer in stack:
            x = layer(x)
        return x

    return run


def pooled(x: Tensor, times: int) -> list[Tensor]:
    """A tensor and its maxima over 2x2, 4x4, ... points: `times` of them."""
    found = [x]
    for _ in range(times):
        found.append(layers.MaxPooling2D(2)(found[-1]))
    return found
