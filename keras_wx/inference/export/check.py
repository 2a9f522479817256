"""Whether a file gives what its model gives."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from keras_wx.errors import ModelError
from keras_wx.inference.export.physical import OUTPUT, Array, Physical

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
    times = max(2, math.ceil(16 / multiple))
    grid = (times * multiple, (times + 1) * multiple)
    x = {array.name: echo(array, 2, grid) for array in physical.inputs}
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


def echo(array: Array, batch_size: int, grid: tuple[int, int]) -> np.ndarray:
    """A moving wave over the whole range of the transform, in physical units.

    A variable with a `fill` has gaps: a point in every frame, and where there is time a column in
    the first.

    Args:
        array: its shape and variables.
        batch_size: where the array leaves it open.
        grid: rows and columns, where the array leaves them open.
    """
    batch, *time, rows, columns, channels = array.shape
    grid = (rows or grid[0], columns or grid[1])
    axes = np.indices((batch or batch_size, *time, *grid, channels), np.float32)
    phase = 2.0 * axes[0] - 0.5 * sum(axes[1:-3]) + 0.7 * axes[-3] + 0.4 * axes[-2] + axes[-1]
    fields = []
    for number, variable in enumerate(array.variables):
        waves = np.sin(phase[..., number])
        if variable.role == "mask":  # 0 in some places, 1 in others
            waves = np.clip(2 * waves, -1, 1)
        field = variable.transform.inverse(0.5 + 0.5 * waves).astype(np.float32)
        if variable.fill is not None:
            field[..., -1, -1] = np.nan
            if time:
                field[:, 0, :, 0] = np.nan
        fields.append(field)
    return np.stack(fields, axis=-1)


def _difference(received: np.ndarray, expected: np.ndarray) -> str:
    if received.shape != expected.shape:
        return f"shape {received.shape} in place of {expected.shape}"
    if (np.isnan(received) != np.isnan(expected)).any():
        return "values missing at other points"
    span = np.nanmax(expected) - np.nanmin(expected)
    return f"{np.nanmax(np.abs(received - expected)):.3g} of a range of {span:.3g}"
