"""Dutch composites in the HDF5 layout of KNMI."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import NamedTuple

import h5py
import numpy as np

from keras_wx.data.sources._frames import Header
from keras_wx.data.sources._hdf5 import number, text
from keras_wx.data.sources._projected_grid import ProjectedGrid
from keras_wx.errors import DataError

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_TIME = re.compile(r"(\d{1,2})-([A-Z]{3})-(\d{4})[; ](\d\d:\d\d:\d\d)")
_FORMULA = re.compile(r"GEO\s*=\s*([-+.\deE]+)\s*\*\s*PV\s*\+?\s*([-+.\deE]+)")
_METRES = {"M": 1.0, "KM": 1000.0}
_QUANTITIES = {"DBZ": "reflectivity", "MM/H": "rain_rate", "MM": "rain_rate"}


class _Image(NamedTuple):
    group: h5py.Group
    parameter: str
    units: str


def read_header(path: str) -> Header:
    """Time, product and grid of one composite. The time is that of the end of the measurement."""
    with h5py.File(path) as file:
        image = _find(file)
        overview = file["overview"].attrs
        quantity = _QUANTITIES[image.units]
        return Header(_time(overview, "end"), quantity, image.parameter, _grid(file["geographic"]))


def read_values(path: str) -> np.ndarray:
    """Reflectivity in dBZ or rain rate in mm/h, NaN where missing."""
    with h5py.File(path) as file:
        image = _find(file)
        pixels = image.group["image_data"][...]
        calibration = dict(image.group["calibration"].attrs)
        overview = dict(file["overview"].attrs)
    match = _FORMULA.match(text(calibration["calibration_formulas"]))
    if match is None:
        raise DataError(
            "expected a calibration such as 'GEO = 0.01 * PV + 0.0', received "
            f"{text(calibration['calibration_formulas'])!r}."
        )
    values = float(match[1]) * pixels + float(match[2])
    if image.units == "MM":
        interval = (_time(overview, "end") - _time(overview, "start")).astype("timedelta64[s]")
        if interval.item() <= timedelta(0):
            raise DataError("expected an amount that falls from one time to a later one.")
        values /= interval.item() / timedelta(hours=1)
    for key in ("calibration_missing_data", "calibration_out_of_image"):
        for code in np.ravel(calibration.get(key, [])):
            # Files of reflectivity call pixel 0 missing: it is where no echo was seen, the most.
            if code != 0:
                values[pixels == code] = np.nan
    return values


def _find(file: h5py.File) -> _Image:
    """The image of rain or reflectivity, of those of quality beside it."""
    images = []
    for name in sorted(name for name in file if re.fullmatch(r"image\d+", name)):
        parameter = text(file[name].attrs["image_geo_parameter"])
        units = parameter.partition("[")[2].rstrip("]")
        images.append(_Image(file[name], parameter, units))
    found = [image for image in images if image.units in _QUANTITIES]
    if len(found) == 1 and "image_datetime_valid" not in found[0].group.attrs:
        return found[0]
    raise DataError(
        "expected one measured image of reflectivity, rain rate or amount. The file has "
        + (", ".join(image.parameter for image in images) or "no image")
        + ("." if len(found) < 2 else ": a forecast?")
    )


def _grid(geographic: h5py.Group) -> ProjectedGrid:
    options = geographic.attrs
    unit = text(options["geo_dim_pixel"]).partition(",")[0]
    if unit not in _METRES:
        raise DataError(f"expected pixels in km or m, received geo_dim_pixel {unit!r}.")
    # Pixels have a negative height: the first row is the northernmost.
    step = number(options["geo_pixel_size_y"]), number(options["geo_pixel_size_x"])
    offset = number(options["geo_row_offset"]), number(options["geo_column_offset"])
    return ProjectedGrid(
        shape=tuple(int(number(options[f"geo_number_{axis}"])) for axis in ("rows", "columns")),
        first=tuple(o * s * _METRES[unit] for o, s in zip(offset, step, strict=True)),
        step=tuple(length * _METRES[unit] for length in step),
        projection=text(geographic["map_projection"].attrs["projection_proj4_params"]),
    )


def _time(overview, edge: str) -> np.datetime64:
    stamp = text(overview[f"product_datetime_{edge}"])
    match = _TIME.match(stamp.upper())
    if match is None or match[2] not in _MONTHS:
        raise DataError(f"expected a time such as '31-AUG-2017;14:20:00', received {stamp!r}.")
    month = _MONTHS.index(match[2]) + 1
    return np.datetime64(f"{match[3]}-{month:02d}-{int(match[1]):02d}T{match[4]}")
