"""TAASRAD19: a C-band radar in the Italian Alps."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr

from keras_wx.data.sources._files import PathLike, open_files
from keras_wx.data.sources._grid import metre_coordinates
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset

_EXTENT_KM = 240.0

# By whole months, so that no rain event is in two parts: 31 July is left out, and nothing was
# recorded from 31 August to 3 September. Of the frames with more than 5 % of the area above
# 7.4 dBZ, these parts hold 74 %, 9 % and 15 %; November to January alone, which are dry, 4 %.
_SPLITS = {
    "split_train": "2015-10-01T00:00/2016-07-30T23:59",
    "split_val": "2016-08-01T00:00/2016-08-31T23:59",
    "split_test": "2016-09-01T00:00/2017-01-31T23:59",
}


@register_dataset("taasrad19")
def taasrad19(path: PathLike | Iterable[PathLike], *, chunks=None) -> xr.Dataset:
    """Maximum reflectivity in the column over Trentino, 240 km x 240 km, every 5 minutes.

    Reads the archive after it was resized to square frames in NetCDF. No value is missing: 0 dBZ is
    no echo, or outside the radar's circle. The time jumps between rain events, and now and then
    inside one. The standard splits are those of October 2015 to January 2017.

    Args:
        path: NetCDF file, folder, pattern, or list of files.
        chunks: sizes of dask chunks, as in `xarray.open_dataset`; None reads without dask.

    Returns:
        `reflectivity` [dBZ], dims `(time, y, x)`, read when it is used; `y` (decreasing) and `x` in
        metres from the radar; splits as attributes.

    Raises:
        DataError: for a file that is missing, damaged or of another layout.

    References:
        Franch et al. 2020, TAASRAD19, a high-resolution weather radar reflectivity dataset for
        precipitation nowcasting, Scientific Data 7, 234, doi:10.1038/s41597-020-0574-8.

    Example:

    ```python
    radar = keras_wx.open_dataset("taasrad19", path="taasrad19_64x64.nc")
    ```
    """
    dataset = open_files(path, chunks=chunks)
    if "reflectivity" not in dataset or dataset["reflectivity"].dims != ("time", "y", "x"):
        found = {name: field.dims for name, field in dataset.data_vars.items()}
        raise DataError(
            "Expected TAASRAD19 frames: variable 'reflectivity' with dims ('time', 'y', 'x'). "
            f"Received {found}. open_dataset('radar', path=...) reads other files."
        )
    field = dataset["reflectivity"].assign_attrs(
        units="dBZ",
        standard_name="equivalent_reflectivity_factor",
        long_name="maximum reflectivity in the column",
        comment="0 dBZ: no echo, or outside the radar circle",
    )
    shape = field.shape[1:]
    spacing = tuple(_EXTENT_KM / size for size in shape)
    return xr.Dataset(
        {"reflectivity": field},
        # The archive was made of ASCII grids, which list the northernmost row first.
        coords=metre_coordinates(shape, spacing, north_up=True),
        attrs={
            "title": "TAASRAD19",
            "source": dataset.attrs.get("source", "MeteoTrentino C-band radar, Monte Macaion"),
            "citation": "Franch et al. 2020, doi:10.1038/s41597-020-0574-8",
            **_SPLITS,
        },
    )
