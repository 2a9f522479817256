"""Finds what Keras knows by a name, as a class, however the name is written."""

from __future__ import annotations

import inspect
from types import ModuleType


def keras_class(module: ModuleType, name: str) -> type:
    """The class of `keras.losses` or `keras.metrics` that a name means.

    Keras gives a bare function for `"mse"` or `"mean_squared_error"`, which knows neither
    reduction nor state; the class of the same name has both.

    Args:
        module: `keras.losses` or `keras.metrics`.
        name: a class, a function or an abbreviation.

    Raises:
        ValueError: Keras does not know the name.
    """
    classes = {key.lower(): value for key, value in vars(module).items() if inspect.isclass(value)}
    if name.lower() not in classes:
        function = module.get(name)
        name = getattr(function, "__name__", type(function).__name__).replace("_", "")
    return classes[name.lower()]
