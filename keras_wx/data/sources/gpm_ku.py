"""GPM Ku: the precipitation radar in space, with the blind zone that it really has."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
import xarray as xr

from keras_wx.data.sources._curtain import (
    DBZ,
    NO_ECHO,
    TOP,
    along_track_km,
    at_gates,
    height_coordinate,
    nearest_gates,
)
from keras_wx.data.sources._files import PathLike, open_files
from keras_wx.data.sources._grid import DEGREES
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset

BIN = 125.0
"""Metres of a range bin. The last one is at the ellipsoid."""
SCAN = np.timedelta64(700, "ms")
"""From one scan to the next, in which the satellite moves on by 4.9 km."""
ROWS = 152
"""Up to 19 km, which all rays see over any terrain."""
_FIELDS = {"corrected": "z_corrected", "measured": "z_measured"}
_GEOMETRY = ("bin_clutter_free_bottom", "elevation", "local_zenith_angle", "lat", "lon")

# The echo of the sample orbit decorrelates in 9 rays across the track, and in 27 scans along it:
# between these parts lie 10 rays. There are not enough scans to cut it the other way.
_TRAIN_RAYS, _TEST_RAYS = (0, 29), (40, 48)


@register_dataset("gpm_ku")
def gpm_ku(
    path: PathLike,
    *,
    ray: int | None = 24,
    reflectivity: Literal["corrected", "measured"] = "corrected",
    start: str | None = None,
) -> xr.Dataset:
    """Curtains along the track of GPM's Ku-band radar, 125 m high and 4.9 km long gates.

    Reads orbit segments of the product 2A.Ku in NetCDF with dims `(scan, ray, bin)`. Bins are put
    to heights above the surface by the zenith angle of their ray and the elevation below it. Below
    the lowest bin free of clutter nothing is measured: NaN, up to `blind_zone_top`. No echo is -60
    dBZ; the radar sees none below some 14 dBZ.

    With `ray=None` the 49 curtains follow each other on `time`, one a day, and `time_utc` is the
    true time; the standard split then leaves out the rays between those for training and those for
    the test.

    Args:
        path: the NetCDF file.
        ray: number of the ray in the swath, 0 to 48; 24 looks straight down. None takes all.
        reflectivity: `"corrected"` for attenuation, or as `"measured"`, with its noise.
        start: UTC time of the first scan, where the file's attribute `source` does not name it.

    Returns:
        `reflectivity` [dBZ], dims `(time, height)`, and `blind_zone_top (time)` [m], in memory;
        `height` in metres above the surface, `lat`, `lon`, `ray` and the distance `along_track`
        [km] of every profile.

    Raises:
        DataError: for a file that is missing, damaged or of another layout.

    References:
        Iguchi et al. 2017, GPM/DPR Level-2 Algorithm Theoretical Basis Document.

    Example:

    ```python
    curtain = keras_wx.open_dataset("gpm_ku", path="gpm_ku_brisbane_20141206.nc")
    ```
    """
    if reflectivity not in _FIELDS:
        raise DataError(
            f"reflectivity: expected one of {sorted(_FIELDS)}. "
            f"Received: reflectivity={reflectivity!r}"
        )
    orbit = open_files(path)
    field = _FIELDS[reflectivity]
    missing = {field, *_GEOMETRY} - set(orbit.variables)
    if missing or orbit[field].dims != ("scan", "ray", "bin"):
        raise DataError(
            f"Expected a segment of GPM 2A.Ku: {field!r} with dims ('scan', 'ray', 'bin'), and "
            f"{', '.join(_GEOMETRY)}. Received {sorted(map(str, orbit.variables))}"
        )
    rays = orbit.sizes["ray"]
    if ray is not None and not 0 <= ray < rays:
        raise DataError(f"ray: expected a number from 0 to {rays - 1}. Received: ray={ray}")
    orbit = orbit[[field, *_GEOMETRY]].load()  # one chunk in the file: read once for all rays
    utc = _first_scan(orbit, start) + np.arange(orbit.sizes["scan"]) * SCAN
    chosen = range(rays) if ray is None else [ray]
    curtains = [
        _curtain(orbit.isel(ray=number), field).assign_coords(
            time=utc + np.timedelta64(day, "D"),
            time_utc=("time", utc, {"long_name": "true time"}),
            ray=("time", np.full(utc.size, number)),
        )
        for day, number in enumerate(chosen)
    ]
    return xr.concat(curtains, "time").assign_attrs(
        title=f"GPM Ku, {reflectivity} reflectivity",
        source=orbit.attrs.get("source", "NASA/JAXA GPM DPR, 2A.Ku"),
        license=orbit.attrs.get("license", "NASA GPM data: free and open"),
        citation="Iguchi et al. 2017, GPM/DPR Level-2 ATBD; NASA PPS and JAXA",
        **(_splits(utc) if ray is None and rays > _TEST_RAYS[1] else {}),
    )


def _first_scan(orbit: xr.Dataset, start: str | None) -> np.datetime64:
    """The time that the user says, or that of the granule in the name of the source."""
    named = re.search(
        r"\.(\d{4})(\d{2})(\d{2})-S(\d{2})(\d{2})(\d{2})", orbit.attrs.get("source", "")
    )
    if start is None and named is None:
        raise DataError(
            "The file does not say when it begins. start='2014-12-06T09:50:02' gives the time of "
            "its first scan."
        )
    year, month, day, hour, minute, second = named.groups() if named else [None] * 6
    try:
        return np.datetime64(start or f"{year}-{month}-{day}T{hour}:{minute}:{second}", "ns")
    except ValueError:
        raise DataError(
            f"start: expected a time such as '2014-12-06T09:50:02'. Received: start={start!r}"
        ) from None


def _curtain(scans: xr.Dataset, field: str) -> xr.Dataset:
    """The curtain of one ray."""
    heights = (np.arange(ROWS) + 0.5) * BIN
    spacing = BIN * np.cos(np.deg2rad(scans["local_zenith_angle"].values.astype(float)))
    terrain = scans["elevation"].values.astype(float)
    profiles = scans[field].values
    bins = profiles.shape[1]
    gates = nearest_gates((bins - 1) * spacing - terrain, spacing, heights, bins)
    # Bins are counted from 1; the lower edge of the last clean one is the top of the blind zone.
    clean = scans["bin_clutter_free_bottom"].values.astype(int) - 1
    top = np.maximum((bins - 1 - clean - 0.5) * spacing - terrain, 0)
    gates = np.where(gates < 0, gates, np.minimum(gates, clean[:, None]))
    echo = at_gates(profiles, gates)
    echo = np.where(np.isnan(echo) & (gates >= 0), NO_ECHO, echo)
    echo[heights < top[:, None]] = np.nan
    place = {name: scans[name].values.astype(float) for name in ("lat", "lon")}
    return xr.Dataset(
        {
            "reflectivity": (("time", "height"), echo.astype("float32"), DBZ),
            "blind_zone_top": ("time", top, TOP),
        },
        coords={
            "height": height_coordinate(heights),
            **{name: ("time", values, DEGREES[name]) for name, values in place.items()},
            "along_track": ("time", along_track_km(**place), {"units": "km"}),
        },
    )


def _splits(utc: np.ndarray) -> dict[str, str]:
    """Times of the rays of each part; ray n is the n-th day."""
    parts = {"split_train": _TRAIN_RAYS, "split_test": _TEST_RAYS}
    return {
        name: f"{utc[0] + np.timedelta64(first, 'D')}/{utc[-1] + np.timedelta64(last, 'D')}"
        for name, (first, last) in parts.items()
    }
