"""Composites of the Finnish weather radars."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr

from keras_wx.data.sources import _fmi_geotiff, _pgm
from keras_wx.data.sources._files import PathLike
from keras_wx.data.sources._frames import find_frames, first_bytes, open_frames
from keras_wx.data.sources._hdf5 import layout
from keras_wx.data.sources._odim import open_odim
from keras_wx.data.sources._projected_grid import ProjectedGrid, placed_by_size
from keras_wx.data.sources.radar import radar
from keras_wx.registry import register_dataset

_ATTRS = {
    "title": "FMI radar composite",
    "source": "Finnish Meteorological Institute, weather radar composite",
    "license": "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
    "citation": "Contains open data of the Finnish Meteorological Institute (FMI)",
}
_SUFFIXES = (".pgm", ".pgm.gz", ".tif", ".tiff", ".h5", ".hdf5", ".hdf", ".nc", ".nc4")

_SUOMI1 = ProjectedGrid.about_its_middle(
    (1226, 760),
    (-999.62859, 999.674053),
    f"+proj=stere +lat_0=90 +lat_ts=60 +lon_0=25 {_pgm.SPHERE}",
).placed(18.6, 57.93)
"""The grid of the pictures of 2016, which have been repacked without their coordinates."""


@register_dataset("fmi")
def fmi(
    path: PathLike | Iterable[PathLike], *, quantity: str | None = None, chunks=None
) -> xr.Dataset:
    """Reflectivity or rain rate over Finland on a grid of 250 m or 1 km, every 5 minutes.

    Reads composites as PGM pictures (`.pgm`, `.pgm.gz`; reflectivity is half of pixel less 64), as
    GeoTIFF under the names of the open archive (DBZ in half dB from -32 dBZ, RR in 0.01 mm/h), as
    ODIM HDF5, and in NetCDF or Zarr. A NetCDF file of 1226 x 760 points without coordinates is
    placed on the grid of the PGM pictures.

    Args:
        path: file, folder, pattern, or list of files in any order; several are joined along time.
        quantity: which field of ODIM files with several, such as `"DBZH"`.
        chunks: sizes of dask chunks of NetCDF and Zarr, as in `xarray.open_dataset`.

    Returns:
        `reflectivity` [dBZ] or `rain_rate` [mm h-1] with dims `(time, y, x)`, read when it is used;
        -32 dBZ where there is no echo, NaN outside of the radars' reach; `y` (decreasing) and `x`
        in metres; latitude and longitude of every point, but not for GeoTIFF, which is in
        ETRS-TM35FIN; licence and citation as attributes.

    Raises:
        DataError: for files that are missing, damaged, of another layout, or do not belong
            together; for a cut-out without coordinates.

    References:
        https://en.ilmatieteenlaitos.fi/open-data
        https://en.ilmatieteenlaitos.fi/radar-data-on-aws-s3

    Example:

    ```python
    radar = keras_wx.open_dataset("fmi", path="201609281*_FIN_SUOMI1.pgm.gz")
    ```
    """
    paths = find_frames(path, _SUFFIXES)
    head = first_bytes(paths[0])
    if _pgm.is_pgm(head):
        return open_frames(paths, _pgm.read_header, _pgm.read_values, _ATTRS)
    if _fmi_geotiff.is_tiff(head):
        readers = _fmi_geotiff.read_header, _fmi_geotiff.read_values
        return open_frames(paths, *readers, _ATTRS)
    if layout(paths[0], head) == "odim":
        return open_odim(paths, quantity, _ATTRS)
    dataset = placed_by_size(radar(paths, chunks=chunks), {_SUOMI1.shape: _SUOMI1})
    return dataset.assign_attrs(_ATTRS | dataset.attrs)
