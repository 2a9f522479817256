"""Small pairs of fields and a sample that the tests of downscaling share."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.spec import Sample

LAT = np.linspace(60, 38, 12)
LON = np.linspace(-10, 16, 14)
COARSE_LAT = np.array([37.0, 45.0, 53.0, 61.0])
COARSE_LON = np.array([-12.0, -2.0, 8.0, 18.0])


def axis(name: str, values: np.ndarray) -> tuple:
    units = "degrees_north" if "lat" in name else "degrees_east"
    return name, values, {"units": units}


def make_pair(days: int = 40, *, start: str = "2001-02-10", seed: int = 0) -> xr.Dataset:
    """Random fields, daily: each number occurs once. Latitudes of the fine grid descend."""
    rng = np.random.default_rng(seed)
    shape, coarse = (LAT.size, LON.size), (COARSE_LAT.size, COARSE_LON.size)
    times = np.datetime64(start, "ns") + np.arange(days) * np.timedelta64(1, "D")
    return xr.Dataset(
        {
            "air": (
                ("time", "lat", "lon"),
                rng.uniform(250, 300, (days, *shape)).astype("float32"),
                {"units": "K"},
            ),
            "coarse_air": (
                ("time", "coarse_lat", "coarse_lon"),
                rng.uniform(250, 300, (days, *coarse)).astype("float32"),
                {"units": "K"},
            ),
            "elevation": (("lat", "lon"), rng.uniform(0, 3000, shape), {"units": "m"}),
        },
        coords={
            "time": times,
            "lat": axis("lat", LAT),
            "lon": axis("lon", LON),
            "coarse_lat": axis("coarse_lat", COARSE_LAT),
            "coarse_lon": axis("coarse_lon", COARSE_LON),
        },
        attrs={"area": "A0"},
    )


def make_sample(
    shape=(4, 6), *, lags: int = 3, method: str = "bilinear", fill=None, **air
) -> Sample:
    """History, coarse field, elevation and two maps of the calendar -> the day's fine field."""
    air = {"transform": {"linear": {"low": 250, "high": 300}}, "fill": fill} | air
    fine = {"name": "air", "units": "K", "grid": "fine"} | air
    return Sample.model_validate(
        {
            "step": "1d",
            "layout": "channels",
            "grids": {
                "fine": {"dims": ("lat", "lon"), "shape": shape},
                "coarse": {
                    "dims": ("coarse_lat", "coarse_lon"),
                    "onto": "fine",
                    "method": method,
                },
            },
            "variables": [
                fine | {"role": "input", "steps": (-lags, -1)},
                fine | {"name": "coarse_air", "role": "input", "grid": "coarse", "steps": (0, 0)},
                {
                    "name": "elevation",
                    "units": "m",
                    "role": "static",
                    "grid": "fine",
                    "transform": {"linear": {"low": 0, "high": 3000}},
                },
                {"name": "latitude", "units": "degrees_north", "role": "calendar", "grid": "fine"},
                {"name": "day_of_season", "units": "1", "role": "calendar", "grid": "fine"},
                fine | {"role": "target", "steps": (0, 0)},
            ],
        }
    )
