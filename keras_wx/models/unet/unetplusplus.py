"""UNet++ as it fills blind zones: nested nodes that are densely connected."""

from __future__ import annotations

from functools import partial

import keras
from keras import layers

from keras_wx.models.unet.blocks import Blocks, Draws, Tensor, pooled
from keras_wx.models.unet.family import Features, UNetFamily
from keras_wx.registry import register_model


class NestedBody:
    """Nodes by level and column; a node reads those beside it on the diagonal before its own.

    Node (level, column) reads its level's node of the column before, the finer level's node of its
    own column, pooled, and the coarser level's node of the column before, upsampled. What it gives
    is its own features and all those that its level has given before it.
    """

    reach = 2  # the last node, and the convolution of all columns

    def __init__(self, blocks: Blocks, filters: int, depth: int):
        self.depth = depth
        conv = partial(
            blocks.conv, norm=False, activation=partial(layers.LeakyReLU, negative_slope=0.2)
        )
        self.node, self.down, self.up = {}, {}, {}
        for level in range(1, depth + 2):
            for column in range(depth + 2 - level):
                name = f"encoder_{level}" if column == 0 else f"decoder_{level}_{column}"
                self.node[level, column] = conv(name, filters * 2 ** (level - 1))
                if level > 1:
                    self.down[level, column] = blocks.dropped(f"{name}_from_finer")
                if column > 0:
                    self.up[level, column] = blocks.upsampled(f"{name}_from_coarser", 2)
        self.columns = conv("decoder_all", filters * (depth + 1))

    def __call__(self, x: Tensor, draws: Draws) -> Features:
        # Until the first dropout all members are the same.
        first = layers.Concatenate()([x, self.node[1, 0](x)])
        every_row = Draws(draws.members)
        nodes = {(1, 0): draws.repeated(first)}
        for diagonal in range(1, self.depth + 1):
            for column in range(diagonal + 1):
                level = diagonal + 1 - column
                last = column == self.depth
                nodes[level, column] = self._node(
                    level, column, nodes, draws if last else every_row
                )
        return Features(
            top=self.columns(nodes[1, self.depth]),
            sides=tuple((str(column), nodes[1, column], 1) for column in range(1, self.depth)),
            bottom=nodes[self.depth + 1, 0],
        )

    def _node(
        self, level: int, column: int, nodes: dict[tuple[int, int], Tensor], draws: Draws
    ) -> Tensor:
        read, before = [], []
        if level > 1:
            finer = pooled(nodes[level - 1, column], 1)[1]
            read.append(self.down[level, column](finer, draws))
        if column > 0:
            read.append(self.up[level, column](nodes[level + 1, column - 1], draws))
            before.append(draws.cut(nodes[level, column - 1]))
        own = self.node[level, column](_joined([*read, *before]))
        return _joined([own, *before])


def _joined(tensors: list[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else layers.Concatenate()(tensors)


@register_model("unetplusplus")
@keras.saving.register_keras_serializable(package="keras_wx", name="UNetPlusPlus")
class UNetPlusPlus(UNetFamily):
    """UNet++: a curtain with a blind zone -> the whole curtain, through nested and dense nodes.

    Between encoder and decoder lie nodes at every level, each one convolution with leaky ReLU, that
    read their neighbours: the finer pooled, the coarser upsampled, and all before them of their own
    level. Deep supervision trains heads on the nodes of the full resolution.

    The network that fills blind zones in the literature has neither dropout nor regularisation;
    here `dropout` comes after every change of scale, as in `unet3plus`.

    Args:
        **config: as all of the family, see `keras_wx.models.unet.family.UNetFamily`.

    Input shape:
        `(batch, height, width, inputs)`, network numbers, row 0 the lowest.

    Output shape:
        `(batch, height, width, outputs)`, network numbers; 3 channels for a probabilistic head.

    References:
        Zhou et al. (2018), UNet++: A Nested U-Net Architecture for Medical Image Segmentation,
        arXiv:1807.10165.
        Geiss & Hardin (2021), Inpainting radar missing data regions with deep learning,
        doi:10.5194/amt-14-7729-2021: the nodes, their order and the dense connections.

    Example:
        >>> model = keras_wx.load("unetplusplus_kazr_era5", weights=None)
        >>> model.predict(np.zeros((1, 128, 128, 6))).shape
        (1, 128, 128, 5)
    """

    body = NestedBody
    head_size = 1
