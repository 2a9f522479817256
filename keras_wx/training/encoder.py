"""The transfer encoder that a run starts from: that of another run, or of a preset."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras

from keras_wx.errors import ModelError
from keras_wx.spec import format_step
from keras_wx.training.saver import BEST
from keras_wx.zoo.loading import load, preset_of
from keras_wx.zoo.presets import PRESET_FILE


def take_encoder(model: keras.Model, source: str | Path | keras.Model) -> None:
    """Gives a model the encoder of a transfer network that was trained before.

    Args:
        model: with a transfer encoder, of which it has a method `take_encoder`.
        source: the folder of a run, a saved model or a preset, such as
            `"transfer_unet_ncep_air"`; or the network itself.

    Raises:
        ModelError: a model without an encoder, or a source of another architecture or
            configuration.
        WeightsError: a preset without trained weights.
        UnknownNameError: no such preset.
    """
    if not hasattr(model, "take_encoder"):
        raise ModelError(
            f"encoder: {preset_of(model).full_name} has no transfer encoder, so it cannot take "
            f"one. Received: encoder={named(source)!r}"
        )
    network = source if isinstance(source, keras.Model) else load(_best(source), compile=False)
    try:
        model.take_encoder(network)
    except ModelError as error:
        raise ModelError(f"encoder={named(source)!r}: {error}") from None
    _warn_of_steps(model, network)


def _best(source: str | Path) -> str | Path:
    """The best model of a run, where a folder is one."""
    best = Path(source).expanduser() / BEST
    return best if (best / PRESET_FILE).is_file() else source


def named(source: str | Path | keras.Model) -> str:
    """What messages and records call it."""
    return source.name if isinstance(source, keras.Model) else str(source)


def _warn_of_steps(model: keras.Model, network: keras.Model) -> None:
    """Weights fit whatever the fields are that they learnt from."""
    if getattr(network, "preset", None) is None:
        return
    steps = [preset_of(each).sample.step for each in (network, model)]
    if None not in steps and steps[0] != steps[1]:
        learnt, read = map(format_step, steps)
        warnings.warn(
            f"encoder: {network.preset.full_name} learnt from fields {learnt} apart, and "
            f"{model.preset.full_name} reads a history of fields {read} apart.",
            stacklevel=3,
        )
