"""Runs that are killed go on where they were, with the numbers of an unbroken one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import long_run
import pytest
import xarray as xr
from filelock import FileLock

from keras_wx.errors import DataError


def marks(partial: Path) -> int:
    return len(list((partial / "done").glob("*")))


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """What a run has left that was killed in the middle, by SIGKILL."""
    folder = tmp_path_factory.mktemp("killed")
    path, partial = folder / "long.zarr", folder / ".long.zarr.partial"
    process = subprocess.Popen([sys.executable, long_run.__file__, path])
    try:
        deadline = time.monotonic() + 120
        while marks(partial) < 6:
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert not path.exists()
    return partial


@pytest.fixture
def killed(left, tmp_path):
    """The path of the run that was killed."""
    shutil.copytree(left, tmp_path / left.name)
    return tmp_path / "long.zarr"


def test_a_killed_run_goes_on_to_the_same_numbers(killed, left, tmp_path, monkeypatch):
    calls = []
    forecast = long_run.Slow.forecast
    monkeypatch.setattr(
        long_run.Slow, "forecast", lambda self, x: calls.append(1) or forecast(self, x)
    )
    resumed = long_run.run(killed)
    resumed_calls = len(calls)
    calls.clear()
    unbroken = long_run.run(None)
    assert resumed_calls <= len(calls) - marks(left)
    xr.testing.assert_identical(resumed.load(), unbroken)
    assert [p.name for p in tmp_path.iterdir()] == ["long.zarr"]
    assert not {"done", "run"} & {p.name for p in killed.iterdir()}


@pytest.mark.parametrize("change", [{"seed": 4}, {"history": "data"}, {"members": 2}, {"tile": 9}])
def test_another_run_does_not_go_on_with_it(killed, change):
    with pytest.raises(DataError, match="cannot go on with it"):
        long_run.run(killed, **change)


def test_two_processes_do_not_write_one_store(tmp_path):
    with (
        FileLock(tmp_path / ".a.zarr.lock"),
        pytest.raises(DataError, match="another process is writing"),
    ):
        long_run.run(tmp_path / "a.zarr", seconds=0)
    assert [path.name for path in tmp_path.iterdir()] == [".a.zarr.lock"]


def test_a_complete_store_is_not_overwritten(tmp_path):
    first = long_run.run(tmp_path / "a.zarr", history="data", seconds=0)
    xr.testing.assert_identical(first.load(), long_run.run(None, history="data", seconds=0))
    with pytest.raises(DataError, match="exists already"):
        long_run.run(tmp_path / "a.zarr", history="data", seconds=0)
