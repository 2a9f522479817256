"""The grid of a composite in a map projection, as its file or its documentation gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import xarray as xr

from keras_wx.data.sources._grid import DEGREES, metre_attrs
from keras_wx.data.sources._stereographic import PolarStereographic
from keras_wx.errors import DataError


@dataclass(frozen=True)
class ProjectedGrid:
    """Evenly spaced points in a map projection.

    Attributes:
        shape: rows and columns.
        first: `y` and `x` of the corner where the first row and the first column begin, in metres.
        step: metres from one row to the next, negative where the first row is the northernmost, and
            from one column to the next.
        projection: PROJ string.
    """

    shape: tuple[int, int]
    first: tuple[float, float]
    step: tuple[float, float]
    projection: str
    dims: ClassVar = ("y", "x")

    @classmethod
    def about_its_middle(
        cls, shape: tuple[int, int], step: tuple[float, float], projection: str
    ) -> ProjectedGrid:
        """A grid of which only the size is known: `y` and `x` count from its middle."""
        first = tuple(-size * length / 2 for size, length in zip(shape, step, strict=True))
        return cls(shape, first, step, projection)

    @property
    def attrs(self) -> dict[str, str]:
        return {"projection": self.projection}

    def same_as(self, other: ProjectedGrid) -> bool:
        """Whether the points are the same, but for rounding in the headers of two files."""
        slack = 0.01 * abs(self.step[0])
        return (
            self.shape == other.shape
            and np.allclose(self.first, other.first, rtol=0, atol=slack)
            and np.allclose(self.step, other.step, rtol=1e-4)
        )

    def coordinates(self) -> dict[str, xr.Variable]:
        """`y` and `x` in metres; latitude and longitude too for a polar stereographic grid."""
        coordinates = {}
        for axis, size, first, step in zip("yx", self.shape, self.first, self.step, strict=True):
            values = first + (np.arange(size) + 0.5) * step
            coordinates[axis] = xr.Variable(axis, values, metre_attrs(axis))
        projection = PolarStereographic.parse(self.projection)
        if projection is not None:
            y, x = np.meshgrid(coordinates["y"].values, coordinates["x"].values, indexing="ij")
            lon, lat = projection.inverse(x, y)
            for name, values in (("lat", lat), ("lon", lon)):
                coordinates[name] = xr.Variable(("y", "x"), values.astype("float32"), DEGREES[name])
        return coordinates

    def placed(self, lon: float, lat: float) -> ProjectedGrid:
        """The grid with the lower left corner at a place; unchanged in other projections."""
        projection = PolarStereographic.parse(self.projection)
        if projection is None:
            return self
        x, y = map(float, projection.forward(lon, lat))
        dy = self.step[0]
        return replace(self, first=(y - self.shape[0] * dy if dy < 0 else y, x))

    def __str__(self) -> str:
        (rows, columns), (y, x) = self.shape, self.first
        return f"{rows} x {columns} points from {y:.0f}, {x:.0f} m (y, x)"


def placed_by_size(
    dataset: xr.Dataset, grids: Mapping[tuple[int, int], ProjectedGrid]
) -> xr.Dataset:
    """A whole composite without coordinates, on the grid that its size tells; others as they are.

    Args:
        dataset: with dims `(time, y, x)`.
        grids: rows and columns -> grid.

    Raises:
        DataError: for a cut-out without coordinates: where it lies, nothing tells.
    """
    if "y" not in dataset.dims or "y" in dataset.coords:
        return dataset
    shape = dataset.sizes["y"], dataset.sizes["x"]
    if shape not in grids:
        known = ", ".join(f"{rows} x {columns}" for rows, columns in grids)
        raise DataError(
            f"Expected coordinates, or a whole composite of {known} points (rows x columns). "
            f"Received: {shape[0]} x {shape[1]} points without coordinates. open_dataset('radar', "
            "path=..., spacing_km=1) reads a cut-out of which only the spacing is known."
        )
    return dataset.assign_coords(grids[shape].coordinates()).assign_attrs(grids[shape].attrs)
