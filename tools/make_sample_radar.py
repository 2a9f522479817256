"""Makes keras_wx/data/shipped/fmi_20160928_crop.nc from the Finnish radar composite.

Usage: python tools/make_sample_radar.py fmi_20160928.nc
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import xarray as xr

from keras_wx.data.sources._grid import metre_coordinates

# No missing data in any frame, echo above 10 dBZ on a quarter to half of the area, 1 % of it above
# 30 dBZ, moving by about six pixels a frame.
ROWS, COLUMNS = slice(128, 384), slice(384, 640)
TARGET = Path(__file__).parents[1] / "keras_wx" / "data" / "shipped" / "fmi_20160928_crop.nc"


def main(source: str) -> None:
    whole = xr.open_dataset(source, mask_and_scale=False)
    field = whole["reflectivity"].isel(y=ROWS, x=COLUMNS).load()
    field.attrs |= {
        "standard_name": "equivalent_reflectivity_factor",
        "long_name": "radar reflectivity, lowest CAPPI",
        "comment": "-32 dBZ: no echo",
    }
    fill = np.uint8(field.attrs.pop("_FillValue"))
    crop = xr.Dataset(
        {"reflectivity": field},
        coords=metre_coordinates(field.shape[1:], (1.0, 1.0), north_up=True),
        attrs={
            "title": "Radar over Finland, 28 September 2016, 14:45 to 18:00 UTC",
            "source": whole.attrs["source"],
            "license": "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
            "attribution": "Contains open data of the Finnish Meteorological Institute (FMI)",
            "changes": (
                f"Repacked; cropped to rows {ROWS.start} to {ROWS.stop - 1} and columns "
                f"{COLUMNS.start} to {COLUMNS.stop - 1} of the composite of 1226 x 760 pixels; y "
                "and x added, from the middle of the crop, with the nominal spacing of 1 km"
            ),
            "projection": whole.attrs["projection"],
            "zr": whole.attrs["zr"],
        },
    )
    crop.to_netcdf(
        TARGET,
        engine="h5netcdf",
        encoding={
            "reflectivity": {
                "_FillValue": fill,
                "zlib": True,
                "complevel": 9,
                "chunksizes": (1, *field.shape[1:]),
            },
            "time": {"units": "minutes since 2016-09-28", "dtype": "int32"},
        },
    )
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
