"""Frames of MRMS in GRIB2, one message a file."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import numpy as np

from keras_wx.data.sources._frames import Header, unpacked
from keras_wx.data.sources._latlon_grid import LatLonGrid
from keras_wx.data.sources._mrms_products import Product, product_of
from keras_wx.errors import DataError

_PRECIP_RATE = (209, 6, 1)
"""Discipline, category and number of `PrecipRate` in the tables of MRMS."""
_MISSING = -999.0
_FIRST = ("latitudeOfFirstGridPointInDegrees", "longitudeOfFirstGridPointInDegrees")
_LAST = ("latitudeOfLastGridPointInDegrees", "longitudeOfLastGridPointInDegrees")
_DATE = ("year", "month", "day", "hour", "minute", "second")


def is_grib(head: bytes) -> bool:
    """Whether a file that begins like this is GRIB."""
    return head.startswith(b"GRIB")


def read_header(path: str, *, product: str | None) -> Header:
    """Time, product and grid of one message.

    Args:
        path: GRIB2 file, or one packed with gzip.
        product: which product, where the file's name does not say it.
    """
    with _message(path) as message:
        found = _product(path, message, product)
        shape, kind = _get(message, "Nj", "Ni"), _get(message, "gridType")
        first, last = _get(message, *_FIRST), _get(message, *_LAST)
        date = "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}".format(*_get(message, *_DATE))
    if kind != ("regular_ll",):
        raise DataError(f"expected a grid of latitudes and longitudes, received {kind[0]!r}.")
    grid = LatLonGrid(shape, first, last)
    return Header(np.datetime64(date), found.quantity, found.name, grid)


def read_values(path: str, *, product: str | None) -> np.ndarray:
    """Rain rate in mm/h or reflectivity in dBZ, NaN where missing."""
    import eccodes

    with _message(path) as message:
        found = _product(path, message, product)
        eccodes.codes_set(message, "missingValue", _MISSING)
        values = eccodes.codes_get_array(message, "values").astype("float32")
        values = values.reshape(_get(message, "Nj", "Ni"))
    values[values < found.floor] = np.nan
    if found.interval is not None:
        values /= found.interval / timedelta(hours=1)
    return values


def _product(path: str, message: int, product: str | None) -> Product:
    keys = _get(message, "discipline", "parameterCategory", "parameterNumber")
    found = product_of(product or ("PrecipRate" if keys == _PRECIP_RATE else path))
    if found is None:
        raise DataError(
            "expected PrecipRate, a QPE such as RadarOnly_QPE_01H, or a reflectivity. Received "
            f"parameter {keys} (discipline, category, number) in a file whose name says no other. "
            "product='MultiSensor_QPE_01H_Pass2' says it."
        )
    return found


@contextmanager
def _message(path: str):
    """The message of a file as a mapping from the keys of ecCodes."""
    try:
        import eccodes
    except (ImportError, RuntimeError) as error:
        raise DataError(
            "GRIB2 files need ecCodes: `pip install eccodes` (or cfgrib, which brings it). NetCDF "
            "made of them by wgrib2 or cfgrib needs nothing."
        ) from error
    with unpacked(path) as file:
        content = file.read()
    # ecCodes prints that a message is cut off, and goes on.
    if not content.endswith(b"7777"):
        raise DataError(f"the message of {len(content):,} bytes has no end: it is cut off.")
    handle = eccodes.codes_new_from_message(content)
    try:
        yield handle
    finally:
        eccodes.codes_release(handle)


def _get(handle: int, *keys: str) -> tuple:
    import eccodes

    return tuple(eccodes.codes_get(handle, key) for key in keys)
