"""Moves weights from one configuration of a network to another: whatever has the same place."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from keras_wx.spec import Preset

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]


def transfer(source: keras.Model, target: keras.Model) -> None:
    """Gives `target` the weights of `source` that fit; a warning names those that do not."""
    new, dropped = _move(source, target)
    facts = []
    if new:
        facts.append(
            "these weights have no trained values in this configuration and start at random: "
            + ", ".join(new)
        )
    if dropped:
        facts.append(
            f"these trained weights have no place in this configuration: {', '.join(dropped)}"
        )
    if facts:
        warnings.warn(
            f"{target.preset.full_name}: {'; '.join(facts)}. All others are kept.", stacklevel=3
        )


def transfer_weights(source: keras.Model, target: keras.Model) -> list[str]:
    """Copies every weight of `source` that has its place, by path and shape, in `target`.

    Where the two read or give other variables, as their presets say, a kernel keeps the channels of
    those that both have.

    Returns:
        The paths of the weights of `target` that found no source, or found it for some channels
        only, which are named.
    """
    return _move(source, target)[0]


class Channels(NamedTuple):
    """What lies along an axis of the kernels that read inputs, or of those that give outputs."""

    axis: int
    old: tuple[str, ...]
    new: tuple[str, ...]

    def fit(self, old: Shape, new: Shape) -> bool:
        """Whether kernels of these shapes differ in the number of these channels alone."""
        if len(old) < -self.axis or old[self.axis] != len(self.old):
            return False
        expected = list(old)
        expected[self.axis] = len(self.new)
        return tuple(expected) == new

    def moved(self, old: np.ndarray, new: np.ndarray) -> np.ndarray:
        """The new kernel with what the old one has of it."""
        old, new = np.moveaxis(old, self.axis, 0), np.moveaxis(new.copy(), self.axis, 0)
        for position, name in enumerate(self.new):
            if name in self.old:
                new[position] = old[self.old.index(name)]
        return np.moveaxis(new, 0, self.axis)

    def missing(self, side: tuple[str, ...], other: tuple[str, ...]) -> list[str]:
        names = [name for name in side if name not in other]
        return [f"the channels of {', '.join(names)}"] if names else []


def _move(source: keras.Model, target: keras.Model) -> tuple[list[str], list[str]]:
    """Copies what fits; what of `target` found no source, and what of `source` no place."""
    import keras

    known = {variable.path: variable for variable in source.variables}
    axes = channel_changes(source.preset, target.preset) if _have_presets(source, target) else []
    new, dropped = [], []
    for variable in target.variables:
        match = known.get(variable.path)
        shapes = None if match is None else (tuple(match.shape), tuple(variable.shape))
        channels = next((each for each in axes if shapes and each.fit(*shapes)), None)
        if channels is None and shapes and shapes[0] == shapes[1]:
            variable.assign(match.value)
        elif channels is not None:
            if shapes[0] == shapes[1]:
                axes.remove(channels)  # the first kernel of such a shape is the one that reads them
            values = map(keras.ops.convert_to_numpy, (match, variable))
            variable.assign(channels.moved(*values))
            new += [f"{n} in {variable.path}" for n in channels.missing(channels.new, channels.old)]
            dropped += channels.missing(channels.old, channels.new)
        elif any(variable is weight for weight in target.weights):
            new.append(variable.path)
    places = {weight.path for weight in target.weights}
    dropped += [weight.path for weight in source.weights if weight.path not in places]
    return new, list(dict.fromkeys(dropped))


def channel_changes(old: Preset, new: Preset) -> list[Channels]:
    """Inputs and outputs that have another place in the arrays of the new preset, or none.

    A variable that stands where another stood takes its weights over: it is its new name. So it is
    for outputs wherever there are as many.
    """
    found = []
    for axis, roles in ((-2, ("input", "mask", "static", "calendar")), (-1, ("target",))):
        before, after = _names(old, roles), _names(new, roles)
        moved = any(before.index(n) != after.index(n) for n in before if n in after)
        if len(before) != len(after) or (moved and axis == -2):
            found.append(Channels(axis, before, after))
    return found


def _have_presets(*models: keras.Model) -> bool:
    return all(getattr(model, "preset", None) is not None for model in models)


def _names(preset: Preset, roles: tuple[str, ...]) -> tuple[str, ...]:
    """A name for each channel; several frames of a variable are channels of their own."""
    return tuple(
        variable.name if variable.frames == 1 else f"{variable.name} at step {step}"
        for role in roles
        for variable in preset.sample.of_role(role)
        for step in variable.offsets
    )
