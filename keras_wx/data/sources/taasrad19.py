"""TAASRAD19: a C-band radar in the Italian Alps."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr

from keras_wx.data.sources._files import PathLike, open_files
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset

_EXTENT_KM = 240.0

# By months, so that no event is in two parts. The last months are dry: from November on there are
# only 4 % of the frames with more than 5 % of the area above 7.4 dBZ. From September on there are
# 15 %, from four months in autumn and winter; August has 9 %, everything before it 75 %.
_SPLITS = {
    "split_train": "2015-10-01T00:00/2016-07-31T23:59",
    "split_val": "2016-08-01T00:00/2016-08-31T23:59",
    "split_test": "2016-09-01T00:00/2017-01-31T23:59",
}


@register_dataset("taasrad19")
def taasrad19(path: PathLike | Iterable[PathLike], *, chunks=None) -> xr.Dataset:
    """Maximum reflectivity in the column over Trentino, 240 km x 240 km, every 5 minutes.

    Reads the archive after it was resized to square frames, with a variable `reflectivity`
    in dBZ. It has no missing values: 0 dBZ is no echo, or outside the radar's circle. Time jumps
    between rain events and, now and then, inside one.

    Args:
        path: NetCDF file, folder, pattern or list of files.
        chunks: sizes of dask chunks, as in `xarray.open_dataset`; None reads without dask.

    Returns:
        `reflectivity` [dBZ], dims `(time, y, x)`, packed and read when it is used; `y` (southwards)
        and `x` in metres from the radar; standard splits as attributes.

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
    field = dataset["reflectivity"]
    field.attrs |= {
        "units": "dBZ",
        "standard_name": "equivalent_reflectivity_factor",
        "long_name": "maximum reflectivity in the column",
        "comment": "0 dBZ: no echo, or outside the radar circle",
    }
    # Images of the archive have their first row in the north.
    y, x = -_centres(field.sizes["y"]), _centres(field.sizes["x"])
    return xr.Dataset(
        {"reflectivity": field},
        coords={
            "y": ("y", y, _axis_attrs("y", "distance northwards from the radar")),
            "x": ("x", x, _axis_attrs("x", "distance eastwards from the radar")),
        },
        attrs={
            "title": "TAASRAD19",
            "source": dataset.attrs.get("source", "MeteoTrentino C-band radar, Monte Macaion"),
            "citation": "Franch et al. 2020, doi:10.1038/s41597-020-0574-8",
            **_SPLITS,
        },
    )


def _centres(size: int) -> np.ndarray:
    """Pixel centres in metres that cover the extent, symmetric about the radar."""
    spacing = 1000 * _EXTENT_KM / size
    return (np.arange(size) - (size - 1) / 2) * spacing


def _axis_attrs(axis: str, long_name: str) -> dict[str, str]:
    return {
        "units": "m",
        "axis": axis.upper(),
        "standard_name": f"projection_{axis}_coordinate",
        "long_name": long_name,
    }
