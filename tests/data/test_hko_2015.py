"""The preparation of 2015, against plain NumPy, a fine grid of points and the paper's numbers."""

from __future__ import annotations

import itertools

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.data.geometry import spacing_km
from keras_wx.data.hko_2015 import block_splits, disk_kernel, prepare
from keras_wx.data.selection import select
from keras_wx.data.splits import frames_of
from keras_wx.errors import DataError
from keras_wx.spec import Sample
from keras_wx.zoo import presets

SIX = np.timedelta64(6, "m")


def radar(frames: int, shape=(48, 40), seed: int = 0, spacing: float = 1000.0) -> xr.Dataset:
    values = np.random.default_rng(seed).uniform(-30, 70, (frames, *shape)).astype("float32")
    coords = {
        "time": np.datetime64("2011-06-28", "ns") + np.arange(frames) * SIX,
        "y": ("y", spacing * np.arange(shape[0])[::-1], {"units": "m"}),
        "x": ("x", spacing * np.arange(shape[1]), {"units": "m"}),
    }
    field = xr.Variable(("time", "y", "x"), values, {"units": "dBZ"})
    return xr.Dataset({"reflectivity": field}, coords, {"source": "a test"})


@pytest.mark.parametrize("radius", [1, 2.5, 3, 10])
def test_the_disk_covers_what_a_fine_grid_of_points_finds(radius):
    kernel = disk_kernel(radius)
    n = len(kernel)
    fine = 100
    points = (np.arange(n * fine) + 0.5) / fine - n / 2
    inside = points[:, None] ** 2 + points**2 <= radius**2
    covered = inside.reshape(n, fine, n, fine).mean(axis=(1, 3))
    assert kernel.sum() == pytest.approx(1)
    np.testing.assert_allclose(kernel * np.pi * radius**2, covered, atol=2e-3)


def test_the_disk_is_that_of_matlab():
    """Printed values of `fspecial('disk', 1)` and of the first row of `fspecial('disk', 3)`."""
    one = [[0.0251, 0.1453, 0.0251], [0.1453, 0.3183, 0.1453], [0.0251, 0.1453, 0.0251]]
    np.testing.assert_allclose(disk_kernel(1), one, atol=5e-5)
    row = [0, 0.0003, 0.0110, 0.0172, 0.0110, 0.0003, 0]
    np.testing.assert_allclose(disk_kernel(3)[0], row, atol=5e-5)
    assert disk_kernel(10).shape == (21, 21)
    assert disk_kernel(0).tolist() == [[1]]


def plain(frame: np.ndarray, radius: float, size: int) -> np.ndarray:
    """The same in loops: the mean over the disk, then over each of `size` parts of the square."""
    gray = (np.clip(frame, -10, 60) + 10) / 70
    kernel, reach = disk_kernel(radius), len(disk_kernel(radius)) // 2
    ny, nx = gray.shape
    total, weight, most = np.zeros((3, ny, nx))
    for i, j in itertools.product(range(ny), range(nx)):
        for k, m in itertools.product(range(-reach, reach + 1), repeat=2):
            if 0 <= i + k < ny and 0 <= j + m < nx:
                most[i, j] += kernel[k + reach, m + reach]
                if np.isfinite(gray[i + k, j + m]):
                    total[i, j] += kernel[k + reach, m + reach] * gray[i + k, j + m]
                    weight[i, j] += kernel[k + reach, m + reach]

    def parts(image):
        # Each pixel as size x size points, so that the parts hold whole numbers of them.
        fine = np.repeat(np.repeat(image, size, axis=0), size, axis=1)
        return fine.reshape(size, ny, size, nx).mean(axis=(1, 3))

    dbz = parts(total) / parts(weight) * 70 - 10
    return np.where(parts(weight) >= 0.5 * parts(most), dbz, np.nan)


@pytest.mark.parametrize("missing", [False, True])
def test_values_equal_loops(missing):
    data = radar(2, (27, 26))
    if missing:
        data["reflectivity"][1, 8:11, 9:20] = np.nan
    result = prepare(data, crop=23, radius=2.5, size=7)["reflectivity"]
    for frame, small in zip(data["reflectivity"].values[:, 2:25, 1:24], result.values, strict=True):
        np.testing.assert_allclose(small, plain(frame.astype("float64"), 2.5, 7), atol=1e-4)


