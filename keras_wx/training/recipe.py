"""The recipe of a run: that of the preset, with what the caller says instead."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import ValidationError

from keras_wx.errors import ModelError, TrainingError, unknown_name
from keras_wx.spec import Preset, Training

_SHORTCUTS = {"learning_rate": "optimizer.learning_rate"}


def resolve(preset: Preset, options: dict[str, Any]) -> Training:
    """The preset's recipe with the caller's options.

    Args:
        preset: of the model.
        options: fields of `keras_wx.spec.Training`, or parts of them by dotted names
            (`{"optimizer.clipnorm": 1.0}`). A mapping changes the parts that it names; one with
            another `name` (of an optimizer, say) takes the place of the whole.

    Raises:
        UnknownNameError: an option that no recipe has; the near ones are listed.
        TrainingError: values that make no recipe.
        ModelError: a model that has nothing to train.
    """
    if preset.training is None and not {"loss", "optimizer"} <= set(options):
        raise ModelError(
            f"{preset.full_name} has no recipe: there is nothing to train, or loss and optimizer "
            "are still to be said (loss='mse', optimizer='adam')."
        )
    recipe = {} if preset.training is None else preset.training.model_dump()
    for key, value in options.items():
        path = _SHORTCUTS.get(key, key).split(".")
        if path[0] not in Training.model_fields:
            known = [*Training.model_fields, *_SHORTCUTS, *_own_options()]
            raise unknown_name("option of train", key, known)
        _set(recipe, path, value)
    try:
        return Training.model_validate(recipe)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        raise TrainingError(
            f"The recipe of {preset.full_name}: {where}: {message}. "
            f"Received: {problem['input']!r:.200}"
        ) from None


def _set(recipe: dict[str, Any], path: list[str], value: Any) -> None:
    """Puts a value at a path of nested mappings, and merges it with the mapping that is there."""
    *parents, last = path
    for key in parents:
        present = recipe.get(key)
        if not isinstance(present, dict):
            recipe[key] = {"name": present} if isinstance(present, str) else {}
        recipe = recipe[key]
    old = recipe.get(last)
    if isinstance(old, dict) and isinstance(value, dict) and _same_component(old, value):
        value = old | value
    recipe[last] = value


def _same_component(old: dict, new: dict) -> bool:
    return new.get("name", old.get("name")) == old.get("name")


def _own_options() -> list[str]:
    from keras_wx.training.train import train

    kinds = inspect.signature(train).parameters.items()
    return [name for name, parameter in kinds if parameter.kind is parameter.KEYWORD_ONLY]
