"""Trains the weights `convlstm_hko.taasrad19`, and prints the entry of its preset file.

    python recipes/convlstm_hko_taasrad19.py --data taasrad19_64x64_2015-10_2017-01.nc --out runs

A run that was broken off goes on from its last epoch when started again with the same `--out`.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import time
from pathlib import Path

import keras
import yaml

import keras_wx
from keras_wx.spec import Training
from keras_wx.zoo import presets
from keras_wx.zoo.compiling import compile_model
from keras_wx.zoo.hdf5 import load_weights
from keras_wx.zoo.loading import build

SEED = 2015
STEPS_PER_EPOCH = 200
VARIANT = yaml.safe_load("""
sample:
  step: 5min
  grids: {radar: {shape: [64, 64], spacing_km: 3.75}}
  variables: {reflectivity: {transform: {linear: {low: 0, high: 60}}, fill: 0}}
  filter: {above: 10, min_fraction: 0.05}
training:
  loss: {name: balanced_error, mse: 1.0, mae: 0.1}
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
    sample = preset.sample.merged(VARIANT["sample"])
    return preset.model_copy(update={"sample": sample, "training": training})


def compile_for(model: keras.Model, steps: int):
    """The preset's loss and metrics; learning rate warmed up, then a cosine to zero."""
    compile_model(model, model.preset)
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-4, decay_steps=steps - 200, alpha=0.01, warmup_target=1e-3, warmup_steps=200
    )
    model.optimizer.learning_rate = schedule


if __name__ == "__main__":
    main()
