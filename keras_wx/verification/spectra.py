"""Radially averaged power spectra: is a forecast as sharp as the truth, or is it blurred?"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy.fft
import scipy.sparse
import xarray as xr

from keras_wx.errors import DataError
from keras_wx.verification.description import described
from keras_wx.verification.pairs import FORECAST_DIMS, kept_dims, match
from keras_wx.verification.pooling import pool


def spectra(
    forecast: xr.Dataset,
    truth: xr.Dataset,
    *,
    variable: str | None = None,
    floor: float | None = None,
    preserve_dims: str | Iterable[str] = ("lead_time",),
) -> xr.Dataset:
    """Mean power spectra of forecast frames and of what was observed at their times.

    The power spectral density `|FFT|^2 / (number of pixels)` of each frame is averaged over rings
    of equal wavenumber, then over frames. A frame without truth, or without a forecast, is left
    out. The edges are not tapered.

    Args:
        forecast: what `keras_wx.predict` returns: one variable with dims `(init_time, lead_time,
            y, x)` and possibly `realization`.
        truth: the same variable with dims `(time, y, x)`, in the same units, on the same grid;
            its rows and columns may run the other way, where its coordinates say so.
        variable: which one, if the forecast has several.
        floor: values below it, on either side, count as it; and a pixel missing on either side is
            it on both.
        preserve_dims: the dims that the spectra keep, of "lead_time", "init_time" and
            "realization". The others are averaged over.

    Returns:
        A Dataset with dims `preserve_dims` and `wavenumber`, from 1 to below the Nyquist wavenumber
        of the coarser direction: waves over the longer side of the grid; with the coordinate
        `wavelength` in km, in grid points where the grid has no distances:

        * `forecast_power`, of an ensemble the mean of its members' spectra: that of a forecast
          which is as sharp as the truth equals `truth_power`;
        * `truth_power`, of the same frames;
        * `ensemble_mean_power` of the mean of two or more members, which is smoother than each;
        * `n_forecasts`, the number of frames.

        `pool`, `interval` and `difference` take it as they take the scores of `verify`.

    Raises:
        DataError: what `verify` raises; missing pixels without a floor.

    References:
        Ruzanski and Chandrasekar (2011), J. Appl. Meteorol. Climatol. 50, 2296-2308.
        On a square grid the power equals that of `pysteps.utils.spectral.rapsd`; on others the
        rings here are of equal wavelength.

    Example:

    >>> power = keras_wx.verification.spectra(forecast, radar, floor=0)
    >>> (power.forecast_power / power.truth_power).sel(wavenumber=slice(8, None))
    """
    keep = kept_dims(preserve_dims)
    pairs = match(forecast, truth, variable, floor)
    rings = Rings(tuple(pairs.forecast.sizes[dim] for dim in pairs.grid), pairs.spacing_km)

    def spectrum(field: xr.DataArray) -> xr.DataArray:
        return xr.apply_ufunc(
            rings.mean_power,
            field,
            input_core_dims=[pairs.grid],
            output_core_dims=[["wavenumber"]],
        )

    def of_frames(predicted: xr.DataArray, observed: xr.DataArray) -> xr.Dataset:
        missing = predicted.isnull().any("realization") | observed.isnull()
        there = ~missing.all(pairs.grid)
        if floor is None and bool((missing & there).any()):
            raise DataError(
                "A spectrum needs every pixel. Received: missing ones, and floor=None. "
                "floor=0, for instance, fills them with 0 in forecast and truth."
            )
        fill = 0 if floor is None else floor
        predicted, observed = (field.where(~missing, fill) for field in (predicted, observed))
        members = spectrum(predicted)
        found = xr.Dataset({"truth_power": spectrum(observed), "n_forecasts": there.astype(int)})
        if "realization" in keep:
            return found.assign(forecast_power=members)
        if predicted.sizes["realization"] > 1:
            found["ensemble_mean_power"] = spectrum(predicted.mean("realization"))
        return found.assign(forecast_power=members.mean("realization"))

    frames = pairs.map(of_frames)
    power = pool(frames, [dim for dim in FORECAST_DIMS if dim in frames.dims and dim not in keep])
    power = power.assign_coords(
        wavenumber=("wavenumber", rings.numbers, {"long_name": "waves over the longer side"}),
        wavelength=("wavenumber", rings.wavelengths, {"units": rings.units}),
    )
    units = pairs.forecast.attrs["units"]
    return described(power, units, forecast, truth, str(pairs.forecast.name))


class Rings:
    """Rings of equal wavenumber in the Fourier transform of a grid.

    Args:
        shape: of the grid.
        spacing_km: of its points, along both directions; None counts in grid points.
    """

    def __init__(self, shape: tuple[int, int], spacing_km: tuple[float, float] | None):
        self.units = "1" if spacing_km is None else "km"
        dy, dx = spacing_km or (1.0, 1.0)
        length = max(shape[0] * dy, shape[1] * dx)
        frequency = np.hypot(
            scipy.fft.fftfreq(shape[0], dy)[:, None], scipy.fft.rfftfreq(shape[1], dx)
        )
        ring = np.rint(length * frequency).astype(int)
        nyquist = np.round(length / (2 * max(dy, dx)), 6)  # rounding does not add a ring
        self.numbers = np.arange(1, int(np.ceil(nyquist)))
        self.wavelengths = length / self.numbers

        # The real transform leaves out the columns that are conjugates of others: all but the
        # first and, of an even number, the last.
        weight = np.full(ring.shape, 2.0)
        weight[:, [0, -1] if shape[1] % 2 == 0 else [0]] = 1
        inside = (ring >= 1) & (ring < len(self.numbers) + 1)
        where = np.flatnonzero(inside)
        self._sums = scipy.sparse.csr_array(
            (weight[inside], (ring[inside] - 1, where)), shape=(len(self.numbers), ring.size)
        )
        self._counts = self._sums.sum(axis=1)
        self._pixels = shape[0] * shape[1]

    def mean_power(self, fields: np.ndarray) -> np.ndarray:
        """`(..., y, x)` -> `(..., wavenumber)`."""
        power = np.abs(scipy.fft.rfft2(fields)) ** 2 / self._pixels
        power = power.reshape(-1, self._sums.shape[1])
        means = (self._sums @ power.T).T / self._counts
        return means.reshape(*fields.shape[:-2], -1)
