"""One evaluation of the diffusion U-Net against diffusers' `UNet2DModel` in PyTorch.

Both have the same widths, attention and number of parameters, random weights, and tiles of 16 x 16.
PyTorch runs with channels first and with channels last, and the faster counts; keras_wx has
channels last alone. Each arm has one thread and is measured by its CPU time, so that what else the
machine does counts less; all arms run once in each round, interleaved in one process.

    python benchmarks/bench_diffusion_network.py           # TensorFlow and PyTorch: two minutes
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import torch
from report import table, update_section

from keras_wx.models.diffusion.network import TimeUNet

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "models"))
from diffusers_unet import peer

SIZE, TIME = 16, 7
SMALL = {
    "inputs": 40,
    "outputs": 1,
    "widths": (64, 128, 256),
    "blocks": 2,
    "encoder_attention": (3,),
    "decoder_attention": (2,),
    "head_size": 8,
    "groups": 32,
}
LARGE = SMALL | {"inputs": 262, "widths": (128, 256, 512), "encoder_attention": (2, 3)}
NETWORKS = {"transfer_unet_merra2": SMALL, "ddpm_merra2_g5nr": LARGE}


def torch_arm(config: dict, x: np.ndarray, precision: torch.dtype, layout) -> Callable[[], object]:
    model = peer(**config).eval().to(precision).to(memory_format=layout)
    fields = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).to(precision)
    fields = fields.to(memory_format=layout)

    def run():
        with torch.inference_mode():
            return model(fields, TIME).sample

    return run


def our_arm(config: dict, x: np.ndarray, policy: str) -> Callable[[], object]:
    keras.config.set_dtype_policy(policy)
    config = dict(config)
    field, times = keras.Input((SIZE, SIZE, config.pop("inputs"))), keras.Input(())
    network = TimeUNet(config.pop("outputs"), config.pop("widths"), **config)
    model = keras.Model([field, times], network(field, times))
    keras.config.set_dtype_policy("float32")
    return tf.function(lambda: model([tf.constant(x), tf.fill((len(x),), float(TIME))]))


def seconds_of(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def compare(config: dict, batch: int, repetitions: int) -> list[list[str]]:
    """Milliseconds of each arm and, in each round, how many times faster than the peer it is."""
    x = (
        np.random.default_rng(0)
        .normal(size=(batch, SIZE, SIZE, config["inputs"]))
        .astype("float32")
    )
    arms = {
        ("diffusers", "float32", "first"): torch_arm(
            config, x, torch.float32, torch.contiguous_format
        ),
        ("diffusers", "float32", "last"): torch_arm(config, x, torch.float32, torch.channels_last),
        ("diffusers", "bfloat16", "first"): torch_arm(
            config, x, torch.bfloat16, torch.contiguous_format
        ),
        ("diffusers", "bfloat16", "last"): torch_arm(
            config, x, torch.bfloat16, torch.channels_last
        ),
        ("keras_wx", "float32", "last"): our_arm(config, x, "float32"),
        ("keras_wx", "mixed_bfloat16", "last"): our_arm(config, x, "mixed_bfloat16"),
    }
    for run in arms.values():
        run()
    seconds = {name: [] for name in arms}
    for _ in range(repetitions):
        for name, run in arms.items():
            seconds[name].append(seconds_of(run))
    base = [min(pair) for pair in zip(*list(seconds.values())[:2], strict=True)]
    return [
        [
            f"{program}, {precision}, channels {layout}",
            f"{statistics.median(times) * 1e3:.0f}",
            f"{statistics.median(b / t for b, t in zip(base, times, strict=True)):.2f}",
        ]
        for (program, precision, layout), times in seconds.items()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    text = (
        f"`python benchmarks/bench_diffusion_network.py`; one thread, CPU time, {options.batch} "
        f"tiles of {SIZE} x {SIZE}. The ratio is to diffusers in float32 with its faster layout."
    )
    for name, config in NETWORKS.items():
        rows = compare(config, options.batch, options.repetitions)
        header = ["network and precision", "evaluation [ms]", "faster by"]
        text += f"\n\n`{name}`:\n\n{table(header, rows)}"
    title = f"Diffusion U-Net, {options.repetitions} interleaved rounds, medians"
    update_section("diffusion-network", title, text)


if __name__ == "__main__":
    main()
