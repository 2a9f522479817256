"""Trains ConvLSTM and FC-LSTM on Moving-MNIST for equal processor time, and compares them.

    python recipes/moving_mnist.py --out runs/moving_mnist --bfloat16

For each preset it writes weights `PRESET.moving_mnist.weights.h5` in half precision, a log of its
training, and the entry of the preset file; for all of them together `results.csv` and `results.md`,
with the cross entropy of the test sequences with two digits and, never trained on, three.

Time is that of the processor, since a wall clock says little on a machine that is shared. It counts
the training steps alone: neither validation nor the compilation in the first steps of a session.
A run that was broken off goes on from its last checkpoint when started again with the same `--out`.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import h5py
import keras
import numpy as np
import yaml

import keras_wx
from keras_wx.verification.markdown import markdown_table
from keras_wx.zoo import presets
from keras_wx.zoo.compiling import compile_model
from keras_wx.zoo.hdf5 import load_weights
from keras_wx.zoo.loading import build

SEED = 2015
PRESETS = (
    "convlstm_mnist_3layer_small",
    "convlstm_mnist_1layer_small",
    "fclstm_mnist_small",
    "fclstm_mnist_tiny",
)
VARIANT = "moving_mnist"
OPTIMIZER = {"name": "adam", "learning_rate": 1.0e-3, "clipnorm": 1.0}
BATCH_SIZE = 8
WARMUP = 0.02
"""Share of the time in which the learning rate rises; then it follows a cosine to zero."""
COMPILING = 2
"""Steps of a session whose time is not counted."""
CHECK_EVERY = 200
"""Steps between two validations and checkpoints."""
VALIDATION = 240
"""Sequences of a validation."""
CACHE_BYTES = 512 * 2**20
"""Memory for images: they cost less to draw than to keep."""


def main():
    options = arguments()
    if options.bfloat16:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    options.out.mkdir(parents=True, exist_ok=True)
    runs = [train(name, options) for name in options.presets]
    keras.mixed_precision.set_global_policy("float32")
    rows = [result(run, options) for run in runs]
    write_tables(rows, options.out)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and tables")
    parser.add_argument("--minutes", type=float, default=12, help="processor time of each model")
    parser.add_argument("--presets", nargs="+", default=PRESETS, help="what to train")
    parser.add_argument("--bfloat16", action="store_true", help="mixed precision, for new CPUs")
    parser.add_argument("--rmsprop", action="store_true", help="the paper's optimizer instead")
    parser.add_argument("--test", type=int, default=3000, help="number of test sequences")
    return parser.parse_args()


# === Training ===


@dataclass
class Run:
    """How far the training of a model has come."""

    preset: str
    seconds: float = 0.0
    """Processor time of the steps so far."""
    steps: int = 0
    weights: str = ""
    """File of the last checkpoint, with the state of the optimizer."""
    log: list[dict] = field(default_factory=list)

    @classmethod
    def resumed(cls, preset: str, folder: Path) -> Run:
        state = folder / "state.json"
        return cls(**json.loads(state.read_text())) if state.exists() else cls(preset)

    def checkpoint(self, model: keras.Model, folder: Path) -> None:
        """Weights under a new name first: a crash in between leaves the old pair in place."""
        old, self.weights = self.weights, f"step_{self.steps}.weights.h5"
        model.save_weights(folder / self.weights)
        (folder / "state.json.new").write_text(json.dumps(asdict(self), indent=1))
        (folder / "state.json.new").replace(folder / "state.json")
        if old and old != self.weights:
            (folder / old).unlink()


def train(name: str, options: argparse.Namespace) -> Run:
    """Trains a preset for its processor time, from its last checkpoint if there is one."""
    folder, budget = options.out / name, 60 * options.minutes
    folder.mkdir(exist_ok=True)
    run = Run.resumed(name, folder)
    if run.seconds >= budget:
        return run
    keras.utils.set_random_seed(SEED)
    model = compiled(name, options)
    # Before a checkpoint brings back the rate of its last step.
    highest = float(model.optimizer.learning_rate)
    if run.weights:
        model.optimizer.build(model.trainable_variables)
        load_weights(model, folder / run.weights)
    images = keras_wx.open_dataset("moving_mnist", seed=SEED)
    batches = keras_wx.samples(
        images,
        model.preset,
        split="train",
        batch_size=BATCH_SIZE,
        seed=SEED,
        cache_bytes=CACHE_BYTES,
    )
    held_out = keras_wx.open_dataset("moving_mnist", seed=SEED, sequences=(0, VALIDATION, 0))
    val = keras_wx.samples(held_out, model.preset, split="val", batch_size=BATCH_SIZE)

    first, losses = run.steps, []
    while run.seconds < budget:
        model.optimizer.learning_rate = highest * rate(run.seconds / budget)
        start = time.process_time()
        batches.epoch, index = divmod(run.steps, len(batches))
        losses.append(model.train_on_batch(*batches[index]))
        if run.steps >= first + COMPILING:
            run.seconds += time.process_time() - start
        run.steps += 1
        if run.steps % CHECK_EVERY == 0 or run.seconds >= budget:
            run.log.append(
                {
                    "step": run.steps,
                    "seconds": round(run.seconds, 1),
                    "cross_entropy": round(float(np.mean(losses)), 1),
                    "val_cross_entropy": round(model.evaluate(val, verbose=0), 1),
                }
            )
            print(name, run.log[-1], flush=True)
            run.checkpoint(model, folder)
            losses.clear()
    return run


def compiled(name: str, options: argparse.Namespace) -> keras.Model:
    """The model with random weights, to be trained as its preset or as this recipe says."""
    preset = presets.base(name)
    if not options.rmsprop:
        training = preset.training.model_validate(
            preset.training.model_dump() | {"optimizer": OPTIMIZER}
        )
        preset = preset.model_copy(update={"training": training})
    model = build(preset)
    compile_model(model, preset)
    return model


def rate(part: float) -> float:
    """Learning rate as a share of its highest value, when a part of the time is over."""
    if part < WARMUP:
        return 0.1 + 0.9 * part / WARMUP
    return 0.5 * (1 + math.cos(math.pi * (part - WARMUP) / (1 - WARMUP)))


# === Results ===


def result(run: Run, options: argparse.Namespace) -> dict:
    """Scores of the weights as they ship, in half precision; prints the entry of the preset."""
    folder = options.out / run.preset
    model = build(presets.base(run.preset))
    load_weights(model, folder / run.weights)
    full, weights = folder / "full.weights.h5", folder / f"{run.preset}.{VARIANT}.weights.h5"
    model.save_weights(full)
    halve(full, weights)
    full.unlink()
    load_weights(model, weights)
    compile_model(model, model.preset)
    with (folder / "log.csv").open("w", newline="") as file:
        write_csv(file, run.log)

    row = {
        "preset": run.preset,
        "parameters": model.count_params(),
        "steps": run.steps,
        "CPU minutes": round(run.seconds / 60, 1),
    }
    for digits, text in ((2, "two digits"), (3, "three digits")):
        images = keras_wx.open_dataset(
            "moving_mnist", digits=digits, seed=SEED, sequences=(0, 0, options.test)
        )
        test = keras_wx.samples(images, model.preset, split="test", batch_size=BATCH_SIZE)
        row[text] = round(model.evaluate(test, verbose=0), 1)
    content = weights.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    entry = {"file": weights.name, "sha256": digest, "bytes": len(content), "seed": SEED}
    print(yaml.safe_dump({VARIANT: entry | {"scores": row}}, sort_keys=False), flush=True)
    return row


def halve(source: Path, target: Path) -> None:
    """Copies a weight file with its numbers in half precision, which loading converts back."""

    def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
        new = half.require_group(name) if isinstance(item, h5py.Group) else None
        if new is None:
            new = half.create_dataset(name, data=item[()].astype(np.float16))
        new.attrs.update(item.attrs)

    with h5py.File(source) as whole, h5py.File(target, "w") as half:
        half.attrs.update(whole.attrs)
        whole.visititems(copy)


def write_tables(rows: list[dict], folder: Path) -> None:
    with (folder / "results.csv").open("w", newline="") as file:
        write_csv(file, rows)
    cells = (
        [f"{v:,}" if isinstance(v, int | float) else f"`{v}`" for v in r.values()] for r in rows
    )
    table = markdown_table(list(rows[0]), cells)
    (folder / "results.md").write_text(table)
    print(table)


def write_csv(file, rows: list[dict]) -> None:
    writer = csv.DictWriter(file, rows[0])
    writer.writeheader()
    writer.writerows(rows)


if __name__ == "__main__":
    main()
