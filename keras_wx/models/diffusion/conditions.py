"""What a downscaling model is told: the history of the fine field, and everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from keras_wx.errors import ModelError
from keras_wx.models.diffusion.maps import output
from keras_wx.models.diffusion.network import Tensor, TimeUNet
from keras_wx.models.diffusion.transfer import TransferEncoder, TransferUNet

TINY = {
    "history": 3,
    "conditions": 2,
    "widths": [8, 16],
    "blocks": 1,
    "encoder_attention": [2],
    "decoder_attention": [],
    "head_size": 4,
    "groups": 4,
    "encoder": {
        "widths": [4, 8],
        "blocks": 1,
        "encoder_attention": [],
        "head_size": 4,
        "groups": 4,
    },
}
"""What the tiny configurations of downscaling models share."""


class Conditions:
    """The first channels of the input through a transfer encoder, and the others as they are.

    It is a function on tensors that holds its encoder.

    Args:
        history: number of channels that go to the encoder, and nowhere else.
        conditions: number of the others.
        encoder: arguments of `TransferEncoder` beside `history` and `frozen`; None for no encoder:
            the history is then a condition like the others.
        frozen: whether training leaves the encoder's weights alone.
    """

    def __init__(
        self, history: int, conditions: int, encoder: Mapping[str, Any] | None, frozen: bool
    ):
        self.inputs = history + conditions
        if min(history, conditions) < 0 or not self.inputs or (encoder is not None and not history):
            raise ModelError(
                "Expected at least one channel of input, and a history where there is an encoder. "
                f"Received: history={history}, conditions={conditions}, encoder={encoder}"
            )
        self.history = history
        self.encoder = None
        self.channels = self.inputs
        if encoder is not None:
            self.encoder = _encoder(history, encoder, frozen)
            self.channels = self.encoder.output_shape[-1] + conditions

    def __call__(self, x: Tensor) -> Tensor:
        """Maps `(batch, y, x, inputs)` to `(batch, y, x, channels)`."""
        if self.encoder is None:
            return x
        features = self.encoder(x[..., : self.history])
        if self.inputs == self.history:
            return features
        return layers.Concatenate()([features, x[..., self.history :]])

    def model(self) -> keras.Model:
        """The same as a model."""
        x = keras.Input((None, None, self.inputs), name="maps")
        given = self(x)
        # A model needs a layer between its input and its output.
        return keras.Model(x, layers.Identity()(given) if given is x else given, name="conditions")


def _encoder(history: int, config: Mapping[str, Any], frozen: bool) -> TransferEncoder:
    try:
        return TransferEncoder(history=history, frozen=frozen, **config)
    except TypeError as error:
        raise ModelError(
            "encoder: expected widths, blocks, encoder_attention, head_size and groups of a "
            f"transfer network. Received: {dict(config)}"
        ) from error


class TakesEncoder:
    """A model that has a transfer encoder, or none."""

    def take_encoder(self, source: TransferUNet | TransferEncoder) -> None:
        """Copies the weights of a trained transfer network's way down into this model.

        Args:
            source: of the configuration that `encoder` and `history` of this model say.

        Raises:
            ModelError: another configuration, or a model without an encoder.

        Example:
            >>> model = keras_wx.load("ddpm_ncep_air", weights=None)
            >>> model.take_encoder(keras_wx.load("transfer_unet_ncep_air"))
        """
        found = [each for each in self._flatten_layers() if isinstance(each, TransferEncoder)]
        if not found:
            raise ModelError(
                f"{self.name} has no transfer encoder: it was built with encoder=None."
            )
        found[0].take_weights(source)


class ConditionalUNet(layers.Layer):
    """A `TimeUNet` that reads a field that changes, and conditions that do not.

    `constant` computes what the conditions come to, once; each call then needs the field alone.

    Args:
        outputs: channels of the result.
        changing: channels of the field that changes.
        constant: channels of the conditions.
        activation: of the result.
        **network: arguments of `TimeUNet`. With a fixed `timestep`, calls take no time.

    Call arguments:
        field: `(batch, y, x, changing)`.
        constant: what the method `constant` gave of the conditions.
        time: `(batch or 1,)`.

    Output shape:
        `(batch, y, x, outputs)`, float32.
    """

    def __init__(
        self,
        outputs: int,
        changing: int,
        constant: int,
        widths: Sequence[int],
        activation: str | None = None,
        name: str | None = None,
        **network,
    ):
        super().__init__(name=name, autocast=False)
        unet = TimeUNet(outputs, widths, **network)
        self.stem = unet.stem
        self.stem.build((None, None, None, changing + constant))
        stemmed = keras.Input((None, None, widths[0]), dtype=self.compute_dtype, name="stemmed")
        if unet.time.timestep is None:
            inputs = [stemmed, keras.Input((), dtype="float32", name="times")]
        else:
            inputs = [stemmed]
        time = unet.time(inputs[-1])
        result = output(activation or "linear")(unet.decode(unet.encode(stemmed, time), time))
        self.body = keras.Model(inputs, result, name="body")
        self.outputs = outputs
        self.built = True

    def constant(self, conditions: Tensor) -> Tensor:
        """What conditions `(batch, y, x, constant)` come to."""
        return self.stem.constant(conditions)

    def call(self, field, constant, time=None):
        stemmed = self.stem.changing(field) + constant
        return self.body([stemmed] if time is None else [stemmed, time])

    def compute_output_shape(self, field_shape, constant_shape, time_shape=None):
        return (*field_shape[:-1], self.outputs)
