"""A hundred SIGKILLs at random moments lose nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from keras_wx.training.checkpoints import Checkpoints

SERVERS = 2
KILLS = 50


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_hundred_kills(tmp_path):
    servers = []
    for seed in range(SERVERS):
        (tmp_path / str(seed)).mkdir()
        script = Path(__file__).with_name("kill_server.py")
        command = [sys.executable, script, tmp_path / str(seed), str(KILLS), str(seed)]
        servers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    for seed, server in enumerate(servers):
        said, _ = server.communicate()
        assert server.returncode == 0
        found = json.loads(said.splitlines()[-1])
        assert found["killed"] == KILLS
        for number in range(found["runs"]):
            folder = tmp_path / str(seed)
            assert_same(folder / f"run-{number + 1}", folder / "unbroken")


def assert_same(run: Path, unbroken: Path) -> None:
    """Weights, optimizer, seeds, moving average and logs: bit for bit."""
    ours, theirs = (
        np.load(Checkpoints(folder / "checkpoints").newest() / "variables.npz")
        for folder in (run, unbroken)
    )
    assert sorted(ours) == sorted(theirs)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    for name in ("log.csv", "steps.csv"):
        assert (run / name).read_text() == (unbroken / name).read_text()
    assert weights(run / "best/model.weights.h5") == weights(unbroken / "best/model.weights.h5")


def weights(path: Path) -> dict[str, bytes]:
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()].tobytes()}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found
