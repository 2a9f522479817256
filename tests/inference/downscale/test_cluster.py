"""The same call on a cluster of worker processes, of which one is killed half way."""

from __future__ import annotations

import os
import signal
import threading
import time

import long_run
import pytest
import xarray as xr

import keras_wx

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("history", ["own", "data"])
def test_equals_one_process_though_a_worker_is_killed(client, tmp_path, history):
    partial = tmp_path / ".fields.zarr.partial"
    before = client.run(os.getpid)
    killed = []

    def kill() -> None:
        while not list((partial / "done").glob("*")):
            time.sleep(0.01)
        time.sleep(0.3)
        victim = next(iter(before.values()))
        os.kill(victim, signal.SIGKILL)
        killed.append(len(list((partial / "done").glob("*"))))

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    options = {"history": history, "seconds": 0.2, "batch_size": 2}
    got = long_run.run(tmp_path / "fields.zarr", client=client, **options).load()
    killer.join(10)
    alone = long_run.run(None, **options | {"seconds": 0.0})
    xr.testing.assert_identical(got, alone)
    assert killed, "no worker was killed"
    assert not partial.exists()


@pytest.mark.slow
def test_a_network_of_the_zoo(client, tmp_path, shared_data):
    file = shared_data / "ncep_air_2013-2014.nc"
    pair = keras_wx.open_dataset("ncep_air", path=file, step="6h").isel(time=slice(0, 24))
    model = keras_wx.load("ddpm_ncep_air", sampler={"name": "dpm_solver", "steps": 2})
    options = {"members": 2, "seed": 3, "history": "own"}
    got = keras_wx.predict(model, pair, path=tmp_path / "a.zarr", client=client, **options)
    xr.testing.assert_identical(got.load(), keras_wx.predict(model, pair, **options))
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
    assert not (tmp_path / "a.zarr" / "parcel").exists()


@pytest.mark.slow
def test_the_current_client_is_taken(client, tmp_path):
    workers = set(client.run(os.getpid).values())
    with client.as_current():
        got = long_run.run(tmp_path / "fields.zarr", seconds=0).load()
    xr.testing.assert_identical(got, long_run.run(None, seconds=0))
    assert os.getpid() not in workers
