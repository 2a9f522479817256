"""Gates of a curtain as network numbers, with something finite where the radar is blind."""

from __future__ import annotations

import numpy as np

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
        DataError: for values that are missing where they are needed.
    """
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
        raise DataError(
            f"{where}: {variable.name!r} is missing at {times[column]:.19} in row {row} of "
            f"{len(wrong)}, one of {int(wrong.sum()):,} such gates. "
            "A gate without echo is the lowest value of the transform, not NaN; a deeper blind "
            "zone, or the variable of its top in the data, covers what was not measured; "
            f"sample.merged({{'variables': {{{variable.name!r}: {{'fill': ...}}}}}}) gives a value "
            f"in {variable.units} that stands in for it."
        )
    network[gaps] = Cloud.CLEAR
