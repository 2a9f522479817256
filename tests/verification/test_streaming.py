"""Archives larger than memory: chunks are read once, few at a time, from several threads."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from verification_fields import random_fields

from keras_wx.verification import pairs, spectra, verify
from keras_wx.verification.reading import FrameReader, chunk_blocks, chunk_edges


def counted(ds, chunks, reads):
    """The dataset on dask, each chunk of which notes that it is read."""
    field = ds["reflectivity"]

    def note(block, block_id=None):
        reads[block_id] += 1
        return block

    lazy = da.from_array(field.values, chunks=[chunks.get(dim, -1) for dim in field.dims])
    # meta: dask would call `note` to learn the dtype.
    lazy = lazy.map_blocks(note, dtype=lazy.dtype, meta=np.empty((0,) * lazy.ndim, lazy.dtype))
    return ds.assign(reflectivity=(field.dims, lazy, field.attrs))


@pytest.mark.parametrize(
    ("forecast_chunks", "truth_chunks"),
    [
        ({"init_time": 7}, {"time": 5}),
        ({"init_time": 1, "lead_time": 2}, {"time": 11}),
        ({"init_time": 12}, {"time": 1}),
        ({"init_time": 3, "lead_time": 1, "x": 4}, {"time": 17, "y": 5}),
    ],
)
@pytest.mark.parametrize("frames", [9, 60])
def test_each_chunk_is_read_once(monkeypatch, forecast_chunks, truth_chunks, frames):
    forecast, truth = random_fields(inits=12, leads=5, missing=0.1)
    expected = verify(forecast, truth)
    monkeypatch.setattr(pairs, "PIXELS_IN_MEMORY", frames * 9 * 7)
    forecast_reads, truth_reads = Counter(), Counter()
    lazy = counted(forecast, forecast_chunks, forecast_reads)
    observed = counted(truth, truth_chunks, truth_reads)
    xr.testing.assert_allclose(verify(lazy, observed), expected)
    assert set(forecast_reads.values()) == {1}
    assert set(truth_reads.values()) == {1}


def test_blocks_are_whole_chunks():
    edges = np.array([0, 4, 8, 12, 15])
    leads = np.arange(6)
    assert chunk_blocks(edges, leads, 45) == [
        (slice(0, 8), slice(0, 5)),
        (slice(8, 15), slice(0, 5)),
    ]
    assert chunk_blocks(edges, np.array([0, 2, 4, 5]), 16) == [
        (rows, columns)
        for rows in (slice(0, 4), slice(4, 8), slice(8, 12), slice(12, 15))
        for columns in (slice(0, 4), slice(4, 5))
    ]
    assert len(chunk_blocks(edges, leads, 1)) == 4 * 5
    assert chunk_blocks(np.array([0, 1]), np.array([0, 1]), 1) == [(slice(0, 1), slice(0, 1))]


def test_chunks_of_a_file(tmp_path):
    truth = random_fields(inits=20, leads=5)[1]
    encoding = {"reflectivity": {"chunksizes": (8, 9, 7)}}
    truth.to_netcdf(tmp_path / "truth.nc", engine="h5netcdf", encoding=encoding)
    with xr.open_dataset(tmp_path / "truth.nc") as lazy:
        assert chunk_edges(lazy.reflectivity, "time").tolist() == [0, 8, 16, 24, 25]
        renamed = lazy.rename(time="t")
        assert chunk_edges(renamed.reflectivity, "t").tolist() == [0, 8, 16, 24, 25]
        chunked = lazy.chunk(time=(10, 15))
        assert chunk_edges(chunked.reflectivity, "time").tolist() == [0, 10, 25]
    assert chunk_edges(truth.reflectivity, "time").tolist() == [*range(26)]
    assert chunk_edges(truth.reflectivity.isel(time=0), "time").tolist() == [0, 1]


def test_frames_in_any_order_of_asking():
    truth = random_fields(inits=20, leads=5, missing=0)[1].chunk(time=4)
    values = truth.reflectivity.values
    reader = FrameReader(truth.reflectivity, ("y", "x"), 10 * 63)
    for wanted in ([0, 1, 9], [8, 9, 10, 11], [24], [], [0, 24], [*range(25)]):
        found = reader.read(np.array(wanted, int))
        np.testing.assert_array_equal(found, values[wanted])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["zarr", "zarr with dask", "netcdf"])
def test_memory_is_bounded_by_a_few_blocks(tmp_path, monkeypatch, kind):
    forecast, truth = random_fields(
        inits=120, leads=10, size=(64, 64), missing=0.01, dtype=np.float32
    )
    archive = forecast.reflectivity.nbytes + truth.reflectivity.nbytes
    expected = verify(forecast, truth)
    for name, ds in (("forecast", forecast), ("truth", truth)):
        chunks = {"init_time": 6, "time": 10}
        sizes = tuple(chunks.get(dim, ds.sizes[dim]) for dim in ds.reflectivity.dims)
        if kind == "netcdf":
            encoding = {"reflectivity": {"chunksizes": sizes}}
            ds.to_netcdf(tmp_path / name, engine="h5netcdf", encoding=encoding)
        else:
            ds.to_zarr(
                tmp_path / name, consolidated=False, encoding={"reflectivity": {"chunks": sizes}}
            )
    del forecast, truth, ds
    monkeypatch.setattr(pairs, "PIXELS_IN_MEMORY", 20 * 64 * 64)
    options = {
        "engine": "h5netcdf" if kind == "netcdf" else "zarr",
        "chunks": {} if kind == "zarr with dask" else None,
        "decode_timedelta": True,
    }
    with (
        xr.open_dataset(tmp_path / "forecast", **options) as forecast,
        xr.open_dataset(tmp_path / "truth", **options) as truth,
    ):
        tracemalloc.start()
        try:
            found = verify(forecast, truth)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    xr.testing.assert_allclose(found, expected, rtol=1e-6)
    assert peak < archive / 2


def test_several_threads_read_one_file(tmp_path):
    forecast, truth = random_fields(inits=6, leads=3)
    expected = verify(forecast, truth)
    forecast.to_netcdf(tmp_path / "forecast.nc", engine="h5netcdf")
    truth.to_netcdf(tmp_path / "truth.nc", engine="h5netcdf")
    for dask in (False, True):
        with (
            xr.open_dataset(tmp_path / "forecast.nc", decode_timedelta=True) as predicted,
            xr.open_dataset(tmp_path / "truth.nc") as observed,
            ThreadPoolExecutor(4) as pool,
        ):
            if dask:
                predicted, observed = predicted.chunk(init_time=2), observed.chunk(time=2)
            futures = [pool.submit(verify, predicted, observed) for _ in range(4)]
            for future in futures:
                xr.testing.assert_allclose(future.result(), expected)


def test_spectra_stream_too(monkeypatch):
    forecast, truth = random_fields(inits=12, leads=3)
    expected = spectra(forecast, truth, floor=0)
    monkeypatch.setattr(pairs, "PIXELS_IN_MEMORY", 4 * 63)
    reads = Counter()
    lazy = counted(forecast, {"init_time": 5}, reads)
    xr.testing.assert_allclose(spectra(lazy, truth.chunk(time=4), floor=0), expected)
    assert set(reads.values()) == {1}