def test_what_is_mostly_missing_is_missing():
    data = radar(1, (30, 30))
    data["reflectivity"][:, :, :10] = np.nan
    result = prepare(data, crop=30, radius=0, size=10)["reflectivity"].values[0]
    assert np.isnan(result[:, :3]).all(), "nothing was seen there"
    assert np.isnan(result[:, 3:]).sum() == 0, "of the fourth column two thirds were"


def test_sizes_coordinates_and_attributes():
    data = radar(3, (480, 480), spacing=512e3 / 480)
    result = prepare(data.chunk(time=2))
    field = result["reflectivity"]
    assert field.shape == (3, 100, 100)
    assert field.dtype == "float32"
    assert isinstance(field.data, da.Array), "nothing is read yet"
    assert result.attrs["source"] == "a test"
    assert field.attrs["units"] == "dBZ"
    # 330 pixels in the middle start at pixel 75; the first new point is 1.15 pixels further in.
    assert spacing_km(field) == pytest.approx((3.52, 3.52))
    np.testing.assert_allclose(result["x"][0], (75 + 1.15) * 512e3 / 480)
    np.testing.assert_allclose(result["y"].mean(), data["y"].mean())
    np.testing.assert_array_equal(field, prepare(data)["reflectivity"])
    assert field.min() >= -10


def test_no_echo_stays_no_echo():
    data = radar(1, (60, 60))
    data["reflectivity"][:] = -32.0
    assert (prepare(data, crop=50, size=20)["reflectivity"] == -10).all()


def windows(dataset: xr.Dataset, split: str) -> np.ndarray:
    """First frames of the windows of 5 and 15 frames that `samples` would take."""
    steps = {"input": (-4, 0), "target": (1, 15)}
    variables = [
        {"name": "reflectivity", "units": "dBZ", "role": r, "grid": "radar", "steps": s, "fill": 0}
        for r, s in steps.items()
    ]
    sample = Sample(step="6min", grids={"radar": {}}, variables=variables)
    times = dataset["time"].values
    inside = frames_of(split, times, sample, attrs=dataset.attrs)
    return select(times, sample, inside=inside, stride=1, rain=None, target=None).starts


