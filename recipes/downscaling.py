"""What recipes of downscaling share: weights in half precision, timed fields, the CRPS ahead."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import xarray as xr
from moving_mnist import halve

import keras_wx
from keras_wx.inference.network import is_stochastic
from keras_wx.verification import difference

ENDS = "low", "high"
LEAD = "difference", *ENDS


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """Adds the options that differ from the recipes of the presets."""
    parser.add_argument("--bfloat16", action="store_true", help="mixed precision, for new CPUs")
    parser.add_argument("--epochs", type=int, help="of every network, to try the recipe")
    parser.add_argument("--steps-per-epoch", type=int, help="likewise")


def recipe(options: argparse.Namespace) -> dict[str, Any]:
    """What differs from the recipes of the presets."""
    asked = {
        "mixed_precision": "bfloat16" if options.bfloat16 else None,
        "epochs": options.epochs,
        "steps_per_epoch": options.steps_per_epoch,
    }
    return {key: value for key, value in asked.items() if value is not None}


def trained(
    name: str, data: xr.Dataset, variant: str, seed: int, options: argparse.Namespace, **start
) -> Path:
    """Trains a model, or finds that it is; returns its weights in half precision."""
    keras_wx.train(
        name,
        data,
        output_dir=options.out / name,
        seed=seed,
        keep=1,
        verbose=2,
        **start,
        **recipe(options),
    )
    folder = options.out / "weights"
    folder.mkdir(exist_ok=True)
    full, half = folder / "full.weights.h5", folder / f"{name}.{variant}.weights.h5"
    # Without the optimizer's state, which a compiled model would write too.
    keras_wx.load(options.out / name / "best", compile=False).save_weights(full)
    halve(full, half)
    full.unlink()
    keras.backend.clear_session()
    return half


def drawn(model, pair: xr.Dataset, times: np.ndarray, members: int, store: Path, **options):
    """Fields at some times, which are kept, and seconds for one of them with all its members."""
    clock = store.with_suffix(".txt")
    if clock.exists():
        return xr.open_zarr(store).load(), float(clock.read_text())
    # Killed before the clock was written: seconds of the rest would not be those of a field.
    shutil.rmtree(store, ignore_errors=True)
    store.parent.mkdir(exist_ok=True)
    number = members if is_stochastic(model) else 1
    begin = time.perf_counter()
    field = keras_wx.predict(
        model, pair, init_times=times, members=number, path=store, **options
    ).load()
    seconds = (time.perf_counter() - begin) / len(times)
    clock.write_text(str(seconds))
    return field, seconds


def lead(cases: Mapping[str, xr.Dataset], **drawing) -> pd.DataFrame:
    """CRPS of the first model minus that of each other one, drawn over the same times."""
    (ours, first), *others = cases.items()
    rows = []
    for name, theirs in others:
        found = difference(first, theirs, "crps", **drawing)
        rows.append((ours, name, *(float(found[key]) for key in LEAD)))
    return pd.DataFrame(rows, columns=["model", "rival", *LEAD])
