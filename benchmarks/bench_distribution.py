"""Seconds a training step takes on 1, 2 and 4 devices that are parts of one processor.

Every arm trains the same network with the same batch through `keras_wx.train`: on virtual devices
of one process (TensorFlow and JAX), and in processes of their own (JAX). The processor is the same
for all, so no arm can be faster than its cores allow; what is measured is what sharing costs. Other
work on the machine slows the clock on the wall more than that of the processor: both are shown, the
first as the fastest step, the second as the mean over steps, summed over processes. The first step
is left out, which compiles.

    python benchmarks/bench_distribution.py --steps 8 --rounds 2
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import table, update_section

BATCH = 8
COUNTS = (1, 2, 4)
ARMS = {
    "TensorFlow, devices of one process": ("tensorflow", False),
    "JAX, devices of one process": ("jax", False),
    "JAX, one process a device": ("jax", True),
}
Times = tuple[float, float]
"""Seconds a step: the fastest on the wall, and the mean of the processor's."""


EXPLANATION = (
    "All devices are parts of the same cores: more of them divide the work and do not make it "
    "less, so the processor's columns are the ones to compare: what is above those of one device "
    "is what sharing costs, and nothing here says how much faster GPUs of their own would be. "
    "Where the load is above the number of cores, the wall's columns say mostly what other work "
    "has left: more threads get a larger share of a busy machine. Why several virtual devices of "
    "JAX take less of the processor than one has not been looked into."
)


def divide_processor(count: int) -> None:
    if os.environ["KERAS_BACKEND"] == "jax":
        os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={count}"
        return
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * count
    )


def train(steps: int, devices: int, processes: int) -> Times:
    if processes == 1:
        divide_processor(devices)
    import keras
    import numpy as np
    import pandas as pd
    import xarray as xr

    import keras_wx

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            times.append((time.perf_counter(), time.process_time()))

    times: list[tuple[float, float]] = []
    rng = np.random.default_rng(0)
    metres = np.arange(100) * 3500.0
    radar = xr.Dataset(
        {
            "reflectivity": (
                ("time", "y", "x"),
                rng.uniform(0, 50, (60, 100, 100)).astype("float32"),
                {"units": "dBZ"},
            )
        },
        {
            "time": pd.date_range("2020-06-01", periods=60, freq="6min"),
            "y": ("y", metres, {"units": "m"}),
            "x": ("x", metres, {"units": "m"}),
        },
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.environ.get("BENCH_FOLDER", scratch)
        keras_wx.train(
            "convlstm_hko",
            radar,
            False,
            output_dir=Path(folder) / "run",
            config={"filters": [16, 16], "input_frames": 2, "output_frames": 3},
            samples={"min_rain_fraction": 0},
            devices="all",
            batch_size=BATCH,
            epochs=1,
            steps_per_epoch=steps + 1,
            checkpoint_every=10**6,
            logs=(),
            callbacks=[Clock()],
            verbose=0,
        )
    wall, processor = np.diff(times, axis=0).T
    return float(wall.min()), float(processor.mean())


def measure(backend: str, apart: bool, count: int, steps: int) -> Times:
    """One round of an arm, in processes of its own."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        port = found.getsockname()[1]
    processes = count if apart else 1
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"KERAS_BACKEND": backend, "BENCH_FOLDER": folder}
        if processes > 1:
            environment |= {
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"localhost:{port}",
                "KERAS_DISTRIBUTION_NUM_PROCESSES": str(processes),
            }
        arm = json.dumps({"steps": steps, "devices": count, "processes": processes})
        running = [
            subprocess.Popen(
                [sys.executable, __file__, "--arm", arm],
                env=environment | {"KERAS_DISTRIBUTION_PROCESS_ID": str(number)},
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(processes)
        ]
        outputs = [process.communicate()[0] for process in running]
    times = [json.loads(output.splitlines()[-1]) for output in outputs]
    return min(wall for wall, _ in times), sum(processor for _, processor in times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        print(json.dumps(train(**json.loads(options.arm))))
        return
    load = os.getloadavg()[0]
    best: dict[tuple[str, int], Times] = {}
    for _ in range(options.rounds):
        for name, (backend, apart) in ARMS.items():
            for count in COUNTS:
                found = measure(backend, apart, count, options.steps)
                old = best.get((name, count), found)
                best[name, count] = (min(old[0], found[0]), min(old[1], found[1]))
    rows = [
        [name, *(f"{1000 * best[name, n][i]:,.0f}" for n in COUNTS for i in (0, 1))]
        for name in ARMS
    ]
    header = [f"{count}: {clock}" for count in COUNTS for clock in ("wall", "processor")]
    text = (
        f"`python benchmarks/bench_distribution.py --steps {options.steps} --rounds "
        f"{options.rounds}`; load average before the run {load:.1f}, after it "
        f"{os.getloadavg()[0]:.1f}. Milliseconds a step; the better of the rounds. `convlstm_hko` "
        f"with 16 filters, 2 -> 3 frames of 100 x 100 points, {BATCH} windows a batch.\n\n"
        + table(["devices", *header], rows)
        + f"\n\n{EXPLANATION}"
    )
    update_section("distribution", "A training step on 1, 2 and 4 devices of one processor", text)


if __name__ == "__main__":
    main()
