"""Physical units, as radar files spell them."""

from __future__ import annotations

import re
from functools import lru_cache

import pint

WATER_DENSITY = 1000.0
"""kg m-3: turns a mass flux of water into a depth per time."""

_DBZ = re.compile(r"^\s*dbze?\s*$", re.IGNORECASE)
_EXPONENT = re.compile(r"([A-Za-z_]+)\s*\^?\s*([+-]?\d+)")


@lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry:
    # Built at the first use: it reads pint's own definition file.
    registry = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    # A dimension of its own: dBZ converts to nothing by a factor.
    registry.define("dBZ = [radar_reflectivity]")
    return registry


@lru_cache(maxsize=256)
def _parse(units: str) -> pint.Unit:
    if _DBZ.match(units):
        units = "dBZ"
    # CF writes exponents bare, as in "mm h-1".
    expression = _EXPONENT.sub(r"\1**\2", units.strip())
    try:
        return _registry().Unit(expression)
    except Exception as error:  # pint raises a dozen kinds, from AttributeError to TokenError
        raise ValueError(f"not a unit: {units!r}") from error


def is_unit(units: str) -> bool:
    """Whether `units` can be read at all."""
    try:
        _parse(units)
    except ValueError:
        return False
    return True


def same_units(first: str, second: str) -> bool:
    """Whether two spellings mean the same unit: `"mm/h"` and `"mm h-1"`, `"dBz"` and `"dBZ"`."""
    if first.strip() == second.strip():
        return True
    factors = conversion(first, second)
    return factors is not None and abs(factors[0] - 1) < 1e-9 and abs(factors[1]) < 1e-9


def conversion(source: str, target: str) -> tuple[float, float] | None:
    """Scale and offset that turn `source` into `target`, or None where there are none.

    A mass flux of water (`kg m-2 s-1`) and a depth per time (`mm h-1`) convert into each other
    with the density of water, and so do a mass per area and a depth.

    Args:
        source: units that the numbers have.
        target: units that they shall have.

    Returns:
        `(scale, offset)` with `new = scale * old + offset`, or None.

    Example:

    ```python
    conversion("kg m-2 s-1", "mm h-1")   # (3600.0, 0.0)
    ```
    """
    try:
        # Some files say `units = 1`, a number.
        old, new = _parse(str(source)), _parse(str(target))
    except ValueError:
        return None
    quantity = _registry().Quantity
    density = quantity(WATER_DENSITY, "kg/m**3")
    for factor in (1, 1 / density, density):
        if (quantity(1.0, old) * factor).is_compatible_with(new):
            if factor == 1:
                offset = quantity(0.0, old).to(new).magnitude
                return quantity(1.0, old).to(new).magnitude - offset, offset
            return (quantity(1.0, old) * factor).to(new).magnitude, 0.0
    return None


def is_reflectivity(units: str) -> bool:
    """Whether `units` is one of the spellings of dBZ."""
    return bool(_DBZ.match(str(units)))


def linear_reflectivity(units: str) -> float | None:
    """Factor that turns `units` into the mm6 m-3 of the reflectivity factor Z, or None."""
    factors = conversion(units, "mm6 m-3")
    return None if factors is None else factors[0]


def is_rain_rate(units: str) -> bool:
    """Whether `units` is a depth or a mass of water per time, on the scale of rain.

    Metres per second convert to mm/h as well, but are more likely the wind.
    """
    factors = conversion(units, "mm h-1")
    return factors is not None and factors[0] <= 3600.0


def is_rain_amount(units: str) -> bool:
    """Whether `units` is a depth or a mass per area of water, on the scale of rain."""
    factors = conversion(units, "mm")
    return factors is not None and factors[0] <= 25.4
