"""Any curtain in CF NetCDF or Zarr."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import xarray as xr

from keras_wx.data.sources._axes import with_whole_steps
from keras_wx.data.sources._curtain import STATE
from keras_wx.data.sources._files import PathLike, open_files
from keras_wx.data.units import is_reflectivity
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset
from keras_wx.spec import format_step, parse_step


@register_dataset("curtain")
def curtain(
    path: PathLike | Iterable[PathLike],
    *,
    variable: str | None = None,
    units: str | None = None,
    step: str | timedelta | None = None,
    chunks=None,
    engine: str | None = None,
) -> xr.Dataset:
    """Height-time curtains of a radar from any CF NetCDF file or Zarr store.

    Recognises reflectivity by its name or units, and the state of the air by its names or standard
    names. A variable `blind_zone_top (time)` in metres, where there is one, says how deep each
    column is blind.

    Args:
        path: NetCDF file, Zarr store, folder, pattern such as `"2017*.nc"`, or list of files in any
            order; several are joined along time.
        variable: the reflectivity, where the file has several that could be meant.
        units: its units, where the file says none or wrong ones.
        step: time from one column to the next, such as `"4s"`. Times that scatter about it, by less
            than a quarter of it, are rounded to whole steps: windows have no jumps in time.
        chunks: sizes of dask chunks, as in `xarray.open_dataset`; None reads a single file without
            dask.
        engine: as in `xarray.open_dataset`; None recognises the format.

    Returns:
        `reflectivity` and, where the files have them, `temperature`, `specific_humidity`,
        `eastward_wind`, `northward_wind` and `blind_zone_top`; other curtains keep their names.
        Dims `time` and `height` in the order of the file.

    Raises:
        DataError: for files that cannot be read or hold no curtain.

    Example:

    ```python
    curtain = keras_wx.open_dataset("curtain", path="kazr_2017*.nc")
    ```
    """

    try:
        interval = parse_step(step)
    except ValueError as error:
        raise DataError(f"Dataset 'curtain': {error}") from None

    def decode(raw: xr.Dataset) -> xr.Dataset:
        return _named(xr.decode_cf(raw), variable, units)

    joined = open_files(path, chunks=chunks, engine=engine, decode=decode)
    rounded = with_whole_steps(joined, interval)
    _warn_of_scatter(rounded["time"].values, interval)
    return rounded


def _warn_of_scatter(times: np.ndarray, step: timedelta | None) -> None:
    """Says of times that could not be rounded which one forbade it."""
    if step is None or len(times) < 2:
        return
    length = np.timedelta64(step).astype("m8[ns]")
    late = (times - times[0]).astype("m8[ns]") % length
    beside = np.minimum(late, length - late) / np.timedelta64(1, "s")
    if beside.any():
        worst = int(beside.argmax())
        warnings.warn(
            f"step={format_step(step)!r} rounds no times: that at {times[worst]:.23} is "
            f"{beside[worst]:.3g} s beside whole steps from the first on, and the most is a "
            "quarter of the step. dataset.isel(time=...) without it, or another step, helps.",
            stacklevel=3,
        )


def _named(dataset: xr.Dataset, variable: str | None, units: str | None) -> xr.Dataset:
    fields = {
        name: field for name, field in dataset.items() if set(field.dims) == {"time", "height"}
    }
    dbz = [name for name in fields if is_reflectivity(str(fields[name].attrs.get("units", "")))]
    if variable is None and "reflectivity" in fields:
        variable = "reflectivity"
    elif variable is None and len(dbz) == 1:
        (variable,) = dbz
    if variable not in fields:
        found = {name: field.dims for name, field in dataset.items()}
        what = "a reflectivity" if variable is None else f"the variable {variable!r}"
        if variable is None and dbz:
            raise DataError(
                f"Several variables could be the reflectivity: {dbz}. variable= names one."
            )
        raise DataError(
            f"Expected {what} with the dimensions time and height. Received: {found}. "
            "variable= names it, and dataset.rename({'old': 'height'}) a dimension."
        )
    names = {variable: "reflectivity"}
    for name, attrs in STATE.items():
        known = [
            key
            for key, field in fields.items()
            if field.attrs.get("standard_name") == attrs["standard_name"]
        ]
        if name not in fields and len(known) == 1:
            names[known[0]] = name
    beside = [name for name in ("blind_zone_top",) if name in dataset]
    chosen = dataset[[*fields, *beside]].rename(names)
    if units is not None:
        chosen["reflectivity"].attrs["units"] = units
    return chosen
