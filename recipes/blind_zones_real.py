"""Fine-tunes the small networks for blind zones on real curtains; compares them on held-out ones.

    python recipes/blind_zones_real.py gpm --data gpm_ku_brisbane_20141206.nc --out runs/gpm
    python recipes/blind_zones_real.py cloudnet --data iwc.nc ecmwf.nc --out runs/cloudnet

`gpm`: rain along the track of the Ku-band radar in space, without the state of the air. What its
own blind zone holds nobody knows: all gates below 3 km are hidden, and those count that the radar
did see. Rays 0 to 29 are for training, 40 to 48 for the test.

`cloudnet`: snow over one site on one day, with the state of the air. One day is little to learn
from, so it counts once for each of twelve bases from 1.8 to 4.55 km, as mountains of that height
would see it, and for training in air that is changed at random. The test is of three bases whose
blind zones have no gate in common, in the air that there was: an afternoon of broken cloud and two
hours of deep cloud at night. An evening with both chooses the epoch. All are about as far apart as
columns know of each other, two and a half hours.

Each network starts from its weights for synthetic curtains, and once more from random ones. A run
that was broken off goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import keras_wx
from keras_wx.verification.leaderboard import leaderboard

BASELINES = (
    "repeat",
    "marching_average",
    "linear",
    "laplace",
    "navier_stokes",
    "telea",
    "biharmonic",
)
DAY = "2019-05-17"
PARTS = {
    "train": (("00:00", "10:39"),),
    "val": (("17:20", "19:39"),),
    "test": (("13:00", "14:59"), ("22:00", "23:59")),
}
"""Of the day at Mace Head."""
TEST_BASES = range(1800, 4301, 1250)
"""In m: each hides other gates of the same hours than the one below."""
BASES = range(1800, 4551, 250)
AIRS = 16
"""That each base is trained with."""
EPOCHS = {"gpm": 15, "cloudnet": 20}
STEPS_PER_EPOCH = 20
BEST = {"monitor": "val_mae_dbz", "mode": "min", "patience": 6}
SEED = 2024


def gpm(paths: list[Path]) -> tuple[xr.Dataset, tuple[str, ...], dict]:
    sample = {
        "step": None,
        "grids": {"curtain": {"shape": [80, 64], "spacing": {"height": "125m"}}},
        "variables": {"reflectivity": {"transform": {"cloud": {"low": -60, "high": 60}}}},
        "blind_zone": {"height": 3000},
    }
    data = keras_wx.open_dataset("gpm_ku", path=paths[0], ray=None)
    return data, ("unet3plus_curtain_small",), sample


def cloudnet(paths: list[Path]) -> tuple[xr.Dataset, tuple[str, ...], dict]:
    """The day once for each base, one after another, with a day between."""
    presets, sample = ("unet3plus_curtain_small", "unet3plus_curtain_era5_small"), {"step": "30s"}
    eats = keras_wx.load(presets[-1], weights=None, sample=sample).preset.sample
    seen = {
        base: keras_wx.data.conform(
            keras_wx.open_dataset("cloudnet", path=paths[0], model=paths[1], base=base),
            eats,
            regrid=True,
        )
        for base in BASES
    }
    (hours,) = PARTS["train"]
    train = [day.sel(time=slice(*(f"{DAY}T{hour}" for hour in hours))) for day in seen.values()]
    generator = np.random.default_rng(SEED)
    days = {
        "train": [other_air(day, generator) for _ in range(AIRS) for day in train],
        "val": list(seen.values()),
        "test": [seen[base] for base in TEST_BASES],
    }
    later, parts, splits = pd.Timedelta(0), [], {}
    for part, curtains in days.items():
        spans = []
        for curtain in curtains:
            date = f"{pd.Timestamp(DAY) + later:%Y-%m-%d}"
            spans += [f"{date}T{begin}/{date}T{end}" for begin, end in PARTS[part]]
            parts.append(curtain.assign_coords(time=curtain["time"] + later.to_numpy()))
            later += pd.Timedelta(days=2)
        splits[f"split_{part}"] = ",".join(spans)
    return xr.concat(parts, "time", data_vars="minimal").assign_attrs(splits), presets, sample


def other_air(curtain: xr.Dataset, generator: np.random.Generator) -> xr.Dataset:
    """The same cloud in other air: warmer, moister, faster, by amounts that change with height. In
    ten hours a network could tell each by its air, and learn by heart what cloud there was."""
    bottom, top = generator.normal(size=(2, 4))
    up = xr.DataArray(np.linspace(0, 1, curtain.sizes["height"]), dims="height")
    warmer, moister, east, north = (
        low + (high - low) * up for low, high in zip(bottom, top, strict=True)
    )
    with xr.set_options(keep_attrs=True):
        return curtain.assign(
            temperature=curtain["temperature"] + 20 * warmer,
            specific_humidity=curtain["specific_humidity"] * np.exp(moister),
            eastward_wind=curtain["eastward_wind"] + 25 * east,
            northward_wind=curtain["northward_wind"] + 25 * north,
        ).astype("float32")


def main():
    options = arguments()
    data, presets, sample = {"gpm": gpm, "cloudnet": cloudnet}[options.radar](options.data)
    trained, chooses = {}, "split_val" in data.attrs
    for name in presets:
        for start in ("default", None):
            how = "fine-tuned" if start else "from random weights with a first guess"
            run = keras_wx.train(
                name,
                data,
                val=None if chooses else False,
                output_dir=options.out / f"{name}_{start or 'random'}",
                weights=start,
                # There is little to learn from: random weights begin as repetition.
                config={} if start else {"first_guess": "repeat"},
                sample=sample,
                samples={"regrid": True},
                val_samples={"stride": 16} if chooses else None,
                epochs=options.epochs or EPOCHS[options.radar],
                steps_per_epoch=STEPS_PER_EPOCH,
                learning_rate=3e-4 if start or chooses else 1e-3,
                schedule={"fall": 0.3},
                early_stopping=BEST if chooses else False,
                mixed_precision="bfloat16" if options.bfloat16 else None,
                seed=SEED,
                verbose=2,
            )
            trained[f"{name}, {how}"] = run.model
    board = leaderboard(
        trained | {name: name for name in BASELINES},
        data,
        split="test",
        members=options.members,
        regrid=True,
    )
    print(board.table.to_string())
    board.save(options.out / "leaderboard")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("radar", choices=["gpm", "cloudnet"])
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="its files")
    parser.add_argument("--out", type=Path, required=True, help="folder of runs and table")
    parser.add_argument("--epochs", type=int, help=f"of {STEPS_PER_EPOCH} steps; {EPOCHS}")
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--bfloat16", action="store_true", help="mixed precision, for new CPUs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
