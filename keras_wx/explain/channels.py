"""Which channel of a model's input is which variable."""

from __future__ import annotations

from keras_wx.spec import Sample, Variable

_ROLES = ("input", "mask", "static", "calendar")
"""In the order in which `keras_wx.samples` stacks them."""


def data_channels(sample: Sample) -> dict[int, Variable]:
    """Position in the array -> variable, of all channels but masks, which are no data.

    Where frames are channels, each has the name of its step too.
    """
    channels = list(_all_channels(sample))
    return {
        number: variable.model_copy(update={"name": named})
        for number, (variable, named) in enumerate(channels)
        if variable.role != "mask"
    }


def channels_of(sample: Sample) -> dict[str, list[int]]:
    """Name of a variable -> positions of all that the model reads of it; masks are no data."""
    found: dict[str, list[int]] = {}
    for number, (variable, _) in enumerate(_all_channels(sample)):
        if variable.role != "mask":
            found.setdefault(variable.name, []).append(number)
    return found


def _all_channels(sample: Sample) -> list[tuple[Variable, str]]:
    eaten = [v for role in _ROLES for v in sample.of_role(role)]
    if not sample.is_downscaling:
        return [(v, v.name) for v in eaten]
    return [
        (v, v.name if v.frames == 1 else f"{v.name} at step {step}")
        for v in eaten
        for step in v.offsets
    ]
