"""Small pairs of fields, and models of them whose fields can be written down."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx import spec
from keras_wx.baselines import Baseline

LOW, HIGH = 250.0, 300.0
LAGS = 3


def make_pair(days=10, shape=(12, 14), coarse=(4, 5), seed=0) -> xr.Dataset:
    """Random daily fields; latitudes descend, and the coarse grid reaches beyond the fine one."""
    rng = np.random.default_rng(seed)

    def field(*size):
        return rng.uniform(255, 295, (days, *size)).astype("float32")

    times = np.datetime64("2001-02-10", "ns") + np.arange(days) * np.timedelta64(1, "D")
    north, east = {"units": "degrees_north"}, {"units": "degrees_east"}
    return xr.Dataset(
        {
            "air": (("time", "lat", "lon"), field(*shape), {"units": "K", "long_name": "air"}),
            "coarse_air": (("time", "coarse_lat", "coarse_lon"), field(*coarse), {"units": "K"}),
            "elevation": (("lat", "lon"), rng.uniform(0, 3000, shape), {"units": "m"}),
        },
        coords={
            "time": times,
            "lat": ("lat", np.linspace(60, 38, shape[0]), north),
            "lon": ("lon", np.linspace(-10, 16, shape[1]), east),
            "coarse_lat": ("coarse_lat", np.linspace(37, 61, coarse[0]), north),
            "coarse_lon": ("coarse_lon", np.linspace(-12, 18, coarse[1]), east),
        },
        attrs={"source": "made up", "license": "CC0"},
    )


def preset_of(shape=(8, 8), *, lags=LAGS, fill=None, target_step=0) -> spec.Preset:
    """History, the day's coarse field, elevation and the day of the season -> the fine field."""
    linear = {"linear": {"low": LOW, "high": HIGH, "clip": False}}
    air = {"units": "K", "transform": linear, "fill": fill}
    fine = {"name": "air", "grid": "fine", **air}
    history = {"role": "input", "steps": [-lags, -1], **fine}
    variables = [
        {"name": "coarse_air", "role": "input", "grid": "coarse", "steps": [0, 0], **air},
        {
            "name": "elevation",
            "units": "m",
            "role": "static",
            "grid": "fine",
            "transform": {"linear": {"low": 0, "high": 3000}},
        },
        {"name": "day_of_season", "units": "1", "role": "calendar", "grid": "fine"},
        {"role": "target", "steps": [target_step, target_step], **fine},
    ]
    return spec.validate(
        {
            "name": "small",
            "title": "A small model",
            "task": "downscale",
            "architecture": "small",
            "sample": {
                "step": "1d",
                "layout": "channels",
                "grids": {
                    "fine": {"dims": ["lat", "lon"], "shape": shape},
                    "coarse": {"dims": ["coarse_lat", "coarse_lon"], "onto": "fine"},
                },
                "variables": [history, *variables] if lags else variables,
            },
        },
        "small.yaml",
    )


def numbers(kelvin):
    return (kelvin - LOW) / (HIGH - LOW)


def kelvin(numbers):
    return numbers * (HIGH - LOW) + LOW


def on_fine(pair: xr.Dataset) -> np.ndarray:
    """The coarse field at the nearest points of the fine grid, by xarray."""
    points = {"coarse_lat": pair.lat, "coarse_lon": pair.lon}
    return pair.coarse_air.sel(points, method="nearest").values


class Mixed(Baseline):
    """`last` of the latest lag, `oldest` of the oldest and the rest of the coarse field."""

    def __init__(self, last=0.5, oldest=0.25, lags=LAGS, noise=0.0, name=None):
        super().__init__(name or "mixed")
        self.last, self.oldest, self.lags, self.noise = last, oldest, lags, noise
        self.stochastic = noise > 0
        self.shapes = []

    def forecast(self, x):
        self.shapes.append(x.shape)
        y = self.last * x[..., self.lags - 1] + self.oldest * x[..., 0]
        y = y + (1 - self.last - self.oldest) * x[..., self.lags]
        if self.noise:
            y = y + [self.noise * self.rng.next(part).normal(size=part.shape[:2]) for part in x]
        return y[..., None].astype(np.float32)


class NoiseAlone(Baseline):
    """A field is the noise that it begins with; `sample` has the form of a diffusion model's."""

    stochastic = True

    def sample(self, x, noise=None, members=1):
        assert noise.shape == (members, *x.shape[:-1], 1)
        return noise


def model_of(model: Baseline, **options) -> Baseline:
    model.preset = preset_of(**options)
    return model
