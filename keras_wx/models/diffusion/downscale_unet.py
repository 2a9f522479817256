"""The deterministic rival of the diffusion model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_wx.models.diffusion.conditions import TINY, Conditions, TakesEncoder
from keras_wx.models.diffusion.maps import MapModel, listed, output
from keras_wx.models.diffusion.network import TimeUNet
from keras_wx.registry import register_model


@register_model("downscale_unet")
@keras.saving.register_keras_serializable(package="keras_wx")
class DownscaleUNet(TakesEncoder, MapModel):
    """A U-Net that says the fine field outright, told what `ddpm` is told.

    It is the network of `ddpm` without a noisy field and with the time fixed to 0.

    Args:
        targets: channels of the field.
        history: number of channels, the first of the input, that go to the encoder alone.
        conditions: number of the other channels.
        widths, blocks, encoder_attention, decoder_attention, head_size, groups, dropout: of the
            network, as of `ddpm`.
        encoder: of a transfer network, as of `ddpm`; None for none.
        frozen: whether training leaves the encoder as it is.
        output_activation: of the field.

    Input shape:
        `(batch, y, x, history + conditions)`, network numbers, of any size.

    Output shape:
        `(batch, y, x, targets)`, network numbers.

    Raises:
        ModelError: a configuration that makes no network.

    References:
        Xiang et al. (2025), arXiv:2512.05139.

    Example:
        >>> model = keras_wx.load("unet_merra2_g5nr", weights=None)
        >>> model.predict(np.zeros((1, 16, 16, 45))).shape
        (1, 16, 16, 1)
    """

    tiny = TINY
    parts = {
        "transfer": ("transfer_encoder",),
        "encoder": ("stem", "time", "encoder_*", "middle_*"),
        "decoder": ("decoder_*",),
        "head": ("head*",),
    }

    def __init__(
        self,
        targets: int = 1,
        history: int = 40,
        conditions: int = 5,
        widths: Sequence[int] = (128, 256, 512),
        blocks: int = 2,
        encoder_attention: Sequence[int] = (2, 3),
        decoder_attention: Sequence[int] = (2,),
        head_size: int = 8,
        groups: int = 32,
        dropout: float = 0.0,
        encoder: Mapping[str, Any] | None = None,
        frozen: bool = True,
        output_activation: str = "linear",
        name: str | None = None,
    ):
        # === Layers ===
        told = Conditions(history, conditions, encoder, frozen)
        network = TimeUNet(
            targets,
            widths,
            blocks=blocks,
            encoder_attention=encoder_attention,
            decoder_attention=decoder_attention,
            head_size=head_size,
            groups=groups,
            dropout=dropout,
            timestep=0,
        )

        # === Graph ===
        maps = keras.Input((None, None, told.inputs), name="maps")
        field = output(output_activation)(network(told(maps)))
        super().__init__(inputs=maps, outputs=field, name=name)

        # === Config ===
        self._config = listed(
            {
                "targets": targets,
                "history": history,
                "conditions": conditions,
                "widths": widths,
                "blocks": blocks,
                "encoder_attention": encoder_attention,
                "decoder_attention": decoder_attention,
                "head_size": head_size,
                "groups": groups,
                "dropout": dropout,
                "encoder": encoder,
                "frozen": frozen,
                "output_activation": output_activation,
            }
        )
