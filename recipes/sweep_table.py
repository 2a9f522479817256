"""Trains every configuration of a small search space once, and writes the table of their scores.

    python recipes/sweep_table.py --data taasrad19_64x64_2015-10_2017-01.nc --out runs

The table lets searches be replayed without training (recipes/sweep_replay.py). A run that was
broken off goes on when it is started again with the same `--out`: a configuration in the table is
done. They come in a random order, so that a part of the table is a fair sample of the whole.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import random
import shutil
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import xarray as xr

import keras_wx
from keras_wx.tuning.changes import arguments_of
from keras_wx.tuning.space import Space, read_space
from keras_wx.tuning.trial import free_memory

SPACE = Path(__file__).with_suffix(".yaml")
TRAIN, VAL = ("2016-06-01", "2016-06-20"), ("2016-08-01", "2016-08-15")
MODEL = "convlstm_hko.taasrad19"
OPTIONS = {
    "config": {"output_frames": 3, "patch_size": 4},
    "metrics": ["mean_squared_error"],
    "epochs": 2,
    "steps_per_epoch": 60,
    "augment": [],
    "val_samples": {"stride": 30},
    "early_stopping": {"monitor": "val_mean_squared_error", "mode": "min"},
    "seed": 2015,
    "keep": 1,
    "verbose": 0,
}
SCORE = "val_mean_squared_error"
DBZ = 60.0
"""What 1 is, in network numbers."""


def main():
    options = arguments()
    space = read_space(SPACE, "convlstm")
    table = options.out / "table.csv"
    options.out.mkdir(parents=True, exist_ok=True)
    done = {tuple(row[key] for key in space.parameters) for row in read(table)}
    radar = keras_wx.open_dataset("taasrad19", path=options.data)
    train, val = part(radar, TRAIN), part(radar, VAL)
    todo = [
        (number, names)
        for number, names in enumerate(configurations(space))
        if tuple(str(name) for name in names.values()) not in done
    ]
    for number, names in todo[: options.at_most]:
        row = score(space, names, train, val, options.out / f"trial-{number:03}")
        append(table, {"trial": number, **names, **row})
        print(number, names, row, flush=True)
        free_memory()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the TAASRAD19 NetCDF file")
    parser.add_argument("--out", type=Path, required=True, help="folder of table.csv")
    parser.add_argument(
        "--at-most", type=int, help="configurations, after which it ends: TensorFlow keeps memory"
    )
    return parser.parse_args()


def part(radar: xr.Dataset, period: tuple[str, str]) -> xr.Dataset:
    """In memory, and without the standard split: it is all for one purpose."""
    found = radar.sel(time=slice(*period)).load()
    return found.drop_attrs(deep=False).assign_attrs(title=radar.attrs["title"])


def configurations(space: Space) -> list[dict]:
    """Key -> name of the choice, of every combination, in an order that is always the same."""
    keys = list(space.parameters)
    names = [list(parameter.options) for parameter in space.parameters.values()]
    found = [dict(zip(keys, choice, strict=True)) for choice in itertools.product(*names)]
    random.Random(2015).shuffle(found)
    return found


def score(space: Space, names: dict, train: xr.Dataset, val: xr.Dataset, folder: Path) -> dict:
    changes = {key: space.parameters[key].options[name] for key, name in names.items()}
    start = time.process_time()
    try:
        run = keras_wx.train(MODEL, train, val, output_dir=folder, **arguments_of(changes, OPTIONS))
    except keras_wx.errors.TrainingError as error:
        return {"status": "failed", "message": str(error).splitlines()[0]}
    epochs = [DBZ**2 * value for value in run.history[SCORE]]
    row = {
        "status": "completed",
        "mse_dbz2": f"{min(epochs):.5f}",
        "mse_dbz2_epoch_1": f"{epochs[0]:.5f}",
        "parameters": run.model.count_params(),
        "cpu_seconds": f"{time.process_time() - start:.1f}",
    }
    shutil.rmtree(folder)
    return row


COLUMNS = ("status", "mse_dbz2", "mse_dbz2_epoch_1", "parameters", "cpu_seconds", "message")


def read(table: Path) -> list[dict[str, str]]:
    if not table.exists():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append(table: Path, row: dict) -> None:
    """Rewrites the table with one row more, so that a kill leaves no half row."""
    rows = [*read(table), row]
    new = table.with_suffix(".new")
    keys = [key for key in row if key not in COLUMNS]
    with new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*keys, *COLUMNS])
        writer.writeheader()
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, table)


if __name__ == "__main__":
    main()
