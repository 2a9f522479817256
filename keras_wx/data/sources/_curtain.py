"""What curtains of all sources share: names, units, attributes."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.data.geometry import EARTH_RADIUS_KM

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


def nearest_gates(
    highest: np.ndarray, spacing: np.ndarray, heights: np.ndarray, gates: int
) -> np.ndarray:
    """Which gate of a profile from the top down is nearest to each height.

    Args:
        highest: height of the first gate of each profile, shape `(time,)`, in metres above the
            surface.
        spacing: distance of its gates, shape `(time,)`.
        heights: rows that are wanted, shape `(height,)`.
        gates: number of gates of a profile.

    Returns:
        Numbers of gates, shape `(time, height)`; -1 where the nearest is farther away than half of
        the spacing.
    """
    found = np.rint((highest[:, None] - heights) / spacing[:, None]).astype(int)
    return np.where((found >= 0) & (found < gates), found, -1)


def at_gates(profiles: np.ndarray, gates: np.ndarray) -> np.ndarray:
    """Values of profiles `(time, gate)` at the gates of `nearest_gates`, NaN where none is."""
    values = np.take_along_axis(profiles, np.maximum(gates, 0), axis=1)
    return np.where(gates < 0, np.nan, values)


def along_track_km(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Distance in km of each profile from the first, along the great circles between them."""
    phi, lam = np.deg2rad(lat), np.deg2rad(lon)
    half = (
        np.sin(np.diff(phi) / 2) ** 2
        + np.cos(phi[1:]) * np.cos(phi[:-1]) * np.sin(np.diff(lam) / 2) ** 2
    )
    return np.concatenate([[0.0], np.cumsum(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(half)))])
