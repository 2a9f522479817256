"""MRMS: rain and reflectivity over the United States."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial

import numpy as np
import xarray as xr

from keras_wx.data.additive import deferred
from keras_wx.data.sources import _mrms_grib
from keras_wx.data.sources._axes import find_time, with_conventional_axes, with_whole_steps
from keras_wx.data.sources._files import PathLike, open_files
from keras_wx.data.sources._frames import find_frames, first_bytes, open_frames
from keras_wx.data.sources._latlon_grid import about_greenwich
from keras_wx.data.sources._mrms_products import NO_COVERAGE_DBZ, product_of
from keras_wx.data.sources._quantity import choose, converted
from keras_wx.data.units import is_rain_amount, is_unit
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset
from keras_wx.spec import parse_step

_ATTRS = {
    "title": "MRMS",
    "source": "NOAA/NSSL Multi-Radar Multi-Sensor system",
    "license": "US Government work, public domain",
    "citation": (
        "Zhang et al. 2016, Multi-Radar Multi-Sensor (MRMS) quantitative precipitation estimation, "
        "Bulletin of the American Meteorological Society 97, 621-638, doi:10.1175/BAMS-D-14-00174.1"
    ),
}
_SUFFIXES = (".grib2", ".grib2.gz", ".grb2", ".grb2.gz", ".nc", ".nc4")


@register_dataset("mrms")
def mrms(
    path: PathLike | Iterable[PathLike],
    *,
    product: str | None = None,
    variable: str | None = None,
    units: str | None = None,
    step: str | timedelta | None = None,
    chunks=None,
) -> xr.Dataset:
    """Rain rate or reflectivity over the United States, 0.01 degrees, every 2 minutes.

    Reads GRIB2 as the archives hold it, packed with gzip or not (needs `pip install eccodes`), and
    NetCDF or Zarr made of it by wgrib2, cfgrib or others. Every third frame of `PrecipRate` makes a
    step of 6 minutes: `dataset.isel(time=slice(None, None, 3))`, or `resample=True` later on.
    Hourly amounts have outliers above 150 mm, which `dataset.clip(max=150)` limits.

    Args:
        path: file, folder, pattern, or list of files in any order; several are joined along time.
        product: such as `"PrecipRate"`, `"RadarOnly_QPE_01H"` or `"MergedReflectivityQCComposite"`,
            where neither the names of files and variables nor the units say it.
        variable: which variable of NetCDF or Zarr, where several could be meant.
        units: its units, where the file says none or wrong ones.
        step: time from one frame to the next, to which times that scatter are rounded. For amounts
            in NetCDF, the interval in which they fell, where the product does not say it.
        chunks: sizes of dask chunks of NetCDF and Zarr, as in `xarray.open_dataset`.

    Returns:
        `rain_rate` [mm h-1] or `reflectivity` [dBZ] with dims `(time, lat, lon)`, read when it is
        used; NaN without coverage; longitudes from -180 to 180 degrees, the row order of the file;
        licence and citation as attributes.

    Raises:
        DataError: for files that are missing, damaged, of another product, or do not belong
            together; for GRIB2 without ecCodes.

    References:
        https://www.nssl.noaa.gov/projects/mrms
        https://registry.opendata.aws/noaa-mrms-pds

    Example:

    ```python
    rain = keras_wx.open_dataset("mrms", path="MRMS_PrecipRate_00.00_20190610-00*.grib2.gz")
    ```
    """
    try:
        interval = parse_step(step)
    except ValueError as error:
        raise DataError(f"Dataset 'mrms': {error}") from None
    paths = find_frames(path, _SUFFIXES)
    if _mrms_grib.is_grib(first_bytes(paths[0])):
        readers = (_mrms_grib.read_header, _mrms_grib.read_values)
        dataset = open_frames(paths, *(partial(read, product=product) for read in readers), _ATTRS)
        return with_whole_steps(dataset, interval)

    def decode(raw: xr.Dataset) -> xr.Dataset:
        raw = _with_units(raw, product)
        described = find_time(xr.decode_cf(raw), None)
        quantity = choose(described, variable, units)
        raw = raw.assign({quantity.variable: converted(raw, described, quantity, interval)})
        dataset = with_conventional_axes(find_time(xr.decode_cf(raw), None), quantity, None)
        if "lon" not in dataset.dims:
            raise DataError(
                "expected a grid of latitudes and longitudes, as MRMS has. Received dims "
                f"{tuple(dataset.dims)}. open_dataset('radar', path=...) reads other files."
            )
        lon = dataset["lon"].copy(data=about_greenwich(dataset["lon"].values))
        return with_whole_steps(_masked(dataset.assign_coords(lon=lon)), interval)

    dataset = open_files(paths, chunks=chunks, decode=decode)
    return dataset.assign_attrs(_ATTRS | dataset.attrs)


def _with_units(raw: xr.Dataset, product: str | None) -> xr.Dataset:
    """The undecoded file with units where a converter wrote none, and the interval of amounts."""
    changed = {}
    for name, field in raw.data_vars.items():
        hints = (product, name, field.attrs.get("long_name"), raw.encoding.get("source"))
        found = next((p for hint in hints if hint and (p := product_of(str(hint)))), None)
        units = str(field.attrs.get("units", ""))
        if field.ndim < 2 or found is None:
            continue
        if not is_unit(units) or (found.interval and is_rain_amount(units)):
            changed[name] = field.assign_attrs(units=found.units)
    return raw.assign(changed)


def _masked(dataset: xr.Dataset) -> xr.Dataset:
    """NaN for the codes of missing data, which converters leave as they are."""
    name = next(iter(dataset.data_vars))
    field, packing = dataset[name], dataset[name].encoding
    if np.dtype(packing.get("dtype", "f4")).kind == "u" and packing.get("add_offset", 0) >= 0:
        return dataset  # no code is below zero
    floor = NO_COVERAGE_DBZ if name == "reflectivity" else 0
    field = deferred(field)
    return dataset.assign({name: field.where(field >= floor)})
