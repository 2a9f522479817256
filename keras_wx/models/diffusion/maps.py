"""What models of maps share: which inputs fit, and a float32 result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from keras_wx.errors import ModelError


class MapModel(keras.Model):
    """Base of functional models that read `(batch, y, x, channels)`, of any size."""

    # Keras' own check of the input's shape runs under TensorFlow only and names no remedy.
    input_spec = None

    def call(self, maps, training=None, mask=None):
        check_maps(self, maps.shape)
        return super().call(maps, training=training, mask=mask)

    def get_config(self):
        return self._config | {"name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def check_maps(model: keras.Model, received: tuple[int | None, ...]) -> None:
    """Refuses what is no batch of maps with the model's channels.

    Raises:
        ModelError: naming what is expected and the option that builds the model for another.
    """
    channels = model.input_shape[-1]
    if len(received) == 4 and received[-1] in (None, channels):
        return
    options = "history= and conditions=" if "history" in model.get_config() else "targets="
    raise ModelError(
        f"{model.name} reads maps of {channels} channels: (batch, y, x, {channels}). "
        f"Received: shape={tuple(received)}. keras_wx.load takes {options} to build it for others, "
        "and keeps the weights that fit."
    )


def output(activation: str) -> layers.Layer:
    """The last layer: its result is float32 under every precision policy."""
    return layers.Activation(activation, dtype="float32", name="output")


def listed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as a preset file holds it: lists and dicts in place of other containers."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(each) for key, each in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [plain(each) for each in value]
        return value

    return plain(config)
