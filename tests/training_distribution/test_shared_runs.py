"""A run on two devices or in two processes is the run on one, within the error of float32.

Losses and metrics are compared within 1e-5 of their value, weights within 1e-6: sums of float32 in
another order differ by a few units in the last place, and six steps let them grow little.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("distributed_run.py")
WORKERS = Path(__file__).with_name("multi_worker_fit.py")

pytestmark = pytest.mark.slow


def start(script: Path, argument: str, backend: str, **environment) -> subprocess.Popen:
    environment = {"KERAS_BACKEND": backend, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"} | environment
    return subprocess.Popen(
        [sys.executable, str(script), argument],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes: subprocess.Popen) -> list[str]:
    outputs = [process.communicate(timeout=1500)[0] for process in processes]
    for process, output in zip(processes, outputs, strict=True):
        assert process.returncode == 0, output[-3000:]
    return outputs


def on_virtual_devices(backend: str, runs: list[dict]) -> None:
    finish(start(SCRIPT, json.dumps({"virtual": 2, "runs": runs}), backend))


def in_two_processes(runs: list[dict]) -> None:
    """The results of process i end in `-i.json`."""
    cluster = {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"localhost:{free_port()}",
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    }
    finish(
        *(
            start(
                SCRIPT,
                json.dumps({"suffix": f"-{number}.json", "runs": runs}),
                "jax",
                KERAS_DISTRIBUTION_PROCESS_ID=str(number),
                **cluster,
            )
            for number in (0, 1)
        )
    )


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / f"{name}.json").read_text())


def assert_same(found: dict, expected: dict) -> None:
    assert list(found["epochs"]) == list(expected["epochs"])
    for key, values in expected["epochs"].items():
        np.testing.assert_allclose(found["epochs"][key], values, rtol=1e-5, err_msg=key)
    for ours, theirs in zip(found["weights"], expected["weights"], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    # In dBZ, of which 60 are the range of the network's numbers.
    np.testing.assert_allclose(found["forecast"], expected["forecast"], atol=1e-4)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_virtual_devices(tmp_path, backend):
    # Masks of unequal sizes, clipping of every step's gradient, statistics of the batch.
    clipped = {"optimizer.global_clipnorm": 0.05, "config": {"normalize": True}, "epochs": 1}
    broken = {"ema": 0.8, "checkpoint_every": 2}
    runs = [
        {"directory": "one"},
        {"directory": "two", "devices": 2},
        {"directory": "clipped_one", **clipped},
        {"directory": "clipped_two", "devices": ["cpu:0", "cpu:1"], **clipped},
        {"directory": "unbroken", **broken},
        {"directory": "fewer", "devices": 2, "until": 5, **broken},
        {"directory": "fewer", **broken},
        {"directory": "more", "until": 5, **broken},
        {"directory": "more", "devices": 2, **broken},
        {"directory": "odd", "devices": "all", "batch_size": 7},
        {"directory": "elsewhere", "devices": 2, "built_outside": True},
        {"directory": "accumulated", "devices": 2, "accumulate": 3, "batch_size": 8},
        {"directory": "accumulated_one", "accumulate": 3, "batch_size": 8},
    ]
    on_virtual_devices(
        backend, [run | {"directory": str(tmp_path / run["directory"])} for run in runs]
    )
    assert_same(read(tmp_path, "two"), read(tmp_path, "one"))
    assert_same(read(tmp_path, "clipped_two"), read(tmp_path, "clipped_one"))
    norms = [step["gradient_norm"] for step in read(tmp_path, "clipped_one")["steps"]]
    assert min(norms) > 0.05  # or nothing was clipped
    for resumed in ("fewer", "more"):
        found = read(tmp_path, resumed)
        assert len(found["steps"]) == 2  # the last two of six: it went on, and did not begin anew
        assert_same(found, read(tmp_path, "unbroken"))
    assert (
        "a batch of 7 windows cannot be divided evenly among 2 devices"
        in (read(tmp_path, "odd")["error"])
    )
    assert read(tmp_path, "elsewhere")["error"].startswith("ModelError: small was built")
    if backend == "jax":
        assert_same(read(tmp_path, "accumulated"), read(tmp_path, "accumulated_one"))
    else:
        assert "accumulate=3" in read(tmp_path, "accumulated")["error"]


def test_two_processes_under_jax(tmp_path):
    options = {"checkpoint_every": 2, "ema": 0.8}
    on_virtual_devices("jax", [{"directory": str(tmp_path / "one"), **options}])
    shared = {"devices": "all", **options}
    in_two_processes(
        [
            {"directory": str(tmp_path / "two"), **shared},
            {"directory": str(tmp_path / "broken"), "until": 5, **shared},
            {"directory": str(tmp_path / "broken"), **shared},
            {"directory": str(tmp_path / "terminated"), "terminated": 5, **shared},
            {"directory": str(tmp_path / "terminated"), **shared},
        ]
    )
    expected = read(tmp_path, "one")
    for process in (0, 1):
        assert_same(read(tmp_path, f"two-{process}"), expected)
        # A checkpoint every other step; with the signal one in that very step, of both processes.
        for name, rest in (("broken", 2), ("terminated", 1)):
            resumed = read(tmp_path, f"{name}-{process}")
            assert len(resumed["steps"]) == rest
            assert_same(resumed, expected)
        assert read(tmp_path, f"two-{process}")["written"] == expected["written"]


def test_accumulated_batches_are_one_large_batch(tmp_path):
    """Three batches of 4 without masks are one of 12, but for the mean of metrics over steps."""
    small = {"batch_size": 4, "accumulate": 3, "steps_per_epoch": 6}
    runs = [
        {"directory": "small", "masked": False, "epochs": 1, **small},
        {
            "directory": "large",
            "masked": False,
            "epochs": 1,
            "batch_size": 12,
            "steps_per_epoch": 2,
        },
    ]
    on_virtual_devices(
        "tensorflow", [run | {"directory": str(tmp_path / run["directory"])} for run in runs]
    )
    found, expected = (read(tmp_path, name) for name in ("small", "large"))
    for ours, theirs in zip(found["weights"], expected["weights"], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    np.testing.assert_allclose(found["epochs"]["val_loss"], expected["epochs"]["val_loss"], 1e-5)


def test_keras_does_not_train_in_several_workers_of_tensorflow():
    """Two processes of TensorFlow end in Keras' own error; the day they train, ours can go."""
    cluster = {"worker": [f"localhost:{free_port()}", f"localhost:{free_port()}"]}
    processes = [
        start(
            WORKERS,
            "",
            "tensorflow",
            TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}),
        )
        for index in (0, 1)
    ]
    for output in finish(*processes):
        assert (
            "unsupported type (<class 'tensorflow.python.distribute.values.PerReplica'>" in output
        )
