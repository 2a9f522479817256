"""Which channel of a model's input is which variable."""

from __future__ import annotations

from keras_wx.spec import Sample, Variable


def data_channels(sample: Sample) -> dict[int, Variable]:
    """Position in the array -> variable, of all channels but masks, which are no data.

    Inputs come first, then masks, then what is static, as `keras_wx.samples` stacks them.
    """
    eaten = [v for role in ("input", "mask", "static") for v in sample.of_role(role)]
    return {number: v for number, v in enumerate(eaten) if v.role != "mask"}
