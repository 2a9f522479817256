"""A run of a few seconds on virtual devices or in one of several processes.

    python distributed_run.py '{"virtual": 2, "runs": [{"directory": ..., "devices": 2, ...}, ...]}'

Each run writes what came of it, or the error it ended in, to a file beside its folder.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path


def divide_processor(count: int) -> None:
    """Makes the processor look like several devices; before anything is computed."""
    if os.environ.get("KERAS_BACKEND") == "jax":
        flag = f"--xla_force_host_platform_device_count={count}"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}"
        return
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * count
    )


def register() -> None:
    """A small network whose layers draw nothing: the devices' draws are not those of one."""
    import keras
    from keras import layers

    from keras_wx.registry import register_model

    def convolution(filters: int, seed: int, **options):
        glorot = keras.initializers.GlorotUniform(seed)
        return layers.Conv2D(filters, 3, padding="same", kernel_initializer=glorot, **options)

    @register_model("small")
    class Small(keras.Model):
        def __init__(self, normalize: bool = False, **kwargs):
            frames = keras.Input((2, 8, 8, 1), name="frames")
            x = layers.Reshape((8, 8, 2))(layers.Permute((2, 3, 1, 4))(frames))
            x = convolution(4, seed=1, activation="tanh")(x)
            if normalize:
                x = layers.BatchNormalization()(x)
            x = convolution(3, seed=2)(x)
            x = layers.Reshape((3, 8, 8, 1))(layers.Permute((3, 1, 2))(x))
            super().__init__(frames, x, **kwargs)
            self.normalize = normalize

        def get_config(self):
            return {"name": self.name, "normalize": self.normalize}


def write_preset(folder: Path) -> None:
    import yaml

    variable = {
        "name": "reflectivity", "units": "dBZ", "grid": "radar", "fill": 0,
        "transform": {"linear": {"low": 0, "high": 60}},
    }  # fmt: skip
    preset = {
        "name": "small",
        "title": "A small model for tests",
        "task": "nowcast",
        "architecture": "small",
        "sample": {
            "step": "5min",
            "grids": {"radar": {"shape": [8, 8]}},
            "variables": [
                variable | {"role": "input", "steps": [-1, 0]},
                variable | {"role": "target", "steps": [1, 3]},
            ],
        },
        "training": {
            "loss": "mse",
            "optimizer": {"name": "adam", "learning_rate": 1e-2},
            "metrics": ["mae", {"name": "csi", "threshold": 10}],
            "batch_size": 8,
            "epochs": 2,
            "steps_per_epoch": 3,
        },
    }
    folder.mkdir(exist_ok=True)
    (folder / "preset.yaml").write_text(yaml.safe_dump(preset))


def radar(masked: bool = True):
    """Made-up rain, of which a mask leaves out more in some windows than in others."""
    import numpy as np
    import pandas as pd
    import xarray as xr

    rng = np.random.default_rng(0)
    values = rng.uniform(0, 60, (80, 8, 8)).astype("float32")
    if masked:
        values[rng.uniform(size=values.shape) < rng.uniform(size=(80, 1, 1)) ** 2] = np.nan
    metres = np.arange(8) * 1000.0
    coords = {
        "time": pd.date_range("2020-06-01", periods=80, freq="5min"),
        "y": ("y", metres, {"units": "m"}),
        "x": ("x", metres, {"units": "m"}),
    }
    return xr.Dataset({"reflectivity": (("time", "y", "x"), values, {"units": "dBZ"})}, coords)


class Steps:
    """Stops a run after a step, and remembers the logs of each.

    `terminated` is a step after which the last of several processes gets a SIGTERM.
    """

    def __new__(cls, until: int | None, terminated: int | None):
        import keras

        class Callback(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                rows.append({key: float(value) for key, value in logs.items()})
                if len(rows) == until:
                    raise KeyboardInterrupt
                if len(rows) == terminated and last:
                    os.kill(os.getpid(), signal.SIGTERM)

        last = os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID") == "1"

        rows: list = []
        callback = Callback()
        callback.rows = rows
        return callback


def run(
    directory: str,
    until: int | None = None,
    terminated: int | None = None,
    built_outside: bool = False,
    masked: bool = True,
    **options,
) -> dict:
    import numpy as np

    import keras_wx
    from keras_wx.errors import KerasWxError

    steps = Steps(until, terminated)
    name = Path(directory).with_name("preset")
    try:
        write_preset(name)
        found = keras_wx.train(
            keras_wx.load(name, weights=None) if built_outside else name,
            radar(masked),
            output_dir=directory,
            verbose=0,
            callbacks=[steps],
            **options,
        )
    except (KeyboardInterrupt, SystemExit):
        return {"steps": steps.rows}
    except KerasWxError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    forecast = keras_wx.predict(found.model, radar().isel(time=slice(0, 3)).fillna(0))
    return {
        "steps": steps.rows,
        "epochs": found.history.to_dict("list"),
        "weights": [np.asarray(weight).ravel().tolist() for weight in found.model.weights],
        "forecast": forecast["reflectivity"].values.ravel()[:20].tolist(),
        "written": sorted(path.name for path in Path(found.directory).iterdir()),
    }


if __name__ == "__main__":
    order = json.loads(sys.argv[1])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if order.get("virtual"):
        divide_processor(order["virtual"])
    register()
    for task in order["runs"]:
        result = Path(task["directory"] + order.get("suffix", ".json"))
        result.write_text(json.dumps(run(**task)))
    if os.environ.get("KERAS_BACKEND") == "jax":
        assert "tensorflow" not in sys.modules
