"""A training of seconds with every logger, for either backend.

`run_under_jax` runs this file as a script.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import xarray as xr
from keras import layers

import keras_wx
from keras_wx.spec import read_sample
from keras_wx.training import provenance
from keras_wx.training.logs import loggers
from keras_wx.training.telemetry import Telemetry

EPOCHS, STEPS = 2, 3
SETTINGS = {"x_stats_sampling_interval": 0.2, "silent": True}
SAMPLE = read_sample(
    {
        "step": "5min",
        "grids": {"radar": {"shape": [8, 8], "spacing_km": 1}},
        "variables": [
            {
                "name": "reflectivity",
                "units": "dBZ",
                "role": role,
                "grid": "radar",
                "steps": steps,
                "transform": {"linear": {"low": 0, "high": 60}},
            }
            for role, steps in (("input", [-1, 0]), ("target", [1, 2]))
        ],
    }
)


@keras.saving.register_keras_serializable(package="tests")
class Noise(layers.Layer):
    """Random numbers at every call, also when forecasting."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seeds = keras.random.SeedGenerator(5)

    def call(self, x):
        return x + 0.01 * keras.random.normal(keras.ops.shape(x), seed=self.seeds)


def radar() -> xr.Dataset:
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {
            "reflectivity": (
                ("time", "y", "x"),
                rng.uniform(0, 40, (20, 8, 8)).astype("float32"),
                {"units": "dBZ"},
            )
        },
        {
            "time": np.datetime64("2020-01-01", "ns") + np.arange(20) * np.timedelta64(5, "m"),
            "y": ("y", np.arange(8) * -1000.0, {"units": "m"}),
            "x": ("x", np.arange(8) * 1000.0, {"units": "m"}),
        },
        {"title": "Made up"},
    )


def model() -> keras.Model:
    keras.utils.set_random_seed(1)
    made = keras.Sequential(
        [keras.Input((2, 8, 8, 1)), layers.Conv3D(2, 3, padding="same"), Noise(), layers.Dense(1)]
    )
    made.compile(keras.optimizers.SGD(0.01), "mse", weighted_metrics=["mae"])
    return made


def parts():
    options = {"splits": (0.6, 0.4, 0), "gap": "0min", "batch_size": 3, "shuffle": False}
    return [keras_wx.samples(radar(), SAMPLE, split=part, **options) for part in ("train", "val")]


def record(train, val):
    recipe = {"learning_rate": 0.01}
    return provenance.record(keras_wx.info("convlstm_hko"), train, val, 1, recipe)


def train(directory: Path, *, names=("csv",), wandb=None, during=()) -> np.ndarray:
    """Trains, and returns all weights."""
    training, val = parts()
    made, telemetry = model(), Telemetry()
    (directory / "best").mkdir(parents=True, exist_ok=True)
    (directory / "best" / "preset.yaml").write_text("name: made_up\n")
    (directory / "best" / "model.weights.h5").write_bytes(bytes(1000))
    with loggers(
        directory,
        telemetry,
        names=names,
        wandb=wandb,
        record=record(training, val),
        examples=val,
    ) as logs:
        made.fit(
            training,
            epochs=EPOCHS,
            validation_data=val,
            shuffle=False,
            verbose=0,
            callbacks=[telemetry, *logs, *during],
        )
    return np.concatenate([np.ravel(w) for w in made.get_weights()])


if __name__ == "__main__":
    folder, patience = Path(sys.argv[1]), float(sys.argv[2])
    logged = train(folder / "logged", wandb={"settings": SETTINGS, "patience": patience})
    alone = train(folder / "alone", names=())
    np.savez(folder / "weights.npz", logged=logged, alone=alone)
