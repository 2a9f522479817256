"""What the tests of searches share: a small model, made-up radar, a training that is none."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import xarray as xr

MODEL = "convlstm_hko"
OPTIONS = {
    "config": {"input_frames": 2, "output_frames": 2, "filters": [2], "patch_size": 4},
    "sample": {
        "step": "5min",
        "grids": {"radar": {"shape": [8, 8], "spacing_km": None}},
    },
    "metrics": ["mean_absolute_error"],
    "epochs": 2,
    "steps_per_epoch": 2,
    "batch_size": 2,
}


def radar(frames: int = 60) -> xr.Dataset:
    values = np.random.default_rng(0).uniform(0, 60, (frames, 8, 8)).astype("float32")
    metres = np.arange(8) * 1000.0
    coords = {
        "time": pd.date_range("2020-06-01", periods=frames, freq="5min"),
        "y": ("y", metres, {"units": "m"}),
        "x": ("x", metres, {"units": "m"}),
    }
    return xr.Dataset({"reflectivity": (("time", "y", "x"), values, {"units": "dBZ"})}, coords)


def branin(x: float, y: float) -> float:
    """Its least value is 0.397887, at three places of x in [-5, 10], y in [0, 15]."""
    parabola = y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6
    return float(parabola**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10)


class FakeTraining:
    """In place of `keras_wx.train`: the score is a function of the arguments.

    It writes what a run leaves for a search, and counts the calls by folder.
    """

    def __init__(self, score, objective: str = "val_loss"):
        self.score, self.objective, self.calls = score, objective, []

    def __call__(self, name, train, val, *, output_dir, **arguments):
        directory = Path(output_dir)
        self.calls.append((directory.name, arguments))
        score = self.score(arguments)
        (directory / "best").mkdir(parents=True, exist_ok=True)
        (directory / "best" / "model.weights.h5").write_bytes(b"weights")
        (directory / "best" / "preset.yaml").write_text(json.dumps(arguments, default=str))
        history = pd.DataFrame({self.objective: [score + 1, score]})
        return SimpleNamespace(history=history, best_epoch=1, directory=directory)
