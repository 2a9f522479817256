"""A search over the ConvLSTM nowcaster on TAASRAD19: size, window, first guess, loss, optimizer.

    python recipes/sweep_taasrad19.py --data taasrad19_64x64_2015-10_2017-01.nc --out runs/sweep

Every trial sees the same number of windows, whatever its batch, and is scored on August 2016 by the
mean of the CSI at 10, 20 and 30 dBZ. A search that was broken off goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras
import keras_tuner

import keras_wx

WINDOWS = 640
EPOCHS = 2
TRIALS = 19
SEED = 2015
METRICS = [
    *({"name": "csi", "threshold": threshold} for threshold in (10, 20, 30)),
    *({"name": "bias", "threshold": threshold} for threshold in (20, 30)),
    {"name": "mean_squared_error"},
]
LOSSES = {
    "mse": "mse",
    "mse_mae": {"name": "combined", "terms": [{"name": "mse"}, {"name": "mae", "factor": 0.1}]},
    "mse_mae_csi": {
        "name": "combined",
        "terms": [
            {"name": "mse"},
            {"name": "mae", "factor": 0.1},
            {"name": "soft_csi", "factor": 0.04},
        ],
    },
}


def space(hp: keras_tuner.HyperParameters) -> dict:
    width = hp.Choice("width", [16, 32, 64])
    batch = hp.Choice("batch_size", [4, 8, 16])
    steps = WINDOWS // batch // EPOCHS
    return {
        "config.filters": [width, width],
        "config.first_guess": hp.Choice("first_guess", ["persistence", "extrapolation"]),
        "config.input_frames": hp.Choice("input_frames", [3, 5, 8]),
        "training.loss": LOSSES[hp.Choice("loss", list(LOSSES))],
        "training.optimizer.learning_rate": hp.Float("learning_rate", 3e-4, 6e-3, sampling="log"),
        "training.batch_size": batch,
        "training.steps_per_epoch": steps,
        "training.warmup_steps": steps // 5,
    }


def mean_csi(epoch: int, logs: dict):
    logs["val_csi"] = sum(logs[f"val_csi_{threshold}"] for threshold in (10, 20, 30)) / 3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the TAASRAD19 NetCDF file")
    parser.add_argument("--out", type=Path, required=True, help="folder of the search")
    parser.add_argument("--bfloat16", action="store_true", help="mixed precision, for new CPUs")
    options = parser.parse_args()
    sweep = keras_wx.tune(
        "convlstm_hko.taasrad19",
        keras_wx.open_dataset("taasrad19", path=options.data),
        output_dir=options.out,
        space=space,
        max_trials=TRIALS,
        objective="val_csi",
        direction="max",
        epochs=EPOCHS,
        metrics=METRICS,
        schedule="fall",
        mixed_precision="bfloat16" if options.bfloat16 else None,
        val_samples={"stride": 15},
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=mean_csi)],
        seed=SEED,
        verbose=2,
    )
    print(sweep.trials.sort_values("score", ascending=False).to_string())


if __name__ == "__main__":
    main()
