"""Cloudnet: vertical profiles over one site, with the state of the air from a weather model."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr

from keras_wx.data.sources._curtain import DBZ, NO_ECHO, TOP, height_coordinate
from keras_wx.data.sources._files import PathLike, open_files
from keras_wx.data.sources._state import state_on_curtain
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset

_MODEL = {
    "temperature": "temperature",
    "specific_humidity": "q",
    "eastward_wind": "uwind",
    "northward_wind": "vwind",
}
"""Our names -> those of a Cloudnet model file."""
NO_ICE = -15.0
"""log10 of the ice water content in kg m-3 below which there is none: files write some number."""


@register_dataset("cloudnet")
def cloudnet(
    path: PathLike | Iterable[PathLike],
    model: PathLike | Iterable[PathLike],
    *,
    base: float = 0.0,
) -> xr.Dataset:
    """Reflectivity at 35 GHz every 30 s above a site, and temperature, humidity and wind with it.

    Reads files with the ice water content that Cloudnet derives of the radar's reflectivity and the
    temperature, and takes that relation back to get the reflectivity; and the model's profiles over
    the site in Cloudnet's layout. These are interpolated by cubic splines in height and linearly in
    time. Heights are those of the radar's gates.

    Where ice has melted there is no ice water content: below the freezing level reflectivity is
    NaN, and `blind_zone_top` is that level. With `base` at or above it, the curtain is one of snow
    alone that knows all of its gates, as a place at that altitude would see it.

    Args:
        path: NetCDF file with `log10_iwc (time, height)`, a folder, pattern, or list of files.
        model: NetCDF file of the model on its levels over the same site and days, likewise.
        base: metres from which on gates are kept and `height` counts.

    Returns:
        `reflectivity` [dBZ], -60 where there is no echo, `temperature` [K], `specific_humidity`
        [kg kg-1], `eastward_wind` and `northward_wind` [m s-1], dims `(time, height)`, and
        `blind_zone_top (time)` [m], in memory.

    Raises:
        DataError: for files that are missing, damaged, of another layout or of other days.

    References:
        Illingworth et al. 2007, Cloudnet, Bulletin of the American Meteorological Society 88,
        883-898.
        Hogan, Mittermaier & Illingworth 2006, The Retrieval of Ice Water Content from Radar
        Reflectivity Factor and Temperature, Journal of Applied Meteorology and Climatology 45,
        301-317, doi:10.1175/JAM2340.1, table 2.

    Example:

    ```python
    curtain = keras_wx.open_dataset("cloudnet", path="20190517_iwc.nc", model="20190517_ecmwf.nc")
    ```
    """
    profiles = open_files(path)
    if "log10_iwc" not in profiles or profiles["log10_iwc"].dims != ("time", "height"):
        raise DataError(
            "Expected ice water content of Cloudnet: variable 'log10_iwc' with dims ('time', "
            f"'height'). Received {dict(profiles.sizes)} with {sorted(map(str, profiles))}"
        )
    levels = open_files(model)
    missing = {"height", *_MODEL.values()} - set(levels.variables)
    if missing:
        raise DataError(
            f"model: expected a Cloudnet model file with {', '.join(_MODEL.values())} and the "
            f"height of levels. Missing: {', '.join(sorted(missing))}"
        )
    levels = levels.drop_duplicates("time")  # midnight is in the files of both days
    profiles = profiles.sel(height=profiles["height"] >= base)
    if not profiles.sizes["height"]:
        raise DataError(f"base: expected a height below the highest gate. Received: base={base:g}")
    # Hours as 4-byte numbers are some milliseconds beside the second that is meant.
    times = profiles.indexes["time"].round("s").values
    heights = profiles["height"].values.astype(float)
    state = state_on_curtain(
        {name: levels[short].values.astype(float) for name, short in _MODEL.items()},
        levels["height"].values.astype(float),
        levels["time"].values,
        heights,
        times,
    )
    ice = profiles["log10_iwc"].values
    dbz = reflectivity_of_ice(ice, state["temperature"].values)
    dbz = np.where(ice > NO_ICE, np.maximum(dbz, NO_ECHO), NO_ECHO).astype("float32")
    top = _freezing_level(state["temperature"].values, heights)
    dbz[heights < top[:, None]] = np.nan
    return xr.Dataset(
        {
            "reflectivity": (("time", "height"), dbz, DBZ),
            **state,
            "blind_zone_top": ("time", np.maximum(top - base, 0), TOP),
        },
        coords={"time": times, "height": height_coordinate(heights - base)},
        attrs={
            "title": "Cloudnet, reflectivity from ice water content, with the state of the air",
            "source": profiles.attrs.get("source", "Cloudnet"),
            "license": profiles.attrs.get("license", "CC BY 4.0"),
            "citation": "Illingworth et al. 2007, Cloudnet; Hogan et al. 2006",
            "model": levels.attrs.get("source", ""),
        },
    )


def reflectivity_of_ice(log10_iwc: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """The reflectivity at 35 GHz in dBZ from which Cloudnet derived an ice water content.

    Args:
        log10_iwc: log10 of the ice water content in kg m-3.
        temperature: in K.
    """
    celsius = temperature - 273.15
    # log10(IWC in g m-3) = 0.000242 Z T + 0.0699 Z - 0.0186 T - 1.63, for a dielectric factor of
    # 0.93; Cloudnet's radars are calibrated to 0.878.
    scaled = (log10_iwc + 3 + 0.0186 * celsius + 1.63) / (0.000242 * celsius + 0.0699)
    return scaled - 10 * np.log10(0.878 / 0.93)


def _freezing_level(temperature: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Height between the highest gate above 0 degC and the next one; 0 where all are below."""
    edges = np.concatenate([(heights[:-1] + heights[1:]) / 2, heights[-1:]])
    warm = temperature > 273.15
    highest = warm.shape[1] - 1 - warm[:, ::-1].argmax(axis=1)
    return np.where(warm.any(axis=1), edges[highest], 0.0)
