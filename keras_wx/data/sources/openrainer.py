"""OpenRainER: radar over Emilia-Romagna, of a data set of microwave links, gauges and radar."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr

from keras_wx.data.sources._files import PathLike
from keras_wx.data.sources.radar import radar
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset

_INTERVAL = "15min"
_ATTRS = {
    "title": "OpenRainER-RP",
    "source": "ARPAE-SIMC, Bologna, radar rain amounts adjusted to gauges",
    "license": "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
    "citation": (
        "Covi & Roversi 2024, OpenRainER: radar 15-minute accumulated precipitation, version 1.1, "
        "doi:10.5281/zenodo.10593848"
    ),
}


@register_dataset("openrainer")
def openrainer(path: PathLike | Iterable[PathLike], *, chunks=None) -> xr.Dataset:
    """Rain rate over Emilia-Romagna, 290 x 373 points of about 1 km, every 15 minutes, 2021-2022.

    Reads the monthly files of the archive's radar part. Amounts in 15 minutes become rates.

    Args:
        path: NetCDF file, Zarr store, folder, pattern, or list of files in any order.
        chunks: sizes of dask chunks, as in `xarray.open_dataset`; None reads a single file without.

    Returns:
        `rain_rate` [mm h-1] with dims `(time, lat, lon)`, latitudes increasing, read when it is
        used; NaN where missing; licence and citation as attributes.

    Raises:
        DataError: for a file that is missing, damaged or of another layout.

    References:
        https://doi.org/10.5281/zenodo.10593848

    Example:

    ```python
    rain = keras_wx.open_dataset("openrainer", path="RADrain_2022*.nc")
    ```
    """
    dataset = radar(path, step=_INTERVAL, chunks=chunks)
    if "rain_rate" not in dataset or "lat" not in dataset.dims:
        raise DataError(
            "Expected OpenRainER's radar: amounts with dims (time, lat, lon). Received "
            f"{list(dataset.data_vars)} with {dict(dataset.sizes)}. "
            "open_dataset('radar', path=...) reads other files."
        )
    return dataset.assign_attrs(_ATTRS | dataset.attrs)
