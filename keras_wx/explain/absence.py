"""What an input looks like that says nothing."""

from __future__ import annotations

import numpy as np

from keras_wx.data.conform import NO_ECHO
from keras_wx.data.units import is_rain_rate, is_reflectivity
from keras_wx.spec import Variable


def no_echo(variable: Variable) -> float | None:
    """The physical value of no echo, and None for variables that are no echo of a radar."""
    if not (is_reflectivity(variable.units) or is_rain_rate(variable.units)):
        return None
    if variable.fill is not None:
        return variable.fill
    return NO_ECHO if is_reflectivity(variable.units) else 0.0


def as_network_number(variable: Variable, value: float) -> float:
    return float(variable.transform(np.float64(value)))


def constant(variable: Variable) -> float:
    """The physical value that a variable is held at where a network is to learn without it."""
    value = no_echo(variable)
    return float(variable.transform.inverse(np.float64(0))) if value is None else value
