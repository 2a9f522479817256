"""Whether a file gives what its model gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from keras_wx.errors import ModelError
from keras_wx.inference.export.physical import DIMS, OUTPUT, Array, Physical

TOLERANCE = 1e-4
"""Largest difference, in parts of the range (maximum - minimum) of the forecast."""


def check(physical: Physical, run: Callable[[dict], dict], multiple: int) -> None:
    """Runs model and file on moving echo with gaps.

    Args:
        physical: the model.
        run: the file, from arrays by name to arrays by name.
        multiple: what open rows and columns have to be a multiple of.

    Raises:
        ModelError: the two differ.
    """
    sizes = {"batch": 2, "y": 8 * multiple, "x": 10 * multiple}
    x = {array.name: echo(array, sizes) for array in physical.inputs}
    expected = physical(x)[OUTPUT]
    received = run(x)[OUTPUT]
    if not agree(received, expected):
        raise ModelError(
            f"the file does not give what the model gives: expected differences below {TOLERANCE} "
            f"of the forecast's range. Received: {_difference(received, expected)}"
        )


def agree(received: np.ndarray, expected: np.ndarray) -> bool:
    """Whether two forecasts, NaN where missing, differ by at most `TOLERANCE` of their range."""
    if received.shape != expected.shape or np.isnan(expected).all():
        return False
    # Rounding of float32 counts too, for a forecast that is the same everywhere.
    rounding = 1e-6 * np.nanmax(np.abs(expected))
    span = np.nanmax(expected) - np.nanmin(expected)
    return np.allclose(received, expected, rtol=0, atol=TOLERANCE * span + rounding, equal_nan=True)


def echo(array: Array, sizes: dict[str, int]) -> np.ndarray:
    """A moving wave over the whole range of the transform, in physical units.

    A variable with a `fill` has gaps: a column in the first frame, and a point in all of them.

    Args:
        array: its shape and variables.
        sizes: of the dims `batch`, `y` and `x` that the array leaves open.
    """
    shape = [
        sizes[dim] if size is None else size for dim, size in zip(DIMS, array.shape, strict=True)
    ]
    batch, time, y, x, channel = np.indices(shape, np.float32)
    waves = np.sin(0.7 * y + 0.4 * x - 0.5 * time + 2.0 * batch + channel)
    fields = []
    for number, variable in enumerate(array.variables):
        field = variable.transform.inverse(0.5 + 0.5 * waves[..., number]).astype(np.float32)
        if variable.fill is not None:
            field[:, 0, :, 0] = np.nan
            field[:, :, -1, -1] = np.nan
        fields.append(field)
    return np.stack(fields, axis=-1)


def _difference(received: np.ndarray, expected: np.ndarray) -> str:
    if received.shape != expected.shape:
        return f"shape {received.shape} in place of {expected.shape}"
    if (np.isnan(received) != np.isnan(expected)).any():
        return "values missing at other points"
    span = np.nanmax(expected) - np.nanmin(expected)
    return f"{np.nanmax(np.abs(received - expected)):.3g} of a range of {span:.3g}"
