"""Coordinates of grids, and the CF attributes that say what they are."""

from __future__ import annotations

import numpy as np
import xarray as xr

DEGREES = {
    "lat": {"units": "degrees_north", "standard_name": "latitude"},
    "lon": {"units": "degrees_east", "standard_name": "longitude"},
}
"""Attributes of latitude and longitude, along an axis or of every point."""


def metre_attrs(axis: str) -> dict[str, str]:
    """Attributes of the axis `"y"` or `"x"` of a map, in metres."""
    return {
        "units": "m",
        "axis": axis.upper(),
        "standard_name": f"projection_{axis}_coordinate",
    }


def metre_coordinates(
    shape: tuple[int, int], spacing_km: tuple[float, float], *, north_up: bool = False
) -> dict[str, xr.Variable]:
    """`y` and `x` in metres, symmetric about the middle of the grid.

    Args:
        shape: number of points along y and x.
        spacing_km: distance of neighbouring points along y and x in km.
        north_up: whether the first row is the northernmost, so that `y` decreases.
    """
    coordinates = {}
    for axis, size, spacing in zip("yx", shape, spacing_km, strict=True):
        values = (np.arange(size) - (size - 1) / 2) * spacing * 1000
        attrs = metre_attrs(axis) | {"long_name": "distance from the middle of the grid"}
        coordinates[axis] = xr.Variable(
            axis, values[::-1] if north_up and axis == "y" else values, attrs
        )
    return coordinates
