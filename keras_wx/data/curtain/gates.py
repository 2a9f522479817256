"""Gates of a curtain as network numbers, with something finite where the radar is blind."""

from __future__ import annotations

import warnings

import numpy as np

from keras_wx.data.sentinels import refuse_sentinels
from keras_wx.data.units import is_reflectivity
from keras_wx.errors import DataError
from keras_wx.spec import Variable
from keras_wx.transforms import Cloud


def gate_values(
    variable: Variable,
    field: np.ndarray,
    mask: np.ndarray,
    times: np.ndarray,
    *,
    ignore: np.ndarray | None = None,
) -> np.ndarray:
    """Network numbers of one variable of a curtain.

    Args:
        variable: whose transform and `fill` are taken.
        field: physical values, `(height, time)`, NaN where missing.
        mask: as `mask_of` makes it, same shape.
        times: datetime64 of the columns.
        ignore: bool `(time,)`, columns that may be missing outside the mask too.

    Returns:
        float32, `(height, time)`, finite.

    Raises:
        DataError: for values that are missing where they are needed, or that mean "missing".
    """
    refuse_sentinels(variable.name, field.T, times)
    _warn_of_linear(variable, field)
    network = np.asarray(variable.transform(field), np.float32)
    close_gaps(variable, network, np.isnan(field), mask >= 1, times, ignore=ignore)
    return network


def close_gaps(
    variable: Variable,
    network: np.ndarray,
    gaps: np.ndarray,
    blind: np.ndarray,
    times: np.ndarray,
    *,
    ignore: np.ndarray | None = None,
) -> None:
    """Puts a number into the gaps of a variable, in place.

    Reflectivity may be missing where the radar is blind: the number there is of no consequence,
    since a network for blind zones hides it. What else is missing needs the variable's `fill`.

    Args:
        variable, times, ignore: as in `gate_values`.
        network: network numbers, `(height, time)`.
        gaps: where they are missing, same shape.
        blind: where the radar is blind, same shape.

    Raises:
        DataError: as `gate_values`.
    """
    if not gaps.any():
        return
    if variable.fill is not None:
        network[gaps] = variable.transform(np.float64(variable.fill))
        return
    hidden = is_reflectivity(variable.units)
    wrong = gaps & ~blind if hidden else gaps.copy()
    if ignore is not None:
        wrong[:, ignore] = False
    if wrong.any():
        column = int(wrong.any(axis=0).argmax())
        row = int(wrong[:, column].argmax())
        where = "NaN outside the mask" if hidden else "NaN"
        # No echo has a number; of the air no value is known that could stand in for it.
        clear = float(variable.transform.inverse(np.float64(Cloud.CLEAR)))
        fill = f"{clear:g}" if hidden else "..."
        raise DataError(
            f"{where}: {variable.name!r} is missing at {times[column]:.19} in row {row} of "
            f"{len(wrong)}, one of {int(wrong.sum()):,} such gates. "
            + _too_low(gaps)
            + (_IF_MEASURED if hidden else "")
            + f"load(..., sample={{'variables': {{{variable.name!r}: {{'fill': {fill}}}}}}}) gives "
            f"a value in {variable.units} that stands in for it."
        )
    network[gaps] = Cloud.CLEAR


_IF_MEASURED = (
    "A deeper blind zone, or the variable of its top in the data, covers what was not measured. "
    "Where the radar looked and saw nothing, "
)


def _too_low(gaps: np.ndarray) -> str:
    """What is missing in the highest rows of every profile was never looked at."""
    never = gaps.all(axis=1)
    if not never[-1] or never.all():
        return ""
    first = len(never) - int(never[::-1].argmin())
    return (
        f"Rows {first} and above are missing in every profile: the data do not reach as high as "
        "the sample. "
    )


def _warn_of_linear(variable: Variable, field: np.ndarray) -> None:
    """Says of a reflectivity factor that it is none in dBZ: nothing below 0, and what is above it
    either next to 0 or more than any dBZ."""
    if not is_reflectivity(variable.units):
        return
    positive = field[field > 0]
    if (field < 0).any() or not positive.size:
        return
    if positive.min() < _LEAST or positive.max() > _GREATEST:
        warnings.warn(
            f"{variable.name!r} says that it is in dBZ, and has values from {positive.min():.3g} "
            f"to {positive.max():.3g} and none below 0, as a reflectivity factor in mm6 m-3 has. "
            f"Where it is one, dataset[{variable.name!r}].attrs['units'] = 'mm6 m-3' says so, and "
            "convert_units=True converts it.",
            stacklevel=3,
        )


_LEAST, _GREATEST = 1e-3, 100.0
"""What no digitised reflectivity in dBZ is next to, and what none reaches."""
