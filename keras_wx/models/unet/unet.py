"""The plain U-Net with the blocks of the family."""

from __future__ import annotations

import keras
from keras import layers

from keras_wx.models.unet.blocks import Blocks, Draws, Tensor, pooled
from keras_wx.models.unet.family import Features, UNetFamily
from keras_wx.registry import register_model


class PlainBody:
    """Encoder, and decoders that each read the one below and the encoder's same level.

    Level 1 is the full resolution, level `depth + 1` the bottleneck.
    """

    reach = 3  # the upsampled branch, and two convolutions of a decoder

    def __init__(self, blocks: Blocks, filters: int, depth: int):
        self.depth = depth
        width = {level: filters * 2 ** (level - 1) for level in range(1, depth + 2)}
        self.encoder = {
            level: blocks.conv(f"encoder_{level}", width[level], repeats=2) for level in width
        }
        self.down = {level: blocks.dropped(f"encoder_{level}") for level in width if level > 1}
        self.up, self.branch, self.decoder = {}, {}, {}
        for level in range(1, depth + 1):
            name = f"decoder_{level}"
            self.up[level] = blocks.upsampled(f"{name}_from_{level + 1}", 2)
            self.branch[level] = blocks.conv(f"{name}_from_{level + 1}", width[level])
            self.decoder[level] = blocks.conv(name, width[level], repeats=2)

    def __call__(self, x: Tensor, draws: Draws) -> Features:
        # Until the first dropout all members are the same.
        encoded = {1: self.encoder[1](x)}
        every_row = Draws(draws.members)
        x = draws.repeated(pooled(encoded[1], 1)[1])
        for level in range(2, self.depth + 2):
            x = encoded[level] = self.encoder[level](self.down[level](x, every_row))
            if level <= self.depth:
                x = pooled(x, 1)[1]

        bottom, sides = x, [x]
        for level in range(self.depth, 1, -1):
            x = self._decoder(level, encoded[level], x, every_row)
            sides.append(x)
        same = draws.repeated(draws.cut(encoded[1]))
        return Features(
            top=self._decoder(1, same, x, draws),
            sides=tuple(
                (str(level), x, 2 ** (level - 1)) for level, x in enumerate(reversed(sides), 2)
            ),
            bottom=bottom,
        )

    def _decoder(self, level: int, same: Tensor, below: Tensor, draws: Draws) -> Tensor:
        coarser = self.branch[level](self.up[level](below, draws))
        return self.decoder[level](layers.Concatenate()([same, coarser]))


@register_model("unet")
@keras.saving.register_keras_serializable(package="keras_wx", name="UNet")
class UNet(UNetFamily):
    """U-Net: a curtain with a blind zone -> the whole curtain. Each decoder reads its own scale.

    The encoder is that of `unet3plus`. A decoder upsamples the one below, convolves it to the width
    of its level, concatenates it with the encoder's features of that level and convolves twice.
    It is what full-scale connections are to be compared with.

    Args:
        **config: as all of the family, see `keras_wx.models.unet.family.UNetFamily`.

    Input shape:
        `(batch, height, width, inputs)`, network numbers, row 0 the lowest.

    Output shape:
        `(batch, height, width, outputs)`, network numbers; 3 channels for a probabilistic head.

    References:
        Ronneberger et al. (2015), U-Net: Convolutional Networks for Biomedical Image Segmentation,
        arXiv:1505.04597; here with padding, batch normalisation, and upsampling by interpolation.

    Example:
        >>> model = keras_wx.load("unet_kazr_era5", weights=None)
        >>> model.predict(np.zeros((1, 128, 128, 6))).shape
        (1, 128, 128, 5)
    """

    body = PlainBody
