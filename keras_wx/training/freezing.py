"""Parts of a model by name, and how to keep them as they are."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

import keras

from keras_wx.errors import ModelError

_ALL_BUT = "all but "


def freeze(model: keras.Model, what: str | Iterable[str]) -> list[str]:
    """Keeps layers as they are in training. Compile the model after it.

    Args:
        model: built.
        what: one or several of: the name of a layer, a pattern of names (`"encoder_*"`), a part
            that the model's class declares in `parts` (`"encoder"`, `"head"`), or `"all but ..."`
            one of these.

    Returns:
        The paths of the weights that training leaves alone now.

    Raises:
        ModelError: a name that no layer has, or nothing left to train.

    Example:
        >>> freeze(model, "all but head")
    """
    for text in [what] if isinstance(what, str) else what:
        for layer in select(model, text):
            layer.trainable = False
    if model.weights and not model.trainable_weights:
        raise ModelError(f"freeze={what!r} leaves no weight of {model.name} to train.")
    return [weight.path for weight in model.weights if not weight.trainable]


def select(model: keras.Model, text: str) -> list[keras.Layer]:
    """The layers that a name, a pattern, a part or `"all but ..."` one of them means.

    Raises:
        ModelError: none; parts and layers of the model are listed.
    """
    layers = [layer for layer in model._flatten_layers(include_self=False) if layer.weights]
    if text.startswith(_ALL_BUT):
        spared = {id(layer) for layer in select(model, text.removeprefix(_ALL_BUT))}
        return [layer for layer in layers if not spared & _family(layer)]
    parts = getattr(type(model), "parts", {})
    patterns = parts.get(text, (text,))
    found = [
        layer for layer in layers if any(fnmatch.fnmatch(layer.name, each) for each in patterns)
    ]
    if not found:
        names = dict.fromkeys(layer.name for layer in layers)
        raise ModelError(
            f"{model.name} has neither a layer nor a part {text!r} with weights. "
            + (f"Parts: {', '.join(parts)}. " if parts else "")
            + f"Layers: {', '.join(names)}. Patterns such as 'encoder_*' and 'all but ...' work."
        )
    return [inner for layer in found for inner in layer._flatten_layers()]


def _family(layer: keras.Layer) -> set[int]:
    """The layer and all inside it: what freezing it would freeze."""
    return {id(inner) for inner in layer._flatten_layers()}
