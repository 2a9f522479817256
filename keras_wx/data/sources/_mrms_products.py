"""Which product of MRMS a name means, and how its numbers are coded."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal, NamedTuple

_PATTERN = re.compile(
    r"PrecipRate|(?:\w+_)?QPE_(?P<count>\d\d)(?P<unit>[HM])(?:_Pass\d)?|\w*Reflectivity[A-Za-z]*"
)

NO_COVERAGE_DBZ = -500.0
"""Reflectivity below it is no coverage. The -99 that the tables of MRMS call missing is no echo."""


class Product(NamedTuple):
    name: str
    quantity: Literal["reflectivity", "rain_rate"]
    units: str
    interval: timedelta | None
    """In which an amount fell."""

    @property
    def floor(self) -> float:
        """Below it are codes: -1 and -3 for rain, -999 for reflectivity."""
        return NO_COVERAGE_DBZ if self.quantity == "reflectivity" else 0.0


def product_of(text: str) -> Product | None:
    """The product that a name of a file or a variable tells; None for none of rain or echo."""
    match = _PATTERN.search(text)
    if match is None:
        return None
    name = match[0].removeprefix("MRMS_")
    if "Reflectivity" in name:
        return Product(name, "reflectivity", "dBZ", None)
    if match["count"]:
        unit = {"H": "hours", "M": "minutes"}[match["unit"]]
        interval = timedelta(**{unit: int(match["count"])})
        minutes = interval // timedelta(minutes=1)
        return Product(name, "rain_rate", f"mm ({minutes} min)", interval)
    return Product(name, "rain_rate", "mm h-1", None)
