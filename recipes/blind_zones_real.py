"""Fine-tunes the small networks for blind zones on real curtains; compares them on held-out ones.

    python recipes/blind_zones_real.py gpm --data gpm_ku_brisbane_20141206.nc --out runs/gpm
    python recipes/blind_zones_real.py cloudnet --data iwc.nc ecmwf.nc --out runs/cloudnet

`gpm`: rain along the track of the Ku-band radar in space, without the state of the air. What its
own blind zone holds nobody knows: all gates below 3 km are hidden, and those count that the radar
did see. Rays 0 to 29 are for training, 40 to 48 for the test. `cloudnet`: snow over one site above
1.8 km on one day, with the state of the air. Its columns decorrelate in 2 h 19 min. The test is an
afternoon of broken cloud and two hours of deep cloud at night; an evening with both chooses the
epoch. All are further than that from each other and from what trains.

Each network starts from its weights for synthetic curtains, and once more from random ones. A run
that was broken off goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

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
    data = keras_wx.open_dataset("cloudnet", path=paths[0], model=paths[1], base=1800)
    data = data.assign_attrs(
        {
            f"split_{part}": ",".join(f"{DAY}T{a}/{DAY}T{b}" for a, b in spans)
            for part, spans in PARTS.items()
        }
    )
    return data, ("unet3plus_curtain_small", "unet3plus_curtain_era5_small"), {"step": "30s"}


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
                epochs=options.epochs,
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
    parser.add_argument("--epochs", type=int, default=15, help=f"of {STEPS_PER_EPOCH} steps")
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--bfloat16", action="store_true", help="mixed precision, for new CPUs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
