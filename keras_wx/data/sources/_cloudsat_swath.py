"""The fields of a CloudSat swath, from HDF4 as distributed or from a conversion of it to HDF5."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from keras_wx.data.sources._files import PathLike, expand
from keras_wx.errors import DataError

_HDF4 = b"\x0e\x03\x13\x01"
_PROFILES = ("Radar_Reflectivity", "CPR_Cloud_mask", "Height")
_POINTS = ("Latitude", "Longitude", "DEM_elevation", "SurfaceHeightBin", "Profile_time")
_FACTOR = 100.0
"""Reflectivity is stored in hundredths of a dBZ."""
_NO_HEIGHT = -9000.0
_VALID_DBZ = (-40.0, 50.0)
_NAME = re.compile(r"^(\d{4})(\d{3})(\d{2})(\d{2})(\d{2})_")


@dataclass(frozen=True)
class Swath:
    """Profiles of a granule; bins from the top down."""

    reflectivity: np.ndarray
    """dBZ, `(profile, bin)`, NaN where missing."""
    cloud_mask: np.ndarray
    height: np.ndarray
    """Metres above sea level, `(profile, bin)`."""
    latitude: np.ndarray
    longitude: np.ndarray
    elevation: np.ndarray
    """Metres of the terrain, -9999 over the sea."""
    surface_bin: np.ndarray
    """Number of the bin of the surface, counted from 1."""
    start: np.datetime64
    """Time of the first profile."""

    def complete_profiles(self) -> tuple[Swath, np.ndarray]:
        """The profiles whose heights are known, and their numbers in the granule."""
        known = np.flatnonzero((self.height > _NO_HEIGHT).all(axis=1))
        chosen = {
            field.name: getattr(self, field.name)[known]
            for field in fields(self)
            if field.name != "start"
        }
        return Swath(**chosen, start=self.start), known


def read_swath(path: PathLike) -> Swath:
    """Reads one granule of 2B-GEOPROF.

    Raises:
        DataError: for a file that is missing, damaged or of another layout, and for HDF4 without
            pyhdf.
    """
    (name,) = expand(path, (".hdf", ".h5", ".hdf5", ".nc"))
    with open(name, "rb") as file:
        is_hdf4 = file.read(4) == _HDF4
    try:
        found = _read_hdf4(name) if is_hdf4 else _read_hdf5(name)
    except (OSError, RuntimeError, KeyError) as error:
        raise DataError(
            f"Cannot read {name} ({os.path.getsize(name):,} bytes): {error}. The file is cut off, "
            "damaged, or neither HDF4 nor HDF5."
        ) from error
    missing = {*_PROFILES, *_POINTS} - set(found)
    if missing:
        raise DataError(
            f"{name}: expected a granule of CloudSat 2B-GEOPROF. Missing: "
            f"{', '.join(sorted(missing))}"
        )
    raw = np.asarray(found["Radar_Reflectivity"])
    dbz = raw / _FACTOR if raw.dtype.kind == "i" else raw.astype(float)
    valid = (dbz >= _VALID_DBZ[0]) & (dbz <= _VALID_DBZ[1])
    points = {key: np.ravel(found[key]).astype(float) for key in _POINTS}
    first = np.timedelta64(round(float(points["Profile_time"][0]) * 1000), "ms")
    return Swath(
        reflectivity=np.where(valid, dbz, np.nan),
        cloud_mask=np.asarray(found["CPR_Cloud_mask"]).astype(float),
        height=np.asarray(found["Height"]).astype(float),
        latitude=points["Latitude"],
        longitude=points["Longitude"],
        elevation=points["DEM_elevation"],
        surface_bin=points["SurfaceHeightBin"],
        start=_start(name, found.get("start_time")) + first,
    )


def _start(name: str, attribute) -> np.datetime64:
    """When the granule begins: by its attribute, or by the day of the year in its name."""
    text = np.ravel(attribute)[0] if attribute is not None else ""
    text = text.decode() if isinstance(text, bytes) else str(text)
    if re.fullmatch(r"\d{14}", text):
        date, clock = f"{text[:4]}-{text[4:6]}-{text[6:8]}", text[8:]
        return np.datetime64(f"{date}T{clock[:2]}:{clock[2:4]}:{clock[4:]}", "ns")
    match = _NAME.match(Path(name).name)
    if match is None:
        raise DataError(
            f"{name}: the file does not say when it begins. Expected the attribute start_time, or "
            "a name such as 2013119200420_37263_CS_2B-GEOPROF_GRANULE_P_R05.hdf."
        )
    year, day, *clock = match.groups()
    midnight = np.datetime64(year, "D") + np.timedelta64(int(day) - 1, "D")
    seconds = sum(int(part) * unit for part, unit in zip(clock, (3600, 60, 1), strict=True))
    return midnight.astype("datetime64[ns]") + np.timedelta64(seconds, "s")


def _read_hdf5(name: str) -> dict:
    """Fields by the last part of their names, wherever a conversion has put them."""
    import h5py

    found = {}

    def collect(path: str, item) -> None:
        key = path.rpartition("/")[2]
        if isinstance(item, h5py.Dataset) and key in (*_PROFILES, *_POINTS, "start_time"):
            values = item[()]
            # Tables of one column stay tables in some conversions.
            columns = getattr(values.dtype, "names", None) if hasattr(values, "dtype") else None
            found[key] = values[columns[0]] if columns else values

    with h5py.File(name) as file:
        file.visititems(collect)
        if "start_time" in file.attrs:
            found["start_time"] = file.attrs["start_time"]
    return found


def _read_hdf4(name: str) -> dict:
    """Profiles are scientific data sets, what has one number a profile is a table."""
    try:
        import pyhdf.VS  # noqa: F401 - HDF.vstart takes it for granted
        from pyhdf.error import HDF4Error
        from pyhdf.HDF import HDF
        from pyhdf.SD import SD
    except ImportError:
        raise DataError(
            f"{name} is HDF4, as CloudSat's granules are. pip install pyhdf reads them; h4tonccf "
            "converts them to NetCDF."
        ) from None
    try:
        science = SD(name)
        found = {key: science.select(key).get() for key in _PROFILES if key in science.datasets()}
        science.end()
        file = HDF(name)
        tables = file.vstart()
        for key in (*_POINTS, "start_time"):
            if tables.find(key):
                table = tables.attach(key)
                found[key] = np.array([row[0] for row in table[:]])
                table.detach()
        tables.end()
        file.close()
    except HDF4Error as error:
        raise RuntimeError(error) from error
    return found
