"""Any radar sequence in CF NetCDF or Zarr."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import xarray as xr

from keras_wx.data.sources._axes import find_time, with_conventional_axes, with_whole_steps
from keras_wx.data.sources._files import PathLike, open_files
from keras_wx.data.sources._quantity import choose, converted
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset
from keras_wx.spec import parse_step


@register_dataset("radar")
def radar(
    path: PathLike | Iterable[PathLike],
    *,
    variable: str | None = None,
    units: str | None = None,
    step: str | timedelta | None = None,
    spacing_km: float | tuple[float, float] | None = None,
    time: str | None = None,
    chunks=None,
    engine: str | None = None,
) -> xr.Dataset:
    """Reflectivity or rain rate from any CF NetCDF file or Zarr store.

    Recognises the variable by its units, standard name and name, the axes by their CF attributes
    or names. Amounts (mm in an interval) become rates. Nothing is read but metadata: a change of
    units goes into the packing.

    Args:
        path: NetCDF file, Zarr store, folder, pattern such as `"2016*.nc"`, or list of files in any
            order; several are joined along time.
        variable: which variable, where the file has several that could be meant.
        units: the variable's units, where the file says none or wrong ones: dBZ, a rate such as
            `mm h-1` or `kg m-2 s-1`, or an amount such as `mm`.
        step: time from one frame to the next, such as `"5min"`. Times that scatter about it, by
            less than a quarter of it, are rounded to whole steps. For amounts it is the interval
            in which they fell; without it, what the file says, else the step of its times.
        spacing_km: distance of grid points, or `(along y, along x)`, for a file that has no
            coordinates or wrong ones.
        time: name of the time coordinate, where it is not recognised.
        chunks: sizes of dask chunks, as in `xarray.open_dataset`; None reads a single file without
            dask.
        engine: as in `xarray.open_dataset`; None recognises the format.

    Returns:
        `reflectivity` [dBZ] or `rain_rate` [mm h-1] with dims `(time, y, x)` and coordinates in
        metres, or `(time, lat, lon)` in degrees; missing data as NaN; the file's attributes. A file
        without coordinates gives a dataset without, unless `spacing_km` is given.

    Raises:
        DataError: for files that cannot be read, and for a variable, units or axes that are not
            recognised, naming the option that helps.

    Example:

    ```python
    radar = keras_wx.open_dataset("radar", path="yw_*.nc", step="5min", spacing_km=1)
    ```
    """
    try:
        interval = parse_step(step)
        spacing = tuple(np.broadcast_to(spacing_km, 2).tolist()) if spacing_km else None
    except ValueError as error:
        raise DataError(f"Dataset 'radar': {error}") from None

    def decode(raw: xr.Dataset) -> xr.Dataset:
        return decoded(raw, variable, units, interval=interval, spacing=spacing, time=time)

    return open_files(path, chunks=chunks, engine=engine, decode=decode)


def decoded(
    raw: xr.Dataset,
    variable: str | None = None,
    units: str | None = None,
    *,
    interval: timedelta | None = None,
    spacing: tuple[float, float] | None = None,
    time: str | None = None,
) -> xr.Dataset:
    """Physical fields on conventional axes of one undecoded file; arguments as those of `radar`."""
    described = find_time(xr.decode_cf(raw), time)
    quantity = choose(described, variable, units)
    raw = raw.assign({quantity.variable: converted(raw, described, quantity, interval)})
    dataset = find_time(xr.decode_cf(raw), time)
    return with_whole_steps(with_conventional_axes(dataset, quantity, spacing), interval)
