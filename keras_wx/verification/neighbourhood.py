"""The fractions skill score: are there as many events nearby, if not at the very pixel?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy.ndimage import uniform_filter

from keras_wx.errors import DataError
from keras_wx.verification.pairs import Pairs

_PIXELS_IN_CACHE = 2**16
"""Pixels that are filtered at a time: several times faster than what does not fit a CPU's cache."""


def check_scales(scales: Sequence[int] | int, pairs: Pairs) -> xr.DataArray:
    """The sides of the neighbourhoods, increasing, with the coordinates that scores have.

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
    points = {"units": "1", "long_name": "side of the neighbourhood in grid points"}
    coords = {"scale": ("scale", sides, points)}
    if pairs.spacing_km is not None:
        dy, dx = pairs.spacing_km
        kilometres = {"units": "km", "long_name": "side of the neighbourhood"}
        coords["scale_km"] = ("scale", sides * np.sqrt(dy * dx), kilometres)
    return xr.DataArray(sides, coords, dims="scale", name="scale")


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
        error, reference = xr.apply_ufunc(
            _sums,
            predicted,
            observed,
            input_core_dims=[grid, grid],
            output_core_dims=[(), ()],
            kwargs={"side": side},
        )
        parts.append(xr.Dataset({"fss_error": error, "fss_reference": reference}))
    return xr.concat(parts, scales)


def _sums(predicted: np.ndarray, observed: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    shape, frames = predicted.shape[:-2], int(np.prod(predicted.shape[:-2]))
    predicted, observed = (a.reshape(frames, *a.shape[-2:]) for a in (predicted, observed))
    error, reference = np.empty((2, frames))
    size = max(1, _PIXELS_IN_CACHE * frames // predicted.size)
    for some in (slice(start, start + size) for start in range(0, frames, size)):
        forecast, truth = (
            uniform_filter(events[some].astype(float), side, mode="constant", axes=(1, 2))
            for events in (predicted, observed)
        )
        error[some] = _squares(forecast - truth)
        reference[some] = _squares(forecast) + _squares(truth)
    return error.reshape(shape), reference.reshape(shape)


def _squares(field: np.ndarray) -> np.ndarray:
    return np.einsum("fyx,fyx->f", field, field)
