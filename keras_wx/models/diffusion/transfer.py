"""The transfer U-Net, which learns a long coarse series, and its encoder, which stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from keras_wx.errors import ModelError
from keras_wx.layers import ResizeLike
from keras_wx.models.diffusion.maps import MapModel, listed, output
from keras_wx.models.diffusion.network import TimeUNet
from keras_wx.registry import register_model

_ENCODER = ("history", "widths", "blocks", "encoder_attention", "head_size", "groups")


@register_model("transfer_unet")
@keras.saving.register_keras_serializable(package="keras_wx")
class TransferUNet(MapModel):
    """A small U-Net that forecasts the next field of a series from the last ones.

    What it learns on a long record of coarse fields serves models of fine fields, of which there
    are few: `transfer_encoder` takes its way down out of it. It is `TimeUNet` with the time fixed
    to 0.

    Args:
        history: number of fields that it reads, the channels of the input from old to new.
        outputs: number of fields that it forecasts.
        widths: channels of each level; level 1 is the full resolution.
        blocks: residual blocks of a level on the way down; one more on the way up.
        encoder_attention: levels with attention on the way down, counted from 1.
        decoder_attention: the same on the way up.
        head_size: channels of a head of attention.
        groups: of the group normalisations.
        dropout: rate in the residual blocks, in training.
        output_activation: of the forecast.

    Input shape:
        `(batch, y, x, history)`, network numbers, of any size.

    Output shape:
        `(batch, y, x, outputs)`, network numbers.

    Raises:
        ModelError: a configuration that makes no network.

    References:
        Xiang et al. (2025), arXiv:2512.05139, the small model.

    Example:
        >>> model = keras_wx.load("transfer_unet_merra2", weights=None)
        >>> model.predict(np.zeros((1, 16, 16, 40))).shape
        (1, 16, 16, 1)
    """

    tiny = {
        "history": 3,
        "widths": [8, 16],
        "blocks": 1,
        "encoder_attention": [2],
        "decoder_attention": [1],
        "head_size": 4,
        "groups": 4,
    }
    parts = {
        "encoder": ("stem", "time", "encoder_*", "middle_*"),
        "decoder": ("decoder_*",),
        "head": ("head*",),
    }

    def __init__(
        self,
        history: int = 40,
        outputs: int = 1,
        widths: Sequence[int] = (64, 128, 256),
        blocks: int = 2,
        encoder_attention: Sequence[int] = (3,),
        decoder_attention: Sequence[int] = (2,),
        head_size: int = 8,
        groups: int = 32,
        dropout: float = 0.0,
        output_activation: str = "linear",
        name: str | None = None,
    ):
        # === Layers ===
        network = TimeUNet(
            outputs,
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
        fields = keras.Input((None, None, history), name="fields")
        forecast = output(output_activation)(network(fields))
        super().__init__(inputs=fields, outputs=forecast, name=name)

        # === Config ===
        self._config = listed(
            {
                "history": history,
                "outputs": outputs,
                "widths": widths,
                "blocks": blocks,
                "encoder_attention": encoder_attention,
                "decoder_attention": decoder_attention,
                "head_size": head_size,
                "groups": groups,
                "dropout": dropout,
                "output_activation": output_activation,
            }
        )


@keras.saving.register_keras_serializable(package="keras_wx")
class TransferEncoder(MapModel):
    """The way down of a `TransferUNet`, up to and including its middle, as a feature extractor.

    The features are interpolated to the size of the input. Frozen, they come from weights that no
    training changes: they are not among the trainable ones, `trainable = True` of this model or of
    one around it is ignored, no gradient passes, and nothing is ever in training mode.

    Args:
        history, widths, blocks, encoder_attention, head_size, groups: as of `TransferUNet`.
        frozen: False makes it a part of the network like any other.

    Input shape:
        `(batch, y, x, history)`, network numbers, of any size.

    Output shape:
        `(batch, y, x, widths[-1])`.
    """

    def __init__(
        self,
        history: int = 40,
        widths: Sequence[int] = (64, 128, 256),
        blocks: int = 2,
        encoder_attention: Sequence[int] = (3,),
        head_size: int = 8,
        groups: int = 32,
        frozen: bool = True,
        name: str | None = None,
    ):
        # Weights are matched by path: those of a network around this one have the same names.
        with keras.name_scope(name or "transfer_encoder"):
            network = TimeUNet(
                1,
                widths,
                blocks=blocks,
                encoder_attention=encoder_attention,
                head_size=head_size,
                groups=groups,
                timestep=0,
            )
            fields = keras.Input((None, None, history), name="fields")
            encoded = network.encode(network.stem(fields), network.time(fields))
            features = ResizeLike(name="features")(encoded.bottom, fields)
        self._frozen = frozen
        super().__init__(inputs=fields, outputs=features, name=name or "transfer_encoder")
        self._config = listed(
            {
                "history": history,
                "widths": widths,
                "blocks": blocks,
                "encoder_attention": encoder_attention,
                "head_size": head_size,
                "groups": groups,
                "frozen": frozen,
            }
        )
        # Past our own setter, which TensorFlow calls only for a value that is not the getter's.
        keras.Model.trainable.fset(self, not frozen)

    def call(self, fields, training=None, mask=None):
        if not self._frozen:
            return super().call(fields, training=training, mask=mask)
        return ops.stop_gradient(super().call(fields, training=False, mask=mask))

    @property
    def trainable(self) -> bool:
        return keras.Model.trainable.fget(self) and not self._frozen

    @trainable.setter
    def trainable(self, value: bool):
        # Keras hands down what is said of a model to all inside of it, and asks nobody.
        keras.Model.trainable.fset(self, bool(value) and not self._frozen)

    def take_weights(self, source: TransferUNet | TransferEncoder) -> None:
        """Copies the weights of another network's way down.

        Raises:
            ModelError: it has other layers, or other shapes.
        """
        own = encoder_config(self)
        if not isinstance(source, TransferUNet | TransferEncoder) or encoder_config(source) != own:
            given = source.get_config() if hasattr(source, "get_config") else source
            raise ModelError(f"Expected a transfer network with {own}. Received: {given}")
        for layer in (layer for layer in self.layers if layer.weights):
            layer.set_weights(source.get_layer(layer.name).get_weights())


def transfer_encoder(model: TransferUNet) -> TransferEncoder:
    """The frozen way down of a transfer network: fields of its series -> features.

    Args:
        model: trained, from `keras_wx.load("transfer_unet_...")`.

    Returns:
        A model with weights of its own that training leaves alone, see `TransferEncoder`.

    Raises:
        ModelError: another model.

    Example:
        >>> encoder = keras_wx.models.transfer_encoder(keras_wx.load("transfer_unet_ncep_air"))
        >>> features = encoder(history)
    """
    if not isinstance(model, TransferUNet):
        raise ModelError(
            "Expected a model of the architecture transfer_unet, as "
            f"keras_wx.load('transfer_unet_merra2') gives it. Received: {type(model).__name__}"
        )
    encoder = TransferEncoder(**encoder_config(model))
    encoder.take_weights(model)
    return encoder


def encoder_config(model: TransferUNet | TransferEncoder) -> dict:
    """What two transfer networks have in common whose ways down are alike."""
    config = model.get_config()
    return {key: config[key] for key in _ENCODER}
