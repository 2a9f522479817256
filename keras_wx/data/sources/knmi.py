"""Composites of the Dutch weather radars."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import xarray as xr

from keras_wx.data.sources import _knmi_hdf5
from keras_wx.data.sources._files import PathLike
from keras_wx.data.sources._frames import find_frames, first_bytes, open_frames
from keras_wx.data.sources._hdf5 import layout
from keras_wx.data.sources._odim import open_odim
from keras_wx.data.sources.radar import radar
from keras_wx.registry import register_dataset

_ATTRS = {
    "title": "KNMI radar composite",
    "source": "Royal Netherlands Meteorological Institute (KNMI), radar composite",
    "license": "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
    "citation": (
        "Overeem, Holleman & Buishand 2009, Derivation of a 10-year radar-based climatology of "
        "rainfall, Journal of Applied Meteorology and Climatology 48, 1448-1463, "
        "doi:10.1175/2009JAMC1954.1"
    ),
}
_SUFFIXES = (".h5", ".hdf5", ".hdf", ".nc", ".nc4")


@register_dataset("knmi")
def knmi(
    path: PathLike | Iterable[PathLike],
    *,
    quantity: str | None = None,
    variable: str | None = None,
    units: str | None = None,
    step: str | timedelta | None = None,
    chunks=None,
) -> xr.Dataset:
    """Rain rate or reflectivity over the Netherlands on a grid of 1 km, every 5 minutes.

    Reads the HDF5 files of KNMI (such as `RAD_NL25_RAC_5min`, `RAD_NL25_PCP`, `RAD_NL25_RAP_5min`,
    `nl_rdr_data_rtcor_5m`, of which the rain is taken and the fields of quality are left), ODIM
    HDF5, and NetCDF or Zarr. Amounts become rates.

    Args:
        path: file, folder, pattern, or list of files in any order; several are joined along time.
        quantity: which field of ODIM files with several, such as `"DBZH"`.
        variable: which variable of NetCDF or Zarr, where several could be meant.
        units: its units, where the file says none or wrong ones, such as `"mm"`.
        step: for amounts in NetCDF or Zarr, the interval in which they fell, where the file does
            not say it.
        chunks: sizes of dask chunks of NetCDF and Zarr, as in `xarray.open_dataset`.

    Returns:
        `rain_rate` [mm h-1] or `reflectivity` [dBZ] with dims `(time, y, x)`, read when it is used;
        times are those of the end of a measurement; NaN outside of the radars' reach; `y`
        (decreasing) and `x` in metres, latitude and longitude of every point; licence and citation
        as attributes.

    Raises:
        DataError: for files that are missing, damaged, forecasts, of another layout, or do not
            belong together.

    References:
        https://dataplatform.knmi.nl
        Roozekrans & Holleman 2003, KNMI HDF5 data format specification, version 3.5.

    Example:

    ```python
    rain = keras_wx.open_dataset("knmi", path="RAD_NL25_RAC_5min_20100826*.h5")
    ```
    """
    paths = find_frames(path, _SUFFIXES)
    kind = layout(paths[0], first_bytes(paths[0]))
    if kind == "knmi":
        return open_frames(paths, _knmi_hdf5.read_header, _knmi_hdf5.read_values, _ATTRS)
    if kind == "odim":
        return open_odim(paths, quantity, _ATTRS)
    dataset = radar(paths, variable=variable, units=units, step=step, chunks=chunks)
    return dataset.assign_attrs(_ATTRS | dataset.attrs)
