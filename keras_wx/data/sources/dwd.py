"""Composites of the German weather radars."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr

from keras_wx.data.sources import _radolan
from keras_wx.data.sources._files import PathLike
from keras_wx.data.sources._frames import find_frames, first_bytes, open_frames
from keras_wx.data.sources._hdf5 import layout
from keras_wx.data.sources._odim import open_odim
from keras_wx.data.sources._projected_grid import placed_by_size
from keras_wx.data.sources.radar import radar
from keras_wx.registry import register_dataset

_ATTRS = {
    "title": "DWD radar composite",
    "source": "Deutscher Wetterdienst, radar composite",
    "license": "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
    "citation": "Source: Deutscher Wetterdienst",
}
_SUFFIXES = (
    *("-bin", "-bin.gz", "-bin.bz2", "_000", "_000.bz2"),
    *("-hd5", ".hd5", ".h5", ".hdf5", ".nc", ".nc4"),
)


@register_dataset("dwd")
def dwd(
    path: PathLike | Iterable[PathLike],
    *,
    quantity: str | None = None,
    variable: str | None = None,
    chunks=None,
) -> xr.Dataset:
    """Rain rate or reflectivity over Germany on a grid of 1 km, every 5 minutes or hour.

    Reads the binary composites of RADOLAN and RADVOR (RY, RW, YW, RX, WX, WN, SF and others; packed
    with gzip or bzip2 or not, out of their tar archives), ODIM HDF5, and NetCDF or Zarr. Amounts
    become rates. A NetCDF file without coordinates is placed on the RADOLAN grid of its size, its
    first row the southernmost.

    Args:
        path: file, folder, pattern, or list of files in any order; several are joined along time.
        quantity: which field of ODIM files with several, such as `"DBZH"`.
        variable: which variable of NetCDF or Zarr, where several could be meant.
        chunks: sizes of dask chunks of NetCDF and Zarr, as in `xarray.open_dataset`.

    Returns:
        `rain_rate` [mm h-1] or `reflectivity` [dBZ] with dims `(time, y, x)`, read when it is used;
        times are those of the end of a measurement; NaN for no data and clutter; `y` and `x` in
        metres, increasing in the binary files and decreasing in ODIM; latitude and longitude of
        every point; licence and citation as attributes.

    Raises:
        DataError: for files that are missing, damaged, forecasts, of another product or size, or
            do not belong together; for a cut-out without coordinates.

    References:
        https://opendata.dwd.de/weather/radar
        https://opendata.dwd.de/climate_environment/CDC/grids_germany
        Deutscher Wetterdienst, RADOLAN/RADVOR: Hoch aufgelöste Niederschlagsanalyse und -vorhersage
        auf der Basis quantitativer Radar- und Ombrometerdaten, Beschreibung des Kompositformats.

    Example:

    ```python
    rain = keras_wx.open_dataset("dwd", path="raa01-yw_10000-1708160*-dwd---bin.gz")
    ```
    """
    paths = find_frames(path, _SUFFIXES)
    head = first_bytes(paths[0])
    if _radolan.is_radolan(head):
        return open_frames(paths, _radolan.read_header, _radolan.read_values, _ATTRS)
    if layout(paths[0], head) == "odim":
        return open_odim(paths, quantity, _ATTRS)
    dataset = radar(paths, variable=variable, chunks=chunks)
    dataset = placed_by_size(dataset, _radolan.GRIDS)
    return dataset.assign_attrs(_ATTRS | dataset.attrs)