def test_the_numbers_of_windows_are_those_of_the_paper():
    """97 days of 240 frames: 8,148 windows to train on, 2,037 each for validation and test."""
    days = np.datetime64("2011-01-01", "ns") + np.arange(0, 97 * 3, 3) * np.timedelta64(1, "D")
    times = (days[:, None] + np.arange(240) * SIX).ravel()
    archive = xr.Dataset(coords={"time": times}, attrs=block_splits(times, 40, seed=7))
    frames = {}
    for split, number in {"train": 8_148, "val": 2_037, "test": 2_037}.items():
        starts = windows(archive, split)
        assert len(starts) == number
        assert (starts % 40 <= 20).all(), "a window lies in one block"
        blocks = np.bincount(starts // 240, minlength=97)
        assert set(blocks) == {number // 97}, "every day gives as many"
        frames[split] = set((starts[:, None] + np.arange(20)).ravel().tolist())
    assert not frames["train"] & frames["val"]
    assert not frames["train"] & frames["test"]
    assert not frames["val"] & frames["test"]


def test_blocks_are_random_and_repeat_with_the_seed():
    times = np.datetime64("2011-01-01", "ns") + np.arange(240 * 60) * SIX
    attrs = block_splits(times, 40, seed=1)
    assert attrs == block_splits(times, 40, seed=1)
    assert attrs != block_splits(times, 40, seed=2)
    hours = [int(period[11:13]) for period in attrs["split_test"].split(",")]
    assert set(hours) == {0, 4, 8, 12, 16, 20}
    later = block_splits(times[240 * 20 :], 40, seed=1)
    assert attrs["split_val"].endswith(later["split_val"]), "a day's blocks are its own"


def test_data_that_are_no_day_have_blocks_from_their_first_frame():
    """Six blocks of 20 frames from 7:13: by the clock, five whole ones without one for the test."""
    times = np.datetime64("2011-01-02T07:13", "ns") + np.arange(120) * SIX
    for seed in range(20):
        attrs = block_splits(times, 20, seed)
        parts = [attrs[f"split_{name}"].split(",") for name in ("train", "val", "test")]
        starts = sorted(np.datetime64(p.split("/")[0], "ns") for part in parts for p in part)
        if starts[0] == times[0]:
            np.testing.assert_array_equal(starts, times[::20])
            assert sorted(map(len, parts)) == [1, 1, 4]
            break
    else:
        pytest.fail("the clock gave every part a whole block, whatever the seed")


def test_a_piece_of_a_day_has_the_blocks_of_the_day():
    day = np.datetime64("2011-01-02", "ns") + np.arange(240) * SIX
    whole, piece = block_splits(day, 20, seed=3), block_splits(day[33:], 20, seed=3)
    for name in ("train", "val", "test"):
        assert set(piece[f"split_{name}"].split(",")) <= set(whole[f"split_{name}"].split(","))


def test_the_radar_that_is_installed():
    """40 frames from 14:45: blocks of 40 by the clock left validation without any."""
    sample = keras_wx.open_dataset("sample_radar")
    options = {"crop": 40, "size": 10, "radius": 1}
    with pytest.raises(DataError, match=r"The 40 frames .* blocks of 40 for \w+\. .*=None"):
        prepare(sample, **options)
    assert not any(
        n.startswith("split") for n in prepare(sample, **options, block_frames=None).attrs
    )
    prepared = prepare(sample, **options, block_frames=6)
    part = Sample(
        grids={"radar": {}},
        variables=[
            {"name": "reflectivity", "units": "dBZ", "role": role, "grid": "radar", "steps": steps}
            for role, steps in {"input": (-2, 0), "target": (1, 3)}.items()
        ],
    )
    for split in ("train", "val", "test"):
        assert len(keras_wx.samples(prepared, part, split=split, batch_size=1)) >= 1


def test_samples_from_prepared_frames():
    dataset = prepare(radar(240, (12, 12)).chunk(time=40), crop=12, radius=1, size=4)
    sample = presets.base("convlstm_hko").sample.merged(
        {"grids": {"radar": {"shape": (4, 4), "spacing_km": None}}}
    )
    numbers = {}
    for split in ("train", "val", "test"):
        samples = keras_wx.samples(dataset, sample, split=split, batch_size=21)
        x, y, weight = samples[0]
        numbers[split] = len(samples.init_times)
        assert x.shape == (21, 5, 4, 4, 1)
        assert y.shape == (21, 15, 4, 4, 1)
        assert (weight == 1).all()
    assert numbers == {"train": 84, "val": 21, "test": 21}
    first = int(np.searchsorted(dataset["time"].values, samples.init_times[0]))
    gray = (dataset["reflectivity"].values[first - 4 : first + 1] + 10) / 70
    np.testing.assert_allclose(x[0, ..., 0], gray, atol=1e-6)


def test_real_radar_of_another_country(shared_data):
    path = shared_data / "fmi_20160928.nc"
    if not path.exists():
        pytest.skip(f"real data not found: {path.name}")
    fmi = keras_wx.open_dataset("radar", path=path, spacing_km=1)
    field = prepare(fmi.isel(time=slice(0, 4)))["reflectivity"]
    assert field.shape == (4, 100, 100)
    assert spacing_km(field) == pytest.approx((3.3, 3.3))
    assert field.chunks is not None, "read when it is used"
    frame = field.isel(time=0).values
    assert np.nanmin(frame) >= -10
    assert np.nanmax(frame) > 15
    # Smoothing takes variance away, and leaves the mean of the same square.
    row, column = ((size - 330) // 2 for size in fmi["reflectivity"].shape[1:])
    square = fmi["reflectivity"][0].values[row : row + 330, column : column + 330]
    gray = np.clip(square, -10, 60)
    assert np.nanmean(frame) == pytest.approx(np.nanmean(gray), abs=0.5)
    assert np.nanstd(frame) < np.nanstd(gray)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"at least 330 x 330 points.*48 x 40.*crop="),
        ({"crop": 30, "size": 40}, "size <= crop"),
        ({"crop": 30, "size": 10, "radius": -1}, "radius >= 0"),
        ({"crop": 30, "size": 10, "low": 60}, "low < high"),
    ],
)
def test_sizes_that_do_not_fit(options, message):
    with pytest.raises(DataError, match=message):
        prepare(radar(2), **options)


def test_other_datasets():
    rain = radar(2).rename(reflectivity="rain_rate")
    with pytest.raises(DataError, match=r"'reflectivity' in dBZ.*rain_rate.*zr="):
        prepare(rain, crop=30, size=10)
    with pytest.raises(DataError, match="Expected times"):
        prepare(radar(2).drop_vars("time"), crop=30, size=10)
