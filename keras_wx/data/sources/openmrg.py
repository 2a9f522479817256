"""OpenMRG: radar over Gothenburg, of a data set of microwave links, gauges and radar."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr

from keras_wx.data.sources._files import PathLike, open_files
from keras_wx.data.sources._grid import DEGREES
from keras_wx.data.sources.radar import decoded
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset

_ATTRS = {
    "title": "OpenMRG-Radar",
    "source": "Swedish Meteorological and Hydrological Institute (SMHI)",
    "license": "CC BY-SA 4.0, https://creativecommons.org/licenses/by-sa/4.0/",
    "citation": (
        "Andersson, Olsson, van de Beek & Hansryd 2022, OpenMRG: Open data from Microwave links, "
        "Radar, and Gauges for rainfall quantification in Gothenburg, Sweden, Earth System Science "
        "Data 14, 5411-5426, doi:10.5194/essd-14-5411-2022; data doi:10.5281/zenodo.6673750"
    ),
}


@register_dataset("openmrg")
def openmrg(path: PathLike | Iterable[PathLike], *, chunks=None) -> xr.Dataset:
    """Radar composite around Gothenburg, 37 x 48 points of 2 km, every 5 minutes in summer 2015.

    Reads the archive's `radar.nc`, which holds reflectivity, and files with the rain rate made of
    it. The archive's own relation is Z = 200 R**1.5: `zr=(200, 1.5)` applies it.

    Args:
        path: NetCDF file, Zarr store, folder, pattern, or list of files in any order.
        chunks: sizes of dask chunks, as in `xarray.open_dataset`; None reads a single file without.

    Returns:
        `reflectivity` [dBZ] or `rain_rate` [mm h-1], whichever the file has, with dims
        `(time, y, x)`, read when it is used; `y` (decreasing) and `x` in metres, latitude and
        longitude of every point; licence and citation as attributes.

    Raises:
        DataError: for a file that is missing, damaged or of another layout.

    References:
        https://doi.org/10.5281/zenodo.6673750

    Example:

    ```python
    rain = keras_wx.open_dataset("openmrg", path="radar.nc")
    ```
    """
    dataset = open_files(path, chunks=chunks, decode=_decoded)
    if not {"y", "x", "lat", "lon"} <= set(dataset.coords) or "y" not in dataset.dims:
        raise DataError(
            "Expected OpenMRG's radar: dims (time, y, x) with coordinates y, x, lat and lon. "
            f"Received {dict(dataset.sizes)} with {sorted(map(str, dataset.coords))}. "
            "open_dataset('radar', path=...) reads other files."
        )
    for axis in ("y", "x"):
        dataset[axis].attrs["units"] = "m"
    for name, attrs in DEGREES.items():
        dataset[name].attrs |= attrs
    return dataset.assign_attrs(_ATTRS | dataset.attrs)


def _decoded(raw: xr.Dataset) -> xr.Dataset:
    # The archive's own variable says no units.
    return decoded(raw, "data", "dBZ") if "data" in raw.data_vars else decoded(raw)
