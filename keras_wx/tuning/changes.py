"""From the values of a trial to the arguments of `keras_wx.train`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from keras_wx.errors import PresetError
from keras_wx.spec import Sample
from keras_wx.tuning.space import Parameter, Space, check_key

if TYPE_CHECKING:
    from keras_tuner import HyperParameters

SpaceFunction = Callable[["HyperParameters"], Mapping[str, Any]]
"""Draws values from keras-tuner's `hp`, and returns dotted key -> value."""


def changes_of(space: Space | SpaceFunction, hp: HyperParameters) -> dict[str, Any]:
    """Dotted key -> value, of one trial; what `hp` does not know yet is registered there.

    Raises:
        PresetError: a function that returns something else.
    """
    if isinstance(space, Space):
        return _declared(space, hp)
    changes = space(hp)
    try:
        for key in changes:
            check_key(key)
        return dict(changes)
    except (TypeError, ValueError) as error:
        raise PresetError(
            "A search space as a function returns dotted keys with their values, such as "
            f"{{'config.filters': [16, 16]}}: {error} Received: {changes!r:.200}"
        ) from None


def _declared(space: Space, hp: HyperParameters) -> dict[str, Any]:
    changes = {}
    for key, parameter in space.parameters.items():
        with ExitStack() as scopes:
            for parent, values in parameter.when.items():
                names = [space.parameters[parent].name_of(value) for value in values]
                scopes.enter_context(hp.conditional_scope(parent, names))
            found = _register(hp, key, parameter)
        if found is None:  # a condition does not hold
            continue
        changes[key] = found if parameter.choice is None else parameter.options[found]
    return changes


def _register(hp: HyperParameters, key: str, parameter: Parameter) -> Any:
    if parameter.choice is not None:
        return hp.Choice(key, list(parameter.options), ordered=None)
    low, high = parameter.range
    numbers, kind = (hp.Int, int) if parameter.whole else (hp.Float, float)
    step = None if parameter.step is None else kind(parameter.step)
    return numbers(key, low, high, step=step, sampling="log" if parameter.log else "linear")


def arguments_of(changes: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """What `keras_wx.train` is called with: the caller's options, changed as a trial says.

    Where a trial has another optimizer, the caller's `optimizer.clipnorm` holds for that one too,
    unless the trial's says its own.

    Args:
        changes: dotted key -> value.
        options: of `keras_wx.train`.
    """
    arguments = dict(options)
    config = dict(arguments.pop("config", None) or {})
    sample = arguments.pop("sample", None)
    ours: dict[str, Any] = {}
    # A whole before its parts: another optimizer first, then its learning rate.
    for key in sorted(changes, key=lambda key: key.count(".")):
        section, _, rest = key.partition(".")
        if section == "config":
            config[rest] = changes[key]
        elif section == "sample":
            _put(ours, rest.split("."), changes[key])
        else:
            arguments = _changed_recipe(arguments, rest, changes[key])
    sample = sample.merged(ours) if isinstance(sample, Sample) else _merged(sample or {}, ours)
    return arguments | {"config": config, "sample": sample or None}


def _changed_recipe(options: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The caller's options with another value of a field or a part of it: later ones win."""
    before, after = {}, {}
    own = value if isinstance(value, Mapping) else {}
    for option, given in options.items():
        path = "optimizer.learning_rate" if option == "learning_rate" else option
        part = path.removeprefix(f"{key}.")
        if path != key:
            (before if part == path or part in own else after)[option] = given
    return before | {key: value} | after


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = value


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        # A transform is a mapping of one key: a new one takes the place of the old.
        deeper = isinstance(value, dict) and isinstance(base.get(key), Mapping)
        merged[key] = _merged(base[key], value) if deeper and key != "transform" else value
    return merged
