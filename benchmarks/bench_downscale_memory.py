"""Memory that a large domain takes to downscale: the peak of the process, TensorFlow included.

A small diffusion model that reads 40 fine fields, a coarse one, terrain and the calendar draws
members of a field of 1750 x 3500 points into a Zarr store, from data on disk. How long it takes
says little: the network is a toy. What is kept in memory does not depend on it, but on the domain.

    python benchmarks/bench_downscale_memory.py --rows 1750 --columns 3500
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr
from report import table, update_section

import keras_wx
from keras_wx import spec

LAGS = 40
LIMIT_GIB = 6
CONFIG = {
    "history": LAGS,
    "conditions": 5,
    "widths": [8, 16],
    "blocks": 1,
    "encoder_attention": [],
    "decoder_attention": [],
    "head_size": 4,
    "groups": 4,
    "encoder": {
        "widths": [4, 8],
        "blocks": 1,
        "encoder_attention": [],
        "head_size": 4,
        "groups": 4,
    },
    "schedule": {"name": "cosine", "steps": 100},
    "sampler": {"name": "dpm_solver", "steps": 2},
}


def preset(tile: int) -> spec.Preset:
    fine = {"name": "air", "units": "K", "grid": "fine"}
    fine["transform"] = {"linear": {"low": 250, "high": 300, "clip": False}}
    variables = [
        {**fine, "role": "input", "steps": [-LAGS, -1]},
        {**fine, "name": "coarse_air", "role": "input", "grid": "coarse", "steps": [0, 0]},
        {"name": "elevation", "units": "m", "role": "static", "grid": "fine"},
        {"name": "latitude", "units": "degrees_north", "role": "calendar", "grid": "fine"},
        {"name": "longitude", "units": "degrees_east", "role": "calendar", "grid": "fine"},
        {"name": "day_of_season", "units": "1", "role": "calendar", "grid": "fine"},
        {**fine, "role": "target", "steps": [0, 0]},
    ]
    return spec.validate(
        {
            "name": "small_ddpm",
            "title": "A small diffusion model",
            "task": "downscale",
            "architecture": "ddpm",
            "config": CONFIG,
            "sample": {
                "step": "1d",
                "layout": "channels",
                "grids": {
                    "fine": {"shape": [tile, tile]},
                    "coarse": {"onto": "fine", "method": "bilinear"},
                },
                "variables": variables,
            },
        },
        "small_ddpm.yaml",
    )


def write_pair(folder: Path, rows: int, columns: int, days: int) -> xr.Dataset:
    """Random daily fields on disk, one at a time; those of an earlier run are taken again."""
    rng = np.random.default_rng(0)
    north, east = {"units": "degrees_north"}, {"units": "degrees_east"}
    ends = (20, 55), (-130, -60)
    coords = {
        "lat": ("lat", np.linspace(*ends[0], rows), north),
        "lon": ("lon", np.linspace(*ends[1], columns), east),
        "coarse_lat": ("coarse_lat", np.linspace(19, 56, rows // 8), north),
        "coarse_lon": ("coarse_lon", np.linspace(-131, -59, columns // 8), east),
    }
    coarse = (rows // 8, columns // 8)

    def field(*shape: int) -> np.ndarray:
        return rng.uniform(250, 300, shape).astype("float32")

    for day in () if (folder / "pair.zarr").exists() else range(days):
        times = np.datetime64("2020-01-01", "ns") + np.array([day]) * np.timedelta64(1, "D")
        part = xr.Dataset(
            {
                "air": (("time", "lat", "lon"), field(1, rows, columns), {"units": "K"}),
                "coarse_air": (
                    ("time", "coarse_lat", "coarse_lon"),
                    field(1, *coarse),
                    {"units": "K"},
                ),
            },
            coords={"time": times, **coords},
        )
        if day == 0:
            part.to_zarr(folder / "pair.zarr", consolidated=False)
        else:
            part.to_zarr(folder / "pair.zarr", append_dim="time", consolidated=False)
    pair = xr.open_zarr(folder / "pair.zarr", chunks=None, consolidated=False)
    return pair.assign(elevation=(("lat", "lon"), field(rows, columns), {"units": "m"}))


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1750)
    parser.add_argument("--columns", type=int, default=3500)
    parser.add_argument("--tile", type=int, default=64)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keeps the data for another run")
    parser.add_argument("--history", choices=("data", "own"), default="own")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        pair = write_pair(folder, given.rows, given.columns, days=LAGS + 2)
        written = peak_gib()
        from keras_wx.models.diffusion.ddpm import DDPM

        model = DDPM(**CONFIG)
        model.preset = preset(given.tile)
        start = time.perf_counter()
        fields = keras_wx.predict(
            model,
            pair,
            members=given.members,
            history=given.history,
            halo=given.tile // 8,
            overlap=given.tile // 4,
            batch_size=8,
            path=Path(scratch) / "fields.zarr",
        )
        seconds, peak = time.perf_counter() - start, peak_gib()
        assert np.isfinite(fields.air[-1, -1].values).all()
        size = 4 * np.prod(fields.air.shape[-2:]) / 2**20
    row = [f"{given.rows} x {given.columns}", str(len(fields.time)), str(given.members)]
    row += [f"{size:.0f}", f"{written:.2f}", f"{peak:.2f}", f"{seconds:.0f}"]
    header = ["domain", "times", "members", "one field [MiB]", "before [GiB]", "peak [GiB]", "[s]"]
    update_section(
        "downscale_memory",
        "Memory of a downscaled domain",
        f"`python benchmarks/bench_downscale_memory.py --tile {given.tile} --history "
        f"{given.history}`; load average before the run {load:.1f}. {LAGS} fields of history, a "
        f"toy network on tiles of {given.tile} x {given.tile}, the result in a Zarr store. The "
        f"peak is the resident memory of the whole process, to be below {LIMIT_GIB} GiB.\n\n"
        + table(header, [row]),
    )
    assert peak < LIMIT_GIB


if __name__ == "__main__":
    main()
