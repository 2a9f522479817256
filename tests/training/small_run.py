"""A run that takes a second: a small model with dropout and batch statistics, made-up radar."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import xarray as xr
from keras import layers

from keras_wx import spec
from keras_wx.layers import MonteCarloDropout

STEPS = 4
EPOCHS = 3


@keras.saving.register_keras_serializable(package="tests")
class Small(keras.Model):
    """Two frames of 8 x 8 points -> the next three."""

    parts = {"head": ("readout",), "body": ("hidden*",)}

    def __init__(self, stochastic: bool = True, **kwargs):
        frames = keras.Input((2, 8, 8, 1), name="frames")
        x = layers.Reshape((8, 8, 2))(layers.Permute((2, 3, 1, 4))(frames))
        x = layers.Conv2D(4, 3, padding="same", activation="tanh", name="hidden_1")(x)
        if stochastic:  # and with batch statistics
            x = layers.BatchNormalization(name="hidden_norm")(x)
            x = MonteCarloDropout(0.3, name="dropout")(x)
        x = layers.Conv2D(3, 3, padding="same", activation="sigmoid", name="readout")(x)
        x = layers.Reshape((3, 8, 8, 1))(layers.Permute((3, 1, 2))(x))
        super().__init__(frames, x, **kwargs)

    def get_config(self):
        return {"name": self.name}


PRESET = spec.validate(
    {
        "name": "small",
        "title": "A small model for tests",
        "task": "nowcast",
        "architecture": "small",
        "sample": {
            "step": "5min",
            "grids": {"radar": {"shape": [8, 8]}},
            "variables": [
                {"name": "reflectivity", "units": "dBZ", "role": role, "grid": "radar",
                 "steps": steps, "transform": {"linear": {"low": 0, "high": 60}}}
                for role, steps in (("input", [-1, 0]), ("target", [1, 3]))
            ],
        },
        "training": {
            "loss": "mse",
            "optimizer": {"name": "adam", "learning_rate": 1e-2},
            "metrics": ["mean_absolute_error"],  # is traced in no time
            "batch_size": 3,
            "epochs": EPOCHS,
            "steps_per_epoch": STEPS,
            "augment": ["flip"],
        },
    },
    "the tests' preset",
)  # fmt: skip


def small(**options) -> Small:
    """Always with the same weights and the same draws to come."""
    keras.utils.set_random_seed(1)
    model = Small(name="small", **options)
    model.preset = PRESET
    return model


def radar(frames: int = 60) -> xr.Dataset:
    values = np.random.default_rng(0).uniform(0, 60, (frames, 8, 8)).astype("float32")
    metres = np.arange(8) * 1000.0
    coords = {
        "time": pd.date_range("2020-06-01", periods=frames, freq="5min"),
        "y": ("y", metres, {"units": "m"}),
        "x": ("x", metres, {"units": "m"}),
    }
    return xr.Dataset({"reflectivity": (("time", "y", "x"), values, {"units": "dBZ"})}, coords)
