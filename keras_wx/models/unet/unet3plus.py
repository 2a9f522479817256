"""UNet 3+: every decoder reads every scale."""

from __future__ import annotations

import keras
from keras import layers

from keras_wx.models.unet.blocks import Blocks, Draws, Tensor, pooled
from keras_wx.models.unet.family import Features, UNetFamily
from keras_wx.registry import register_model


class FullScaleBody:
    """Encoder, and decoders that each read all scales: finer ones pooled, coarser ones upsampled.

    Level 1 is the full resolution, level `depth + 1` the bottleneck.
    """

    reach = 2  # a branch, and the fusion of all

    def __init__(self, blocks: Blocks, filters: int, depth: int):
        self.depth = depth
        levels = range(1, depth + 2)
        self.encoder = {
            level: blocks.conv(f"encoder_{level}", filters * 2 ** (level - 1), repeats=2)
            for level in levels
        }
        self.down = {level: blocks.dropped(f"encoder_{level}") for level in levels[1:]}
        self.resize, self.branch, self.fusion = {}, {}, {}
        for level in levels[:-1]:
            for source in levels:
                name = f"decoder_{level}_from_{source}"
                if source < level:
                    self.resize[source, level] = blocks.dropped(name)
                elif source > level:
                    self.resize[source, level] = blocks.upsampled(name, 2 ** (source - level))
                self.branch[source, level] = blocks.conv(name, filters)
            self.fusion[level] = blocks.conv(f"decoder_{level}", (depth + 1) * filters)

    def __call__(self, x: Tensor, draws: Draws) -> Features:
        # Until the first dropout all members are the same.
        top = self.encoder[1](x)
        skip = self.branch[1, 1](top)

        every_row = Draws(draws.members)
        scales = {(1, at): draws.repeated(x) for at, x in enumerate(pooled(top, self.depth - 1), 1)}
        for level in range(2, self.depth + 1):
            x = self.encoder[level](self.down[level](scales[level - 1, level], every_row))
            times = max(1, self.depth - level)
            scales |= {(level, at): x for at, x in enumerate(pooled(x, times), level)}
        level = self.depth + 1
        bottom = self.encoder[level](self.down[level](scales[self.depth, level], every_row))

        decoded = {level: bottom}
        for level in range(self.depth, 1, -1):
            same = self.branch[level, level](scales[level, level])
            decoded[level] = self._decoder(level, same, scales, decoded, every_row)
        same = draws.repeated(draws.cut(skip))
        return Features(
            top=self._decoder(1, same, scales, decoded, draws),
            sides=tuple((str(level), x, 2 ** (level - 1)) for level, x in sorted(decoded.items())),
            bottom=bottom,
        )

    def _decoder(self, level, same, scales, decoded, draws):
        """One decoder: what is finer comes from the encoder, what is coarser from decoders."""

        def branch(source: int, x: Tensor) -> Tensor:
            return self.branch[source, level](self.resize[source, level](x, draws))

        finer = [branch(source, scales[source, level]) for source in range(1, level)]
        coarser = [branch(source, x) for source, x in sorted(decoded.items())]
        return self.fusion[level](layers.Concatenate()([*finer, same, *coarser]))


@register_model("unet3plus")
@keras.saving.register_keras_serializable(package="keras_wx", name="UNet3Plus")
class UNet3Plus(UNetFamily):
    """UNet 3+: a curtain with a blind zone -> the whole curtain. Every decoder reads every scale.

    The encoder halves the resolution `depth` times by max-pooling and doubles its width each time.
    Each decoder reads all scales at once: the finer ones of the encoder pooled, its own, and the
    coarser decoders upsampled, each through a convolution to `filters` channels; the branches are
    concatenated and convolved. Max-pooling between levels and every change of scale in a branch is
    followed by dropout, which stays on in forecasts.

    Args:
        **config: as all of the family, see `keras_wx.models.unet.family.UNetFamily`.

    Input shape:
        `(batch, height, width, inputs)`, network numbers, row 0 the lowest.

    Output shape:
        `(batch, height, width, outputs)`, network numbers; 3 channels for a probabilistic head.

    References:
        Huang et al. (2020), UNet 3+: A Full-Scale Connected UNet for Medical Image Segmentation,
        arXiv:2004.08790.
        King et al. (2024), Development of a Full-Scale Connected U-Net for Reflectivity Inpainting
        in Spaceborne Radar Blind Zones, for dropout, mask and merging. Its code fixes the
        parameters: 6,762,149 for 6 inputs and 5 outputs, and 44,660 of the other heads.
        Gal & Ghahramani (2016), Dropout as a Bayesian Approximation, arXiv:1506.02142.

    Example:
        >>> model = keras_wx.load("unet3plus_kazr_era5", weights=None)
        >>> model.predict(np.zeros((1, 128, 128, 6))).shape
        (1, 128, 128, 5)
    """

    # The first preset, that of medical images, has neither a mask nor one forecast for each input.
    tiny = UNetFamily.tiny | {"mask": True, "classification_guided": False}
    body = FullScaleBody
