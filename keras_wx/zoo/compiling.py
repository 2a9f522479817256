"""Compiles a model with the recipe of its preset."""

from __future__ import annotations

import keras

from keras_wx import losses, metrics
from keras_wx.errors import PresetError
from keras_wx.spec import Component, Preset


def compile_model(model: keras.Model, preset: Preset) -> None:
    """Compiles `model` in place: loss, optimizer and metrics of `preset.training`."""
    training = preset.training
    if training is None:
        return
    transform = preset.sample.targets[0].transform
    model.compile(
        optimizer=_build("optimizer", training.optimizer, _optimizer, preset),
        loss=_build(
            "loss", training.loss, lambda **kw: losses.get(transform=transform, **kw), preset
        ),
        weighted_metrics=[
            _build("metrics", m, lambda **kw: metrics.get(transform=transform, **kw), preset)
            for m in training.metrics
        ],
    )


def _optimizer(name: str, **arguments) -> keras.optimizers.Optimizer:
    return keras.optimizers.get({"class_name": name, "config": arguments})


def _build(key: str, component: Component, factory, preset: Preset):
    try:
        return factory(name=component.name, **component.arguments)
    except (TypeError, ValueError) as error:
        raise PresetError(
            f"training.{key} of preset {preset.name!r} cannot be built: {error} "
            f"Received: {component.model_dump()}"
        ) from error
