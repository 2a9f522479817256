"""A small real radar sequence that is installed with the package."""

from __future__ import annotations

from importlib.resources import as_file, files

import xarray as xr

from keras_wx.data.sources._files import open_files
from keras_wx.registry import register_dataset

_FILE = "fmi_20160928_crop.nc"


@register_dataset("sample_radar")
def sample_radar() -> xr.Dataset:
    """Reflectivity over Finland, 256 km x 256 km, every 5 minutes for three hours and a quarter.

    Returns:
        `reflectivity` [dBZ] in memory, 40 frames with dims `(time, y, x)`, 1 km apart, -32 dBZ
        where there is no echo, none missing; licence and attribution as attributes.

    References:
        Finnish Meteorological Institute, radar composite of 28 September 2016, CC BY 4.0.

    Example:

    ```python
    radar = keras_wx.open_dataset("sample_radar")
    ```
    """
    with as_file(files("keras_wx.data") / "shipped" / _FILE) as path:
        # Read at once: out of a zipped package the file is there for this block only.
        return open_files(path).load()
