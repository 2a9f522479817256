"""CloudSat: the cloud radar in space, whose lowest kilometre is clutter."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.data.sources._cloudsat_swath import read_swath
from keras_wx.data.sources._curtain import (
    DBZ,
    NO_ECHO,
    TOP,
    along_track_km,
    at_gates,
    height_coordinate,
    nearest_gates,
)
from keras_wx.data.sources._files import PathLike
from keras_wx.data.sources._grid import DEGREES
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset

STEP = np.timedelta64(160, "ms")
"""From one profile to the next, 1.1 km further on."""


@register_dataset("cloudsat")
def cloudsat(
    path: PathLike,
    *,
    rows: int = 80,
    spacing: float = 240.0,
    cloud_mask: int = 20,
    clutter_bins: int = 5,
) -> xr.Dataset:
    """Curtains along the track of CloudSat's W-band radar, of the product 2B-GEOPROF.

    Reads granules as they are distributed, in HDF4, which needs the package `pyhdf`, and those that
    were converted to HDF5 or NetCDF with the same names. Range bins are put to heights above the
    surface. Echo is what `CPR_Cloud_mask` calls cloud; elsewhere there is none, -60 dBZ. The bins
    next to the surface are clutter: NaN, up to `blind_zone_top`.

    Args:
        path: the granule.
        rows: number of heights.
        spacing: distance of two heights in metres; that of range bins is 240.
        cloud_mask: least value of the cloud mask that is echo: 20 for weak ones (5 % false
            detections at most), 30 for good ones, 40 for strong ones.
        clutter_bins: range bins above that of the surface that clutter reaches: 5 are some 1.2 km,
            as over land; over the sea 3 are enough.

    Returns:
        `reflectivity` [dBZ], dims `(time, height)`, and `blind_zone_top (time)` [m], in memory;
        `height` in metres above the surface, `lat`, `lon` and the distance `along_track` [km] of
        every profile.

    Raises:
        DataError: for a file that is missing, damaged or of another layout.

    References:
        Marchand, Mace, Ackerman & Stephens 2008, Hydrometeor Detection Using CloudSat, Journal of
        Atmospheric and Oceanic Technology 25, 519-533.
        CloudSat Data Processing Center, 2B-GEOPROF process description and interface control
        document.

    Example:

    ```python
    curtain = keras_wx.open_dataset("cloudsat", path="2013119200420_37263_CS_2B-GEOPROF.hdf")
    ```
    """
    if rows < 2 or not spacing > 0 or clutter_bins < 0:
        raise DataError(
            "Expected two rows, a positive spacing and no negative number of bins. Received: "
            f"rows={rows}, spacing={spacing:g}, clutter_bins={clutter_bins}"
        )
    swath, index = read_swath(path).complete_profiles()
    heights = (np.arange(rows) + 0.5) * spacing
    terrain = np.where(abs(swath.elevation) < 9000, swath.elevation, 0.0)  # -9999 over the sea
    highest = swath.height[:, 0] - terrain
    bins = swath.height.shape[1]
    bin_size = (swath.height[:, 0] - swath.height[:, -1]) / (bins - 1)
    # Bins are counted from 1, from the top down.
    surface = np.where(swath.surface_bin > 0, swath.surface_bin, np.rint(highest / bin_size) + 1)
    clean = np.clip(surface - 1 - clutter_bins - 1, 0, bins - 1).astype(int)
    top = np.maximum(highest - (clean + 0.5) * bin_size, 0)
    gates = nearest_gates(highest, bin_size, heights, bins)
    gates = np.where(gates < 0, gates, np.minimum(gates, clean[:, None]))
    echo = at_gates(swath.reflectivity, gates)
    cloudy = at_gates(swath.cloud_mask, gates) >= cloud_mask
    echo = np.where(cloudy & np.isfinite(echo), np.maximum(echo, NO_ECHO), NO_ECHO)
    echo[(gates < 0) | (heights < top[:, None])] = np.nan
    # The start is in whole seconds; what counts is that profiles are equally far apart.
    times = swath.start + index * STEP
    return xr.Dataset(
        {
            "reflectivity": (("time", "height"), echo.astype("float32"), DBZ),
            "blind_zone_top": ("time", top, TOP),
        },
        coords={
            "time": times,
            "height": height_coordinate(heights),
            "lat": ("time", swath.latitude, DEGREES["lat"]),
            "lon": ("time", swath.longitude, DEGREES["lon"]),
            "along_track": (
                "time",
                along_track_km(swath.latitude, swath.longitude),
                {"units": "km"},
            ),
        },
        attrs={
            "title": "CloudSat 2B-GEOPROF",
            "source": "NASA CloudSat Cloud Profiling Radar, CloudSat Data Processing Center",
            "license": "NASA Earth science data: free and open",
            "citation": "Marchand et al. 2008, doi:10.1175/2007JTECHA1006.1",
        },
    )
