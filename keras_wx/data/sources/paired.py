"""Any two datasets of the same weather on different grids."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr

from keras_wx.data.sources._elevation import Elevation, with_elevation
from keras_wx.data.sources._files import PathLike, open_files
from keras_wx.data.sources._pair import (
    STANDARD,
    checked,
    conventional,
    joined,
    refuse_calendars,
)
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset

Source = PathLike | Iterable[PathLike] | xr.Dataset | xr.DataArray


@register_dataset("paired")
def paired(
    fine: Source,
    coarse: Source | None = None,
    *,
    fine_variables: Iterable[str] | None = None,
    coarse_variables: Iterable[str] | None = None,
    elevation: Elevation | None = None,
    area: str | None = None,
    beyond_fine: bool = False,
    convert_units: bool = False,
    chunks=None,
) -> xr.Dataset:
    """Fine and coarse fields of the same times as one dataset, to learn downscaling from.

    Each grid keeps its own points: a sample says how coarse fields are interpolated. Latitudes may
    ascend in one and descend in the other, and longitudes be counted from 0 or from -180. Days
    match by their date.

    Args:
        fine: NetCDF files or Zarr store in the CF conventions, as a path, pattern or list; or a
            dataset.
        coarse: the same; it has to cover the fine grid. None where `fine` holds both already, as
            `pair.to_netcdf(...)` has written them.
        fine_variables, coarse_variables: names of those that are kept; None takes all fields.
        elevation: file or field of terrain, which becomes `elevation` [m] on the fine grid.
        area: name of the area, for statistics that are by area.
        beyond_fine: keep the times that only the coarse fields have, to reconstruct them.
        convert_units: bring coarse variables to the units of the fine ones of the same name.
        chunks: sizes of dask chunks, as in `xarray.open_dataset`.

    Returns:
        Fine variables with dims `(time, lat, lon)` or `(time, y, x)`; coarse ones with dims
        `(time, coarse_lat, coarse_lon)` or `(time, coarse_y, coarse_x)`, and `coarse_` in front of
        names that the fine data have too.

    Raises:
        DataError: for a coarse grid that does not cover the fine one, calendars, steps or units
            that differ, and no time in common.

    Example:

    ```python
    pair = keras_wx.open_dataset("paired", fine="cosmo_*.nc", coarse="era5_*.nc", area="alps")
    ```
    """
    if coarse is None:
        for name, value in (
            ("fine_variables", fine_variables),
            ("coarse_variables", coarse_variables),
            ("beyond_fine", beyond_fine or None),
            ("convert_units", convert_units or None),
        ):
            if value is not None:
                raise DataError(f"{name}: expected none without coarse=. Received: {value!r}")
        pair = checked(_opened("fine", fine, chunks))
        if area is not None:
            pair.attrs["area"] = area
        return with_elevation(pair, elevation)
    raw = {
        "fine": _opened("fine", fine, chunks),
        "coarse": _opened("coarse", coarse, chunks),
    }
    refuse_calendars(raw["fine"], raw["coarse"])
    chosen = {"fine": fine_variables, "coarse": coarse_variables}
    parts = {}
    for name, dataset in raw.items():
        try:
            parts[name] = conventional(dataset, chosen[name])
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
    pair = joined(
        parts["fine"],
        parts["coarse"],
        beyond_fine=beyond_fine,
        convert_units=convert_units,
    )
    if area is not None:
        pair.attrs["area"] = area
    return with_elevation(pair, elevation)


def _opened(name: str, source: Source, chunks) -> xr.Dataset:
    if isinstance(source, xr.DataArray):
        if source.name is None:
            raise DataError(f"{name}: expected a field with a name, such as field.rename('air').")
        source = source.to_dataset()
    if isinstance(source, xr.Dataset):
        return _with_datetimes(source)
    try:
        return open_files(source, chunks=chunks)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error


def _with_datetimes(dataset: xr.Dataset) -> xr.Dataset:
    """Dates that were decoded as cftime, though their calendar is the usual one, as datetime64."""
    for dim, index in dataset.indexes.items():
        if isinstance(index, xr.CFTimeIndex) and index.calendar in STANDARD:
            dataset = dataset.assign_coords({dim: index.to_datetimeindex(time_unit="ns")})
    return dataset
