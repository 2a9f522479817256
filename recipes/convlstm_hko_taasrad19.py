"""Trains the weights `convlstm_hko.taasrad19`, and prints the entry of its preset file.

    python recipes/convlstm_hko_taasrad19.py --data taasrad19_64x64_2015-10_2017-01.nc --out runs

A run that was broken off goes on from its last epoch when started again with the same `--out`. The
learning rate is constant but for its warm-up and its fall to zero over the last fifth, so that a
run may also go on, before that fall, with another number of `--epochs`.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import time
from pathlib import Path

import keras
import yaml
from keras import ops

import keras_wx
from keras_wx.spec import Training
from keras_wx.zoo import presets
from keras_wx.zoo.compiling import compile_model
from keras_wx.zoo.hdf5 import load_weights
from keras_wx.zoo.loading import build

SEED = 2015
STEPS_PER_EPOCH = 200
VARIANT = yaml.safe_load("""
config: {first_guess: persistence}
sample:
  step: 5min
  grids: {radar: {shape: [64, 64], spacing_km: 3.75}}
  variables: {reflectivity: {transform: {linear: {low: 0, high: 60}}, fill: 0}}
  filter: {above: 10, min_fraction: 0.05}
training:
  loss:
    name: combined
    terms:
      - {name: mse}
      - {name: mae, factor: 0.1}
      - {name: soft_csi, factor: 0.04}
  optimizer: {name: adam, learning_rate: 1.0e-4, clipnorm: 1.0}
  batch_size: 8
  augment: [flip, rotate]
""")


def main():
    options = arguments()
    keras.utils.set_random_seed(SEED)
    if options.bfloat16:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    radar = keras_wx.open_dataset("taasrad19", path=options.data)
    model = build(variant_preset())
    compile_for(model, options.epochs * STEPS_PER_EPOCH)
    train = keras_wx.samples(radar, model.preset, split="train", seed=SEED)
    val = keras_wx.samples(radar, model.preset, split="val", stride=15)
    print(train, val, sep="\n", flush=True)

    options.out.mkdir(parents=True, exist_ok=True)
    best = options.out / "best.weights.h5"
    start = time.monotonic()
    model.fit(
        train.to_tf().repeat(),
        steps_per_epoch=STEPS_PER_EPOCH,
        epochs=options.epochs,
        validation_data=val,
        verbose=2,
        callbacks=[
            keras.callbacks.BackupAndRestore(options.out / "backup"),
            keras.callbacks.CSVLogger(options.out / "log.csv", append=True),
            keras.callbacks.ModelCheckpoint(best, save_best_only=True, save_weights_only=True),
        ],
    )
    print(f"{(time.monotonic() - start) / 60:.0f} minutes on {platform.processor() or 'CPU'}")
    # A checkpoint holds the optimizer too, which a model for use does not need.
    final = build(model.preset)
    load_weights(final, best)
    weights = options.out / "convlstm_hko.taasrad19.weights.h5"
    final.save_weights(weights)
    content = weights.read_bytes()
    entry = {"file": weights.name, "sha256": hashlib.sha256(content).hexdigest()}
    print(yaml.safe_dump({"taasrad19": entry | {"bytes": len(content)} | VARIANT}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the TAASRAD19 NetCDF file")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and log")
    parser.add_argument("--epochs", type=int, default=18, help=f"of {STEPS_PER_EPOCH} steps")
    parser.add_argument("--bfloat16", action="store_true", help="mixed precision, for new CPUs")
    return parser.parse_args()


def variant_preset():
    preset = presets.base("convlstm_hko")
    training = Training.model_validate(preset.training.model_dump() | VARIANT["training"])
    return preset.model_copy(
        update={
            "config": preset.config | VARIANT["config"],
            "sample": preset.sample.merged(VARIANT["sample"]),
            "training": training,
        }
    )


def compile_for(model: keras.Model, steps: int):
    """The preset's loss and metrics, with the learning rate of a first training."""
    compile_model(model, model.preset)
    model.optimizer.learning_rate = Trapezoid(1e-3, steps, warmup=200, fall=steps // 5)


@keras.saving.register_keras_serializable(package="recipes")
class Trapezoid(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly for `warmup` steps, stays at `peak`, and falls linearly over the last ones."""

    def __init__(self, peak: float, steps: int, warmup: int, fall: int):
        self.peak, self.steps, self.warmup, self.fall = peak, steps, warmup, fall

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rise, left = (step + 1) / self.warmup, (self.steps - step) / self.fall
        return self.peak * ops.clip(ops.minimum(rise, left), 0.0, 1.0)

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps, "warmup": self.warmup, "fall": self.fall}


if __name__ == "__main__":
    main()
