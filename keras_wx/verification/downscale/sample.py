"""A seeded sample of pixels, whose series in time say what sums over frames cannot."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from keras_wx.data.geometry import EARTH_RADIUS_KM, is_geographic, unit_km
from keras_wx.verification.pairs import FORECAST_DIMS, Pairs

NUMBERS = 16_000_000
"""Values of all members at all times that a sample may have, unless its points are so few."""
LEAST_POINTS = 400


@dataclass(frozen=True)
class Places:
    """The pixels of a sample.

    Attributes:
        index: of each in the flattened grid, `(point,)`.
        area: number of the area of each, `(point,)`.
        position: latitude and longitude in degrees, or y and x in `units`: `(2, point)`.
        geographic: whether they are degrees.
        units: of distances between them, km or, without coordinates, "1" for grid points.
        extent: the largest distance on the grid.
    """

    index: np.ndarray
    area: np.ndarray
    position: np.ndarray
    geographic: bool
    units: str
    extent: float


def draw_places(pairs: Pairs, masks: np.ndarray | None, seed: int) -> Places:
    """Draws pixels without replacement, as many of each area; all of a small grid."""
    field, grid = pairs.forecast, pairs.grid
    shape = tuple(field.sizes[dim] for dim in grid)
    frames = field.size // (shape[0] * shape[1])
    most = max(LEAST_POINTS, NUMBERS // frames)
    rng = np.random.default_rng(seed)
    inside = np.ones((1, *shape), bool) if masks is None else masks
    index, area = [], []
    for number, mask in enumerate(inside):
        pixels = rng.permutation(np.flatnonzero(mask))[: max(LEAST_POINTS, most // len(inside))]
        index.append(pixels)
        area.append(np.full(pixels.size, number))
    index, area = np.concatenate(index), np.concatenate(area)

    along, geographic, units = _coordinates(field, grid)
    rows, columns = np.unravel_index(index, shape)
    position = np.stack([along[0][rows], along[1][columns]])
    corners = [np.array([ends[0], ends[-1]]) for ends in along]
    return Places(index, area, position, geographic, units, _distance(*corners, geographic))


@dataclass(frozen=True)
class Sample:
    """The series of forecast and truth at some places, NaN where either is missing.

    Attributes:
        forecast: `(realization, time, point)`.
        truth: `(time, point)`.
        places: where the points are.
        frames: which of the times count; the others are there for lags that reach back to them.
    """

    forecast: np.ndarray
    truth: np.ndarray
    places: Places
    frames: np.ndarray

    def of_area(self, number: int) -> Sample:
        here = self.places.area == number
        if here.all():  # no copy of the only one
            return self
        places = replace(
            self.places,
            index=self.places.index[here],
            area=self.places.area[here],
            position=self.places.position[:, here],
        )
        return replace(
            self, forecast=self.forecast[..., here], truth=self.truth[:, here], places=places
        )


def read_places(members: xr.DataArray, truth: xr.DataArray, places: Places) -> xr.Dataset:
    """What frames have at these places, to be joined in a `Sample`."""
    x = members.values.reshape(*members.shape[:3], -1)[..., places.index]
    y = truth.values.reshape(*truth.shape[:2], -1)[..., places.index]
    missing = np.isnan(y) | np.isnan(x).any(axis=0)
    return xr.Dataset(
        {
            "forecast_sample": ((*FORECAST_DIMS, "point"), np.where(missing, np.nan, x)),
            "truth_sample": ((*FORECAST_DIMS[1:], "point"), np.where(missing, np.nan, y)),
        }
    )


def _coordinates(field: xr.DataArray, grid: tuple[str, str]) -> tuple[list[np.ndarray], bool, str]:
    if any(dim not in field.coords for dim in grid):
        return [np.arange(field.sizes[dim], dtype=float) for dim in grid], False, "1"
    values = [field[dim].values.astype(float) for dim in grid]
    if is_geographic(field, grid[0]):
        return values, True, "km"
    return [v * unit_km(field[dim]) for v, dim in zip(values, grid, strict=True)], False, "km"


def _distance(y: np.ndarray, x: np.ndarray, geographic: bool) -> float:
    """Between two points."""
    if not geographic:
        return float(np.hypot(np.diff(y), np.diff(x))[0])
    lat, lon = np.deg2rad(y), np.deg2rad(x)
    half = np.sin(np.diff(lat) / 2) ** 2 + np.prod(np.cos(lat)) * np.sin(np.diff(lon) / 2) ** 2
    return float(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1)))[0])
