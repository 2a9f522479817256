"""The Z-R pair that a user names in an option."""

from __future__ import annotations

from pydantic import ValidationError

from keras_wx.errors import DataError
from keras_wx.transforms import ZR, ZR_PAIRS


def zr_relation(zr: str | tuple[float, float] | ZR) -> ZR:
    """The relation behind a name of `ZR_PAIRS` or the `(a, b)` of Z = a R**b.

    Raises:
        DataError: for an unknown name, and for numbers that make no relation.
    """
    if isinstance(zr, ZR):
        return zr
    try:
        a, b = ZR_PAIRS[zr] if isinstance(zr, str) else zr
        return ZR(a=a, b=b)
    except (KeyError, TypeError, ValueError, ValidationError):
        raise DataError(
            f"zr: expected one of {sorted(ZR_PAIRS)} or the a and b of Z = a R**b as (a, b), both "
            f"above zero. Received: zr={zr!r}"
        ) from None
