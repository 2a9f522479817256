"""A grid of latitudes and longitudes, as the header of a file gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from keras_wx.data.sources._grid import DEGREES


@dataclass(frozen=True)
class LatLonGrid:
    """Evenly spaced latitudes and longitudes.

    Attributes:
        shape: number of latitudes and longitudes.
        first: the first latitude and longitude in degrees.
        last: the last ones.
    """

    shape: tuple[int, int]
    first: tuple[float, float]
    last: tuple[float, float]
    dims: ClassVar = ("lat", "lon")
    attrs: ClassVar = {}

    def same_as(self, other: LatLonGrid) -> bool:
        """Whether the points are the same, but for rounding in the headers of two files."""
        return self.shape == other.shape and np.allclose(
            (*self.first, *self.last), (*other.first, *other.last), rtol=0, atol=1e-4
        )

    def coordinates(self) -> dict[str, xr.Variable]:
        """`lat` in degrees north, `lon` in degrees east from -180 to 180."""
        lat, lon = map(np.linspace, self.first, self.last, self.shape)
        return {
            "lat": xr.Variable("lat", lat, DEGREES["lat"] | {"axis": "Y"}),
            "lon": xr.Variable("lon", about_greenwich(lon), DEGREES["lon"] | {"axis": "X"}),
        }

    def __str__(self) -> str:
        return (
            f"{self.shape[0]} x {self.shape[1]} points from {self.first[0]:g} N {self.first[1]:g} E"
        )


def about_greenwich(lon: np.ndarray) -> np.ndarray:
    """Longitudes of the western hemisphere below zero."""
    return lon - 360 if lon.size and lon.min() >= 180 else lon
