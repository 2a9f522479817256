"""Which variable of a file is the radar field, and how it becomes dBZ or mm/h."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr

from keras_wx.data import units as u
from keras_wx.data.timeaxis import time_step
from keras_wx.errors import DataError
from keras_wx.spec import format_step, parse_step

_STANDARD_NAMES = {
    "equivalent_reflectivity_factor": "reflectivity",
    "rainfall_rate": "rate",
    "lwe_precipitation_rate": "rate",
    "rainfall_flux": "rate",
    "precipitation_flux": "rate",
    "rainfall_amount": "amount",
    "precipitation_amount": "amount",
    "thickness_of_rainfall_amount": "amount",
    "lwe_thickness_of_precipitation_amount": "amount",
}
_NAMES = ("reflectivity", "dbzh", "dbz", "zh", "rain_rate", "rainrate", "precip_rate", "rr")
_PER_INTERVAL = re.compile(
    r"^\s*(?P<amount>[^\d(/]+?)\s*(?:\(|/|per)\s*(?P<step>\d+(?:\.\d+)?\s*(?:s|min|h|d))\s*\)?\s*$"
)
_STALE = ("valid_min", "valid_max", "valid_range", "actual_range")


class Quantity(NamedTuple):
    """A variable of the file, what it is, and in which units."""

    variable: str
    kind: Literal["reflectivity", "rate", "amount"]
    units: str

    @property
    def name(self) -> str:
        return "reflectivity" if self.kind == "reflectivity" else "rain_rate"


def choose(dataset: xr.Dataset, variable: str | None, units: str | None) -> Quantity:
    """The variable that is meant.

    Args:
        dataset: a decoded file.
        variable: its name, if the user says it.
        units: its units, if the user says them.

    Raises:
        DataError: when none or several could be meant, listing them and the option that helps.
    """
    fields = {
        str(name): field
        for name, field in dataset.data_vars.items()
        if field.ndim >= 2 and np.issubdtype(field.dtype, np.number)
    }
    if variable is not None:
        if variable not in fields:
            raise DataError(f"No field {variable!r} in the file, which has {_listed(fields)}.")
        fields = {variable: fields[variable]}
    found = [
        Quantity(name, kind, given)
        for name, field in fields.items()
        if (given := units or str(field.attrs.get("units", "")))
        and (kind := _kind(given, field.attrs.get("standard_name")))
    ]
    for is_better in (
        lambda q: fields[q.variable].attrs.get("standard_name") in _STANDARD_NAMES,
        lambda q: q.variable.lower() in _NAMES,
    ):
        better = [quantity for quantity in found if is_better(quantity)]
        if len(found) > 1 and better:
            found = better
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(
            "Several variables could be meant: "
            f"{_listed({q.variable: fields[q.variable] for q in found})}. variable= names one."
        )
    if units is not None and _kind(units, None) is None:
        raise DataError(f"units: expected dBZ, or a rate or amount of rain. Received {units!r}")
    raise DataError(
        "Found no variable in dBZ, in a rate such as mm h-1 or kg m-2 s-1, or in an amount such as "
        f"mm. The file has {_listed(fields)}. units= says the units of one, with variable= where "
        "there are several."
    )


def converted(
    raw: xr.Dataset, described: xr.Dataset, quantity: Quantity, interval: timedelta | None
) -> xr.DataArray:
    """The undecoded variable with a packing that decodes to dBZ or mm/h.

    Args:
        raw: the undecoded file.
        described: the decoded one.
        quantity: which variable to convert, from which units.
        interval: for amounts, the time in which they fell; None to find out.

    Raises:
        DataError: for an amount whose interval is not known.
    """
    attrs = dict(raw[quantity.variable].attrs)
    standard_name = attrs.get("standard_name")
    if quantity.kind == "reflectivity":
        scale, offset, units = 1.0, 0.0, "dBZ"
        standard_name = standard_name or "equivalent_reflectivity_factor"
    elif quantity.kind == "rate":
        (scale, offset), units = u.conversion(quantity.units, "mm h-1"), "mm h-1"
        standard_name = standard_name or "rainfall_rate"
    else:
        amount, stated = _per_interval(quantity.units)
        interval = interval or stated or _interval(described, quantity.variable)
        scale, offset = u.conversion(amount, "mm")
        scale, units = scale / (interval / timedelta(hours=1)), "mm h-1"
        standard_name = "rainfall_rate"
        attrs["comment"] = f"amount in {format_step(interval)}, as a rate"
    if (scale, offset) != (1.0, 0.0):
        old_scale, old_offset = attrs.get("scale_factor", 1.0), attrs.get("add_offset", 0.0)
        attrs |= {"scale_factor": old_scale * scale, "add_offset": old_offset * scale + offset}
        attrs = {key: value for key, value in attrs.items() if key not in _STALE}
    field = raw[quantity.variable].copy(deep=False)
    field.attrs = attrs | {"units": units, "standard_name": standard_name}
    return field


def _kind(units: str, standard_name: str | None) -> str | None:
    if u.is_reflectivity(units):
        return "reflectivity"
    amount, _ = _per_interval(units)
    if u.is_rain_rate(units):
        return "rate"
    if u.is_rain_amount(amount):
        return "amount"
    # In CF's own units, metres and m s-1, only the standard name tells rain from height and wind.
    kind = _STANDARD_NAMES.get(standard_name)
    target = {"rate": "mm h-1", "amount": "mm"}.get(kind)
    return kind if target and u.conversion(amount, target) else None


def _per_interval(units: str) -> tuple[str, timedelta | None]:
    """Splits `"mm (5 min)"` and `"mm/5min"` into units and interval."""
    match = _PER_INTERVAL.match(units)
    return (match["amount"], parse_step(match["step"])) if match else (units, None)


def _interval(dataset: xr.Dataset, variable: str) -> timedelta:
    times = dataset["time"]
    bounds = times.attrs.get("bounds", times.encoding.get("bounds"))
    if bounds in dataset:
        length = np.diff(dataset[bounds].values, axis=-1)
        interval = timedelta(seconds=float(np.median(length) / np.timedelta64(1, "s")))
    else:
        interval = time_step(np.atleast_1d(times.values))
    if not interval:
        raise DataError(
            f"Variable {variable!r} is an amount, and the file does not say in which interval it "
            "fell. step='5min' says it."
        )
    return interval


def _listed(fields: dict[str, xr.DataArray]) -> str:
    described = (f"{k!r} [{v.attrs.get('units', 'no units')}]" for k, v in fields.items())
    return ", ".join(described) or "no field of two or more dimensions"
