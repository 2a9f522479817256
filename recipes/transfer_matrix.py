"""How far trained weights carry: other radars, untouched and after a little fine-tuning.

    python recipes/transfer_matrix.py --data FOLDER --out docs/transfer

For each radar the network forecasts the part that is held out, as it is and after 50 steps on the
other part, beside the baselines. The sequences are short: the held-out part of the two large
composites is another region of the same hours, that of Gothenburg a later time.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import keras
import pandas as pd
import xarray as xr

import keras_wx
from keras_wx.data.conform import conform
from keras_wx.verification.leaderboard import Leaderboard, leaderboard
from keras_wx.zoo.compiling import compile_model
from keras_wx.zoo.loading import rebuild

SEED = 2016
STEPS = 50
LEARNING_RATE = 1e-4
BASELINES = ("persistence", "rover1", "rover2", "rover3", "lucas_kanade")
DECIMALS = {"CSI@10": 3, "CSI@20": 3, "CSI@30": 3, "bias@20": 2, "MSE": 2, "MAE": 2}


class Radar(NamedTuple):
    """One radar in the units and on the grid of the network, in two parts."""

    name: str
    model: keras.Model
    train: xr.Dataset
    test: xr.Dataset
    stride: int


def radars(folder: Path) -> Iterator[Radar]:
    model = keras_wx.load("convlstm_hko")
    fmi = keras_wx.open_dataset("fmi", path=folder / "fmi_20160928.nc")
    data = conform(fmi, model.preset.sample, regrid=True).load()
    yield Radar("FMI", model, *halves(data, axis=1), stride=4)

    # 12 frames, of which 5 are read; the others of the network's numbers do not change.
    model = keras_wx.load("convlstm_hko", output_frames=7)
    sample = model.preset.sample.merged({"step": "6min", "grids": {"radar": {"spacing_km": 4}}})
    model = keras_wx.load("convlstm_hko", output_frames=7, sample=sample)
    mrms = keras_wx.open_dataset("mrms", path=folder / "mrms_preciprate_2min_20190610_x2.nc")
    data = every_third(mrms, lambda part: conform(part, sample, regrid=True, zr="marshall_palmer"))
    yield Radar("MRMS", model, *halves(data, axis=2), stride=1)

    model = keras_wx.load("convlstm_hko")
    openmrg = keras_wx.open_dataset("openmrg", path=folder / "openmrg_rad_20150827.nc")
    data = conform(openmrg, model.preset.sample, regrid=True, zr=(200, 1.5)).load()
    later = round(0.6 * data.sizes["time"])
    parts = (data.isel(time=part) for part in (slice(None, later), slice(later, None)))
    yield Radar("OpenMRG", model, *parts, stride=2)


def halves(data: xr.Dataset, axis: int) -> tuple[xr.Dataset, xr.Dataset]:
    dim = data.reflectivity.dims[axis]
    middle = data.sizes[dim] // 2
    return data.isel({dim: slice(None, middle)}), data.isel({dim: slice(middle, None)})


def every_third(data: xr.Dataset, prepare) -> xr.Dataset:
    """Three sequences of every third frame, a day apart, so that no window spans two of them."""
    parts = []
    for first in range(3):
        part = prepare(data.isel(time=slice(first, None, 3))).load()
        parts.append(part.assign_coords(time=part.time + pd.Timedelta(days=first)))
    return xr.concat(parts, "time")


def fine_tuned(radar: Radar) -> keras.Model:
    keras.utils.set_random_seed(SEED)
    preset = radar.model.preset
    model = rebuild(radar.model)
    compile_model(model, preset)
    model.optimizer.learning_rate = LEARNING_RATE
    fits = min(radar.train.sizes[dim] for dim in radar.train.reflectivity.dims[1:]) >= 64
    train = keras_wx.samples(
        radar.train, preset, split=None, shuffle=True, seed=SEED, min_rain_fraction=0,
        augment=("flip",), crop="random" if fits else None,
    )  # fmt: skip
    model.fit(train.to_tf().repeat(), steps_per_epoch=STEPS, verbose=2)
    return model


def compare(radar: Radar) -> Leaderboard:
    models = {"convlstm_hko": radar.model, f"after {STEPS} steps": fine_tuned(radar)}
    frames = radar.model.preset.sample.targets[0].frames
    models |= {name: keras_wx.load(name, output_frames=frames) for name in BASELINES}
    return leaderboard(models, radar.test, stride=radar.stride, min_rain_fraction=0, repetitions=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the radar files")
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for radar in radars(options.data):
        board = compare(radar)
        print(radar.name, board.table, board.left_out, board.facts, sep="\n", flush=True)
        table = board.table[list(DECIMALS)].round(DECIMALS)
        rows.append(pd.concat({radar.name: table}, names=["radar", "model"]))
    matrix = pd.concat(rows)
    matrix.to_csv(options.out / "transfer.csv")
    print(matrix.to_string())


if __name__ == "__main__":
    main()
