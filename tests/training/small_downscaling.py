"""Small networks of downscaling, their presets as folders, and a year of made-up fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
import yaml

LAGS = 3
TRANSFER = {
    "history": LAGS,
    "widths": [4, 8],
    "blocks": 1,
    "encoder_attention": [],
    "decoder_attention": [],
    "head_size": 4,
    "groups": 4,
}
DDPM = {
    "history": LAGS,
    "conditions": 2,
    "widths": [8],
    "blocks": 1,
    "encoder_attention": [],
    "decoder_attention": [],
    "head_size": 4,
    "groups": 4,
    "encoder": {k: v for k, v in TRANSFER.items() if k not in ("history", "decoder_attention")},
    "schedule": {"name": "cosine", "steps": 20},
    "prediction": "v",
    "sampler": {"name": "dpm_solver", "steps": 3},
}
TRAINING = {
    "loss": "mse",
    "optimizer": {"name": "adam", "learning_rate": 1.0e-3},
    "batch_size": 4,
    "epochs": 2,
    "steps_per_epoch": 3,
}


def pair(days: int = 60, shape=(8, 10), start: str = "2001-02-01") -> xr.Dataset:
    """Daily fields that grow warmer and vary more from month to month."""
    rng = np.random.default_rng(0)
    times = np.datetime64(start, "ns") + np.arange(days) * np.timedelta64(1, "D")
    warmth = np.linspace(0, 12, days)[:, None, None]
    fine = 280 + warmth + rng.normal(0, 2, (days, *shape)) * (1 + warmth / 12)
    coarse = fine.reshape(days, shape[0] // 2, 2, shape[1] // 2, 2).mean(axis=(2, 4))
    north, east = {"units": "degrees_north"}, {"units": "degrees_east"}
    lat, lon = 50.0 - np.arange(shape[0]), 10.0 + np.arange(shape[1])
    return xr.Dataset(
        {
            "air": (("time", "lat", "lon"), fine.astype("float32"), {"units": "K"}),
            "coarse_air": (
                ("time", "coarse_lat", "coarse_lon"),
                coarse.astype("float32"),
                {"units": "K"},
            ),
        },
        {
            "time": times,
            "lat": ("lat", lat, north),
            "lon": ("lon", lon, east),
            "coarse_lat": ("coarse_lat", lat.reshape(-1, 2).mean(axis=1), north),
            "coarse_lon": ("coarse_lon", lon.reshape(-1, 2).mean(axis=1), east),
        },
        {"source": "made up", "license": "CC0"},
    )


def ddpm_folder(folder: Path, *, by=(), config=None, **training) -> Path:
    """A preset that reads three lags, the coarse field of the day and the day of the year."""
    scaled = {"units": "K", "transform": {"standard": {}}, "statistics_by": list(by)}
    fine = {"name": "air", "grid": "fine", **scaled}
    variables = [
        {**fine, "role": "input", "steps": [-LAGS, -1]},
        {"name": "coarse_air", "role": "input", "grid": "coarse", "steps": [0, 0], **scaled},
        {"name": "day_of_year_sin", "units": "1", "role": "calendar", "grid": "fine"},
        {**fine, "role": "target", "steps": [0, 0]},
    ]
    grids = {
        "fine": {"dims": ["lat", "lon"], "shape": [4, 4]},
        "coarse": {"dims": ["coarse_lat", "coarse_lon"], "onto": "fine", "method": "bilinear"},
    }
    return _written(folder, "small_ddpm", "ddpm", DDPM | (config or {}), grids, variables, training)


def transfer_folder(folder: Path, *, step: str = "1d", config=None, **training) -> Path:
    """A preset that forecasts the next of three fields."""
    air = {"name": "air", "units": "K", "grid": "fine", "transform": {"standard": {}}}
    variables = [
        {**air, "role": "input", "steps": [1 - LAGS, 0]},
        {**air, "role": "target", "steps": [1, 1]},
    ]
    grids = {"fine": {"dims": ["lat", "lon"], "shape": [4, 4]}}
    config = TRANSFER | (config or {})
    return _written(
        folder, "small_transfer", "transfer_unet", config, grids, variables, training, step=step
    )


def _written(folder, name, architecture, config, grids, variables, training, step="1d") -> Path:
    folder.mkdir(parents=True)
    sample = {"step": step, "layout": "channels", "grids": grids, "variables": variables}
    preset = {
        "name": name,
        "title": "A small network",
        "task": "downscale",
        "architecture": architecture,
        "config": config,
        "sample": sample,
        "training": TRAINING | training,
    }
    (folder / "preset.yaml").write_text(yaml.safe_dump(preset), encoding="utf-8")
    return folder
