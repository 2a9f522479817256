"""The fractions skill score: are there as many events nearby, if not at the very pixel?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy.ndimage import uniform_filter

from keras_wx.errors import DataError
from keras_wx.verification.pairs import Pairs


def check_scales(scales: Sequence[int] | int, pairs: Pairs) -> xr.DataArray:
    """The sides of the neighbourhoods, increasing, as the coordinate of the scores.

    Raises:
        DataError: for sides that are no whole numbers from 1 to the longer side of the grid.
    """
    longest = max(pairs.forecast.sizes[dim] for dim in pairs.grid)
    sides = np.unique(np.asarray(scales))
    whole = np.issubdtype(sides.dtype, np.integer)
    if not whole or sides.size == 0 or sides[0] < 1 or sides[-1] > longest:
        raise DataError(
            "scales: expected sides of neighbourhoods in grid points, whole numbers from 1 to "
            f"{longest}. Received: {scales!r}"
        )
    coordinate = xr.DataArray(
        sides,
        dims="scale",
        name="scale",
        attrs={"units": "1", "long_name": "side of the neighbourhood in grid points"},
    ).assign_coords(scale=sides)
    if pairs.spacing_km is not None:
        dy, dx = pairs.spacing_km
        kilometres = ("scale", sides * np.sqrt(dy * dx), {"units": "km"})
        coordinate = coordinate.assign_coords(scale_km=kilometres)
    return coordinate


def fss_parts(
    predicted: xr.DataArray, observed: xr.DataArray, grid: tuple[str, str], scales: xr.DataArray
) -> xr.Dataset:
    """What the fractions skill score of any set of frames follows from.

    Args:
        predicted: whether there is an event; dims `init_time, lead_time` and others, and the grid.
        observed: the same of the truth.
        grid: the two dims of the grid.
        scales: sides of the neighbourhoods, see `check_scales`.

    Returns:
        `fss_error`, the sum over the grid of `(F - O)^2`, and `fss_reference`, that of
        `F^2 + O^2`, where F and O are the shares of events in the neighbourhood.

    References:
        Roberts and Lean (2008), Mon. Wea. Rev. 136, 78-97, equations 5 to 7.
    """
    parts = []
    for side in scales.values:
        forecast, truth = (
            uniform_filter(
                events.values.astype(float),
                size=side,
                axes=events.get_axis_num(grid),
                mode="constant",
            )
            for events in (predicted, observed)
        )
        error = predicted.copy(data=(forecast - truth) ** 2).sum(grid)
        reference = predicted.copy(data=forecast**2 + truth**2).sum(grid)
        parts.append(xr.Dataset({"fss_error": error, "fss_reference": reference}))
    return xr.concat(parts, scales)
