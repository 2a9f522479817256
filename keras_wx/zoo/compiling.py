"""Compiles a model with the recipe of its preset."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from keras_wx import losses, metrics
from keras_wx.errors import PresetError, unknown_name
from keras_wx.spec import Component, Preset, Training


def compile_model(model: keras.Model, preset: Preset) -> None:
    """Compiles `model` in place: loss, optimizer and metrics of `preset.training`.

    The learning rate is the optimizer's own: a schedule needs the length of a run.
    """
    training = preset.training
    if training is None:
        return
    transform = preset.sample.targets[0].transform
    options = _optimizer_options(training)
    model.compile(
        optimizer=_build(
            "optimizer", training.optimizer, lambda **kw: _optimizer(**kw | options), preset
        ),
        loss=_build(
            "loss", training.loss, lambda **kw: losses.get(transform=transform, **kw), preset
        ),
        weighted_metrics=[
            _build("metrics", m, lambda **kw: metrics.get(transform=transform, **kw), preset)
            for m in training.metrics
        ],
    )


def _optimizer_options(training: Training) -> dict[str, Any]:
    """What the recipe says beside the optimizer, and Keras in its arguments."""
    options: dict[str, Any] = {}
    if training.ema is not None:
        options |= {"use_ema": True, "ema_momentum": training.ema}
    if training.accumulate > 1:
        options["gradient_accumulation_steps"] = training.accumulate
    return options


def _optimizer(name: str, **arguments) -> keras.optimizers.Optimizer:
    optimizer = type(keras.optimizers.get(name))
    known = set(inspect.signature(optimizer).parameters) - {"kwargs"}
    for key in arguments:
        if key not in known:
            raise ValueError(unknown_name(f"argument of the optimizer {name!r}", key, known))
    return optimizer(**arguments)


def _build(key: str, component: Component, factory, preset: Preset):
    try:
        return factory(name=component.name, **component.arguments)
    except (TypeError, ValueError) as error:
        raise PresetError(
            f"training.{key} of preset {preset.name!r} cannot be built: {error} "
            f"Received: {component.model_dump()}"
        ) from error
