"""MRMS: hourly precipitation over the United States, with a coarse partner made of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import xarray as xr

from keras_wx.data.additive import deferred
from keras_wx.data.downscale.coarsen import block_means
from keras_wx.data.sources._elevation import Elevation, with_elevation
from keras_wx.data.sources._files import PathLike
from keras_wx.data.sources._pair import COARSE, joined
from keras_wx.data.sources.mrms import mrms
from keras_wx.data.timeaxis import time_step
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset
from keras_wx.spec import format_step

_HOUR = timedelta(hours=1)
_TEST, _VAL = 24, 8
"""Hours at the end of the record for the test, and before them for validation."""


@register_dataset("mrms_hourly")
def mrms_hourly(
    path: PathLike | Iterable[PathLike],
    *,
    factor: int = 8,
    clip: float = 150.0,
    product: str | None = "GaugeCorr_QPE_01H",
    variable: str | None = None,
    elevation: Elevation | None = None,
    chunks=None,
) -> xr.Dataset:
    """Hourly precipitation, and its means over blocks of `factor` x `factor` cells.

    Reads what `open_dataset("mrms")` reads, of an hourly product. The coarse field is made of the
    fine one by averages that conserve it, hour by hour when it is used; rows and columns of the
    fine grid that fill no block are left out. The standard split of a record of two days or more:
    the last day for the test, eight hours before it for validation.

    Args:
        path: file, folder, pattern, or list of files in any order.
        factor: cells of a block along each axis: 8 from 0.02 to 0.16 degrees.
        clip: what lies above it in mm/h becomes `clip`: gauges that fail give outliers.
        product, variable: as in `open_dataset("mrms")`.
        elevation: file or field of terrain, which becomes `elevation` [m] on the fine grid.
        chunks: sizes of dask chunks, as in `xarray.open_dataset`.

    Returns:
        `rain_rate` [mm h-1], the amount of the hour that ends at its time, dims
        `(time, lat, lon)`, and `coarse_rain_rate`, dims `(time, coarse_lat, coarse_lon)`; NaN
        without coverage.

    Raises:
        DataError: for files that are not hourly, and those that `open_dataset("mrms")` refuses.

    References:
        https://www.nssl.noaa.gov/projects/mrms

    Example:

    ```python
    pair = keras_wx.open_dataset("mrms_hourly", path="GaugeCorr_QPE_01H_*.grib2.gz", factor=16)
    ```
    """
    if not clip > 0:
        raise DataError(f"clip: expected mm/h above 0. Received: clip={clip}")
    dataset = mrms(path, product=product, variable=variable, step="1h", chunks=chunks)
    if "rain_rate" not in dataset:
        raise DataError(f"Expected hourly amounts of rain. The files hold {[*dataset.data_vars]}.")
    step = time_step(dataset["time"].values)
    if step not in (None, _HOUR):
        raise DataError(f"Expected hourly amounts, received a step of {format_step(step)}.")
    rain = deferred(dataset["rain_rate"]).astype("float32")
    rain = rain.clip(max=clip).assign_attrs(dataset["rain_rate"].attrs)
    coarse = block_means(rain, factor)
    rows, columns = (size * factor for size in coarse.shape[-2:])
    rain = rain.isel(lat=slice(rows), lon=slice(columns))
    pair = joined(rain.to_dataset(), coarse.to_dataset())
    pair[f"{COARSE}rain_rate"].attrs["long_name"] = f"means over {factor} x {factor} cells"
    attrs = dataset.attrs | _splits(rain["time"].values)
    return with_elevation(pair.assign_attrs(attrs), elevation)


def _splits(times: np.ndarray) -> dict[str, str]:
    if len(times) < 2 * _TEST:
        return {}
    edges = [0, len(times) - _TEST - _VAL, len(times) - _TEST, len(times)]
    return {
        f"split_{name}": f"{times[first]:.19}/{times[stop - 1]:.19}"
        for name, first, stop in zip(("train", "val", "test"), edges[:-1], edges[1:], strict=True)
    }
