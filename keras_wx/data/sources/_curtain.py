"""What curtains of all sources share: names, units, attributes."""

from __future__ import annotations

import numpy as np
import xarray as xr

DBZ = {
    "units": "dBZ",
    "standard_name": "equivalent_reflectivity_factor",
    "long_name": "radar reflectivity",
}
STATE = {
    "temperature": {"units": "K", "standard_name": "air_temperature"},
    "specific_humidity": {"units": "kg kg-1", "standard_name": "specific_humidity"},
    "eastward_wind": {"units": "m s-1", "standard_name": "eastward_wind"},
    "northward_wind": {"units": "m s-1", "standard_name": "northward_wind"},
}
"""State variables of a curtain, in this order, and what they are."""
TOP = {"units": "m", "long_name": "height above the surface up to which the radar is blind"}
NO_ECHO = -60.0
"""dBZ of gates where the radar looked and saw nothing: not missing."""


def height_coordinate(metres: np.ndarray) -> xr.Variable:
    """The coordinate `height` from metres above the surface."""
    attrs = {"units": "m", "standard_name": "height", "positive": "up", "axis": "Z"}
    return xr.Variable("height", np.asarray(metres, float), attrs)
