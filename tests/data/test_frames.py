"""Frames come in blocks that follow the chunks, are kept, and are read no more than needed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr
from samples_fields import make_dataset

from keras_wx.data import frames as frames_module
from keras_wx.data.frames import FrameStore, block_edges
from keras_wx.data.order import chunked_order
from keras_wx.errors import DataError
from keras_wx.transforms import IDENTITY, Linear

GRAY = Linear(low=0, high=60)
PLENTY = 2**20


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of single chunks, however small."""
    monkeypatch.setattr(frames_module, "BLOCK_BYTES", 1)


def test_frames_are_network_numbers_across_blocks():
    dataset = make_dataset(20)
    store = FrameStore(dataset["reflectivity"].chunk(time=6), GRAY, cache_bytes=PLENTY)
    expected = dataset["reflectivity"].values / 60
    for start, stop in ((0, 3), (4, 15), (5, 7), (6, 12), (0, 20), (19, 20)):
        read = store.read(start, stop)
        assert read.dtype == np.float32
        np.testing.assert_allclose(read, expected[start:stop], rtol=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        store.read(0, 3)[:] = 0


def test_blocks_follow_uneven_chunks():
    field = make_dataset(20)["reflectivity"].chunk(time=(3, 3, 8, 6))
    assert block_edges(field).tolist() == [0, 3, 6, 14, 20]


def test_small_chunks_are_read_several_at_a_time(monkeypatch):
    field = make_dataset(20)["reflectivity"].chunk(time=3)
    monkeypatch.setattr(frames_module, "BLOCK_BYTES", 4 * 4 * 6 * 6)
    assert block_edges(field).tolist() == [0, 6, 12, 18, 20]


def test_blocks_follow_the_chunks_of_a_file(tmp_path):
    encoding = {"reflectivity": {"chunksizes": (7, 6, 6)}}
    make_dataset(20).to_netcdf(tmp_path / "radar.nc", encoding=encoding, engine="h5netcdf")
    with xr.open_dataset(tmp_path / "radar.nc", engine="h5netcdf") as dataset:
        assert block_edges(dataset["reflectivity"]).tolist() == [0, 7, 14, 20]


def test_large_chunks_are_read_in_parts():
    field = make_dataset(20)["reflectivity"].chunk(time=9)
    assert block_edges(field, largest=4 * 144).tolist() == [0, 4, 8, 9, 13, 17, 18, 20]
    store = FrameStore(field, GRAY, cache_bytes=4 * 144)
    np.testing.assert_allclose(store.read(0, 20), field.values / 60, rtol=1e-6)
    assert sum(block.nbytes for block in store._blocks.values()) <= 4 * 144


def test_blocks_follow_the_chunks_of_renamed_dimensions():
    field = make_dataset(20)["reflectivity"]
    field.encoding["preferred_chunks"] = {"valid_time": 8, "y": 3, "x": 3}
    assert block_edges(field).tolist() == [0, 8, 16, 20]


def test_each_block_is_read_once_while_it_is_kept():
    store = FrameStore(
        make_dataset(20)["reflectivity"].chunk(time=5), GRAY, cache_bytes=2 * 5 * 144
    )
    assert store.capacity == 2
    assert store.fits(np.array([0, 3]))
    assert not store.fits(np.array([0, 1, 2]))
    for _ in range(3):
        store.read(2, 8)
    assert store.reads == 2
    store.read(0, 1)
    store.read(11, 12)  # the third block; the second goes, as it was used longest ago
    store.read(0, 1)
    assert store.reads == 3
    store.read(6, 7)
    assert store.reads == 4


def test_many_threads_read_each_block_once():
    store = FrameStore(make_dataset(60)["reflectivity"].chunk(time=5), GRAY, cache_bytes=PLENTY)
    expected = make_dataset(60)["reflectivity"].values / 60
    together = threading.Barrier(8)

    def work(worker: int):
        together.wait()
        for start in np.random.default_rng(worker).permutation(50):
            np.testing.assert_allclose(store.read(start, start + 10), expected[start : start + 10])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert store.reads == 12


def test_reading_never_overlaps(monkeypatch):
    """Two stores of one file share the lock: HDF5 is not thread-safe."""
    inside = threading.Semaphore(1)
    original = FrameStore._read_physical

    def alone(self, i):
        assert inside.acquire(blocking=False)
        try:
            return original(self, i)
        finally:
            inside.release()

    monkeypatch.setattr(FrameStore, "_read_physical", alone)
    field = make_dataset(40)["reflectivity"].chunk(time=2)
    stores = [FrameStore(field, t, cache_bytes=PLENTY) for t in (GRAY, IDENTITY)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda k: stores[k % 2].read(k // 2, k // 2 + 1), range(80)))


@pytest.mark.parametrize(
    ("number", "valid"), [(-9999, "!= -9999"), (1e20, "< 1e19"), (9.96920996838687e36, "< 1e19")]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_number_that_stands_for_missing_is_refused(number, valid, dtype):
    field = make_dataset(4)["reflectivity"].astype(dtype)
    field[2, 0, 1] = np.float32(number)
    store = FrameStore(field, GRAY, cache_bytes=PLENTY)
    when = f"{field.time.values[2]:.19}"
    with pytest.raises(DataError, match=rf"at 1 points, the first at {when}.*{valid}"):
        store.read(0, 4)


def test_what_may_be_missing():
    field = make_dataset(4)["reflectivity"]
    assert not FrameStore(field, GRAY, cache_bytes=PLENTY).may_be_missing
    holed = field.copy()
    holed[2, 0, 0] = np.nan
    store = FrameStore(holed, GRAY, cache_bytes=PLENTY)
    assert store.missing.tolist() == [False, False, True, False]
    assert np.isnan(store.read(2, 3)[0, 0, 0])
    assert FrameStore(field.chunk(time=2), GRAY, cache_bytes=PLENTY).may_be_missing


@pytest.mark.filterwarnings("ignore:saving variable:xarray.SerializationWarning")
@pytest.mark.parametrize("fill_value", [None, 255])
def test_a_packed_file_is_missing_only_where_it_names_a_fill_value(tmp_path, fill_value):
    packing = {"dtype": "uint8", "scale_factor": 0.25, "_FillValue": fill_value}
    whole = make_dataset(4).round()
    whole.to_netcdf(tmp_path / "radar.nc", encoding={"reflectivity": packing}, engine="h5netcdf")
    with xr.open_dataset(tmp_path / "radar.nc", engine="h5netcdf") as dataset:
        store = FrameStore(dataset["reflectivity"], GRAY, cache_bytes=PLENTY)
        assert store.may_be_missing == (fill_value is not None)


def test_nan_that_the_packing_rules_out_is_refused():
    field = make_dataset(4)["reflectivity"]
    field = field.copy(data=np.full_like(field, np.nan)).chunk(time=2)
    field.encoding = {"dtype": "uint8"}
    with pytest.raises(DataError, match=r"NaN in frames 0 to 1.*encoding\.clear"):
        FrameStore(field, GRAY, cache_bytes=PLENTY).read(0, 1)


def test_a_damaged_file_names_the_frames():
    import dask.array

    def broken(block):
        raise OSError("Can't read data (inflate() failed)")

    data = dask.array.from_array(np.zeros((4, 6, 6)), chunks=(2, 6, 6)).map_blocks(
        broken, dtype=float
    )
    field = make_dataset(4)["reflectivity"].copy(data=data)
    with pytest.raises(DataError, match=r"'reflectivity', frames 2 to 3: .*inflate"):
        FrameStore(field, GRAY, cache_bytes=PLENTY).read(3, 4)


@pytest.mark.parametrize("capacity", [2, 5, 12, 40])
def test_order_for_data_larger_than_memory(capacity):
    """A permutation, mixed across runs of blocks, that few blocks have to be read for twice."""
    frames, block, window = 2000, 20, 10
    dataset = xr.DataArray(
        np.zeros((frames, 1, 1), "float32"), dims=("time", "y", "x"), name="reflectivity"
    ).chunk(time=block)
    store = FrameStore(dataset, IDENTITY, cache_bytes=capacity * block * 4)
    assert store.capacity == capacity
    starts = np.arange(frames - window + 1)
    order = chunked_order(store.block_of(starts), capacity, np.random.default_rng(0))
    assert sorted(order) == starts.tolist()
    for start in starts[order]:
        store.read(start, start + window)
    blocks = frames // block
    adjacent = max(1, min(8, capacity // 4))
    assert store.reads <= blocks * (1 + 1 / adjacent) + 1
    # Neighbours in the order are far apart in time.
    assert np.median(np.abs(np.diff(starts[order]))) > (block / 4 if capacity < 5 else block)
