"""`unet3plus` against a UNet 3+ of keras-unet-collection's design, and its ensembles.

Both have the same filters, depth and batch, batch normalisation after every convolution, bilinear
upsampling, and heads on every decoder in training. The peer is written here with plain Keras
layers, as that package builds it: each scale pooled from the encoder's output in one go, no
dropout, no mask. Ours is measured without dropout, which is the same work, and as published, with
dropout at every change of scale.

An ensemble is measured against as many calls of the same network. All arms run once in each round,
interleaved in one process.

    python benchmarks/bench_unet.py                        # TensorFlow, 2 cores: 20 minutes
    python benchmarks/bench_unet.py --repetitions 3 --members 10
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import statistics
import time
from collections.abc import Callable

import keras
import numpy as np
from keras import layers
from report import table, update_section

from keras_wx.models.unet import UNet3Plus

FILTERS, DEPTH, HEIGHT, WIDTH, BATCH = 32, 4, 128, 64, 2
BLIND_ROWS, BUFFER_ROWS = 16, 8
PEER = "keras-unet-collection's design, float32"

Arm = tuple[Callable[[], object], Callable[[], object]]


def curtains(batch: int = BATCH, width: int = WIDTH) -> np.ndarray:
    x = np.random.default_rng(0).uniform(-1, 1, (batch, HEIGHT, width, 6)).astype("float32")
    rows = np.arange(HEIGHT, dtype="float32")
    x[..., -1] = np.clip(1 - (rows - BLIND_ROWS + 1) / (BUFFER_ROWS + 1), 0, 1)[:, None]
    return x


def peer() -> keras.Model:
    """Trained with heads on every decoder, run without them."""

    def conv(x, filters, repeats=1):
        for _ in range(repeats):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
        return x

    inputs = keras.Input((HEIGHT, WIDTH, 6))
    encoded = [conv(inputs, FILTERS, 2)]
    for level in range(1, DEPTH + 1):
        encoded.append(conv(layers.MaxPooling2D(2)(encoded[-1]), FILTERS * 2**level, 2))
    decoded = {DEPTH: encoded[-1]}
    for level in range(DEPTH - 1, -1, -1):
        branches = [
            conv(layers.MaxPooling2D(2 ** (level - finer))(encoded[finer]), FILTERS)
            for finer in range(level)
        ]
        branches.append(conv(encoded[level], FILTERS))
        for coarser in range(level + 1, DEPTH + 1):
            up = layers.UpSampling2D(2 ** (coarser - level), interpolation="bilinear")
            branches.append(conv(up(decoded[coarser]), FILTERS))
        decoded[level] = conv(layers.Concatenate()(branches), (DEPTH + 1) * FILTERS)

    def head(level):
        x = layers.Conv2D(5, 3, padding="same")(decoded[level])
        if level:
            x = layers.UpSampling2D(2**level, interpolation="bilinear")(x)
        return layers.Activation("linear", dtype="float32")(x)

    return keras.Model(inputs, [head(level) for level in range(DEPTH + 1)])


def peer_arm(policy: str) -> Arm:
    keras.config.set_dtype_policy(policy)
    trained = peer()
    trained.compile(optimizer=keras.optimizers.Adam(5e-5), loss=["mae"] * (DEPTH + 1))
    forecaster = keras.Model(trained.inputs, trained.outputs[0])
    x = curtains()
    y = [x[..., :5]] * (DEPTH + 1)
    return lambda: forecaster.predict_on_batch(x), lambda: trained.train_on_batch(x, y)


def our_arm(policy: str, dropout: float) -> Arm:
    keras.config.set_dtype_policy(policy)
    model = UNet3Plus(6, 5, filters=FILTERS, depth=DEPTH, dropout=dropout)
    model.compile(optimizer=keras.optimizers.Adam(5e-5), loss="mae")
    x = curtains()
    return lambda: model.predict_on_batch(x), lambda: model.train_on_batch(x, x[..., :5])


def arms() -> dict[str, Arm]:
    made = {}
    for policy, precision in (("float32", "float32"), ("mixed_bfloat16", "bfloat16")):
        made[f"keras-unet-collection's design, {precision}"] = peer_arm(policy)
        made[f"keras_wx without dropout, {precision}"] = our_arm(policy, 0.0)
        made[f"keras_wx as published, {precision}"] = our_arm(policy, 0.2)
    keras.config.set_dtype_policy("float32")
    return made


def seconds_of(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(repetitions: int) -> list[list[str]]:
    """Forecasts and training steps of every arm, with the ratio to the peer's in each round."""
    chosen = arms()
    for forecast, step in chosen.values():
        forecast(), step()
    seconds = {name: ([], []) for name in chosen}
    for _ in range(repetitions):
        for name, arm in chosen.items():
            for run, record in zip(arm, seconds[name], strict=True):
                record.append(seconds_of(run))
    rows = []
    for name, measured in seconds.items():
        row = [name]
        for kind, times in enumerate(measured):
            pairs = zip(seconds[PEER][kind], times, strict=True)
            row.append(f"{statistics.median(times) * 1e3:.0f}")
            row.append(f"{statistics.median(base / t for base, t in pairs):.2f}")
        rows.append(row)
    return rows


def compare_members(policy: str, members: int, repetitions: int) -> list[str]:
    """One curtain of 128 x 128 gates: as many calls, and an ensemble in one."""
    keras.config.set_dtype_policy(policy)
    model = UNet3Plus(6, 5, filters=FILTERS, depth=DEPTH)
    keras.config.set_dtype_policy("float32")
    x = curtains(batch=1, width=HEIGHT)

    def single():
        for _ in range(members):
            model.predict_on_batch(x)

    def together():
        model.predict_members(x, members)

    model.predict_on_batch(x), together()
    rounds = [(seconds_of(single), seconds_of(together)) for _ in range(repetitions)]
    times = [statistics.median(column) for column in zip(*rounds, strict=True)]
    ratio = statistics.median(apart / at_once for apart, at_once in rounds)
    return [policy, *(f"{t:.1f}" for t in times), f"{ratio:.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--members", type=int, default=50)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    networks = table(
        ["network", "forecast [ms]", "faster by", "training step [ms]", "faster by"],
        compare(options.repetitions),
    )
    ensembles = table(
        ["precision", f"{options.members} calls [s]", "one call [s]", "faster by"],
        [
            compare_members(policy, options.members, max(1, options.repetitions // 3))
            for policy in ("float32", "mixed_bfloat16")
        ],
    )
    text = (
        f"`python benchmarks/bench_unet.py` with KERAS_BACKEND={keras.backend.backend()}; load "
        f"average before the run {load:.1f}. {BATCH} curtains of {HEIGHT} x {WIDTH} gates, filters "
        f"{FILTERS}, depth {DEPTH}.\n\n{networks}\n\n{options.members} members of one curtain of "
        f"{HEIGHT} x {HEIGHT} gates, {BLIND_ROWS} rows blind and {BUFFER_ROWS} of buffer.\n\n"
        f"{ensembles}"
    )
    title = f"UNet 3+, {options.repetitions} interleaved rounds, medians"
    update_section(f"unet-{keras.backend.backend()}", title, text)


if __name__ == "__main__":
    main()
