"""Windows of 5 -> 15 frames a second: `samples` against a bare NumPy gather and xbatcher.

Every arm makes batches of float32 gray levels from windows of the TAASRAD19 file, in random order
unless it says otherwise. The gather is `frames[indices]` on one float32 array in memory: the least
that any loader has to do. xbatcher cuts single windows out of a dataset, which a line of NumPy
scales and stacks. Goals: `samples` once warm at most 2 times slower than the gather, and at least
10 times faster than xbatcher from the same file. Every arm runs on one thread, and seconds are
those of the CPU, so that other work on the machine counts little.

    python benchmarks/bench_samples.py --path taasrad19_64x64.nc
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
import xbatcher
from report import table, update_section

import keras_wx
from keras_wx.spec import Sample

PAST, FUTURE, BATCH = 5, 15, 8
GATHER, WARM = "NumPy gather from memory", "samples, warm"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FILE = DATA / "taasrad19_64x64_2015-10_2017-01.nc"


def sample() -> Sample:
    variable = {
        "name": "reflectivity",
        "units": "dBZ",
        "grid": "radar",
        "transform": {"linear": {"low": 0, "high": 52.5}},
    }
    return Sample.model_validate(
        {
            "step": "5min",
            "grids": {"radar": {"shape": (64, 64), "spacing_km": 3.75}},
            "variables": [
                variable | {"role": "input", "steps": (1 - PAST, 0)},
                variable | {"role": "target", "steps": (1, FUTURE)},
            ],
        }
    )


Loader = Callable[[int], tuple[np.ndarray, np.ndarray]]
"""Makes one batch, the k-th."""


def gather(frames: np.ndarray, starts: np.ndarray) -> Loader:
    def batch(k: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = starts[k * BATCH : (k + 1) * BATCH]
        windows = frames[chosen[:, None] + np.arange(PAST + FUTURE)]
        return windows[:, :PAST, ..., None], windows[:, PAST:, ..., None]

    return batch


def cut_by_xbatcher(dataset: xr.Dataset, starts: np.ndarray, scale: float) -> Loader:
    sizes = {"time": PAST + FUTURE, "y": 64, "x": 64}
    generator = xbatcher.BatchGenerator(
        dataset, sizes, input_overlap={"time": PAST + FUTURE - 1}, preload_batch=False
    )

    def batch(k: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = starts[k * BATCH : (k + 1) * BATCH].tolist()
        windows = np.stack([generator[start]["reflectivity"].values for start in chosen])
        windows = np.clip(windows / scale, 0, 1).astype("float32")
        return windows[:, :PAST, ..., None], windows[:, PAST:, ..., None]

    return batch


def first_epochs(dataset: xr.Dataset, batches: int) -> Loader:
    """Opens a part anew at the start of each pass, and reads it from the file."""
    samples = None

    def batch(k: int) -> tuple[np.ndarray, np.ndarray]:
        nonlocal samples
        if k % batches == 0:
            samples = keras_wx.samples(dataset, sample(), split="val", shuffle=True)
        return samples[k % batches]

    return batch


def measure(arms: dict[str, tuple[Loader, int]], rounds: int) -> dict[str, list[float]]:
    """Windows a CPU second; every arm makes some batches in each round, each time others."""
    rates = {name: [] for name in arms}
    for turn in range(rounds):
        for name, (load, batches) in arms.items():
            start = time.process_time()
            for k in range(turn * batches, (turn + 1) * batches):
                load(k)
            rates[name].append(batches * BATCH / (time.process_time() - start))
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", type=Path, default=FILE)
    parser.add_argument("--rounds", type=int, default=9, choices=range(1, 10))
    options = parser.parse_args()

    radar = keras_wx.open_dataset("taasrad19", path=options.path)
    plain, turned = (
        keras_wx.samples(radar, sample(), split="train", batch_size=BATCH, augment=augment)
        for augment in ((), ("flip", "rotate"))
    )
    # Opened anew: xarray keeps in `radar` what is read whole, and it would be a file no more.
    again = keras_wx.open_dataset("taasrad19", path=options.path)
    gray = np.clip(again["reflectivity"].values / 52.5, 0, 1).astype("float32")
    in_memory = xr.Dataset({"reflectivity": (("time", "y", "x"), gray)})
    in_order = plain.selection.starts
    shuffled = np.random.default_rng(0).permutation(in_order)
    august = len(keras_wx.samples(radar, sample(), split="val"))

    # Each arm with the number of batches that takes it some tenths of a second.
    arms = {
        GATHER: (gather(gray, shuffled), 400),
        WARM: (plain.__getitem__, 400),
        "samples, warm, flips and turns": (turned.__getitem__, 400),
        "samples, first epoch of August, file included": (first_epochs(radar, august), august),
        "xbatcher from memory": (cut_by_xbatcher(in_memory, shuffled, 1.0), 100),
        "xbatcher from the file": (cut_by_xbatcher(radar, shuffled, 52.5), 4),
        "xbatcher from the file, in order": (cut_by_xbatcher(radar, in_order, 52.5), 20),
    }
    ordered = keras_wx.samples(radar, sample(), split="train", batch_size=BATCH, shuffle=False)
    for load in (gather(gray, in_order), cut_by_xbatcher(radar, in_order, 52.5)):
        for ours, theirs in zip(ordered[3], load(3), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)
    for samples in (plain, turned):
        for _ in samples:
            pass  # reads the file, once
    rates = measure(arms, options.rounds)

    def ratio(first: str, second: str) -> str:
        # A ratio a round: both were measured within a second or two of each other.
        pairs = zip(rates[first], rates[second], strict=True)
        return f"{statistics.median(a / b for a, b in pairs):.2f}"

    rows = [
        [name, f"{statistics.median(rate):,.0f}", ratio(GATHER, name), ratio(WARM, name)]
        for name, rate in rates.items()
    ]
    header = [
        "loader",
        "windows a CPU second",
        "gather is faster by",
        "samples, warm, is faster by",
    ]
    title = (
        f"Windows of {PAST} -> {FUTURE} frames in batches of {BATCH}, "
        f"{options.rounds} interleaved rounds, medians"
    )
    update_section("samples", title, table(header, rows))


if __name__ == "__main__":
    main()
