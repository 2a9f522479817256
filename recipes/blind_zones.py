"""Trains the small networks for blind zones on synthetic curtains; compares them with baselines.

    python recipes/blind_zones.py --out runs/blind_zones --bfloat16

For each preset a run of `keras_wx.train`, which goes on when it was broken off; then a table of all
of them and of every baseline on curtains of another seed, in `--out`/leaderboard.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import xarray as xr

import keras_wx
from keras_wx.verification.leaderboard import leaderboard

PRESETS = (
    "unet3plus_curtain_era5_small",
    "unet3plus_curtain_small",
    "unet_curtain_era5_small",
    "unetplusplus_curtain_era5_small",
)
BASELINES = (
    "repeat",
    "marching_average",
    "linear",
    "laplace",
    "navier_stokes",
    "telea",
    "biharmonic",
)
LEARNING_RATES = {"unetplusplus_curtain_era5_small": 2e-4}
"""Of those that do not take 1e-3: the tanh of UNet++ ends in clear air everywhere, for good."""
EVENTS = 512
"""Of 512 columns each. With 192 of them, and half the steps, a network of reflectivity alone was
level with the best baseline."""
SEED = 2024
STEPS_PER_EPOCH = 100


def curtains(seed: int, events: int) -> xr.Dataset:
    return keras_wx.open_dataset(
        "synthetic_curtain", columns=512 * events, events=events, seed=seed
    )


def main():
    options = arguments()
    data = curtains(seed=1, events=options.events)
    trained = {}
    for name in options.presets:
        run = keras_wx.train(
            name,
            data,
            output_dir=options.out / name,
            epochs=options.epochs,
            steps_per_epoch=STEPS_PER_EPOCH,
            learning_rate=LEARNING_RATES.get(name, 1e-3),
            schedule={"drops": {round(part * options.epochs): 0.1 for part in options.drops}},
            mixed_precision="bfloat16" if options.bfloat16 else None,
            val_samples={"stride": 64},
            seed=SEED,
            verbose=2,
        )
        trained[name] = run.model
    board = leaderboard(
        [*trained.values(), *BASELINES],
        curtains(seed=2, events=48),
        split=None,
        members=options.members,
    )
    print(board)
    board.save(options.out / "leaderboard")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of runs and table")
    parser.add_argument("--presets", nargs="+", default=PRESETS)
    parser.add_argument("--epochs", type=int, default=40, help=f"of {STEPS_PER_EPOCH} steps")
    parser.add_argument("--events", type=int, default=EVENTS, help="of 512 columns, for training")
    parser.add_argument(
        "--drops",
        nargs="*",
        type=float,
        default=(0.7, 0.9),
        help="parts of the epochs after which the learning rate falls to a tenth",
    )
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--bfloat16", action="store_true", help="mixed precision, for new CPUs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
