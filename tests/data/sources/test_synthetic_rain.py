import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.errors import DataError


def rain(**options):
    return keras_wx.open_dataset("synthetic_rain", **options)


def spectral_slope(frames, points=40):
    """Exponent of the mean 2-D power spectrum between 2 and 13 waves in the middle `points`."""
    first = (frames.shape[-1] - points) // 2
    frames = frames[:, first : first + points, first : first + points].astype("float64")
    frames = frames - frames.mean((1, 2), keepdims=True)
    window = np.hanning(points)
    power = (np.abs(np.fft.fft2(frames * window[:, None] * window)) ** 2).mean(0)
    waves = np.fft.fftfreq(points, 1 / points)
    ring = np.hypot(waves[:, None], waves)
    numbers = np.arange(2, 14)
    mean = [power[np.abs(ring - number) < 0.5].mean() for number in numbers]
    return np.polyfit(np.log(numbers), np.log(mean), 1)[0]


def displacement(frames):
    """Mean shift from frame to frame in pixels, to a tenth, by phase correlation."""
    window = np.hanning(frames.shape[1])[:, None] * np.hanning(frames.shape[2])
    waves = np.fft.fft2((frames - frames.mean((1, 2), keepdims=True)) * window)
    cross = waves[1:] * np.conj(waves[:-1])
    cross = (cross / (np.abs(cross) + 1e-9)).mean(0)
    # Padding with empty short waves makes the correlation ten times as fine.
    fine = np.zeros((10 * cross.shape[0], 10 * cross.shape[1]), complex)
    for rows in (slice(None, 16), slice(-16, None)):
        for columns in (slice(None, 16), slice(-16, None)):
            fine[rows, columns] = cross[rows, columns]
    peak = np.unravel_index(np.fft.ifft2(fine).real.argmax(), fine.shape)
    return [((p + n // 2) % n - n // 2) / 10 for p, n in zip(peak, fine.shape, strict=True)]


def test_conventions():
    dataset = rain(frames=7, shape=(20, 30), spacing_km=2, step="10min", events=2)
    field = dataset["reflectivity"]
    assert field.dims == ("time", "y", "x")
    assert field.shape == (7, 20, 30)
    assert field.dtype == "float32"
    assert field.attrs["units"] == "dBZ"
    np.testing.assert_allclose(np.diff(dataset["x"]), 2000)
    steps = np.diff(dataset["time"]) / np.timedelta64(1, "m")
    assert sorted(steps)[:5] == [10] * 5
    assert max(steps) > 24 * 60, "a break of a day between events"


def test_the_seed_decides():
    first, again, other = (rain(frames=12, events=2, seed=seed) for seed in (3, 3, 4))
    xr.testing.assert_identical(first, again)
    assert not np.array_equal(first["reflectivity"], other["reflectivity"])
    assert not np.array_equal(first["reflectivity"][:6], first["reflectivity"][6:])


def test_spectrum_is_that_of_radar():
    field = rain(seed=1)["reflectivity"].values
    wet = field[(field > 7).mean((1, 2)) > 0.15]
    assert spectral_slope(np.maximum(wet, 0)) == pytest.approx(-2.5, abs=0.3)


@pytest.mark.slow
def test_spectrum_and_intensities_are_those_of_taasrad19(shared_data):
    path = shared_data / "taasrad19_64x64_2015-10_2017-01.nc"
    if not path.exists():
        pytest.skip(f"real data not found: {path.name}")
    real = xr.open_dataset(path)["reflectivity"][::20].values
    slopes, means, extremes = [], [], []
    for frames in (real, np.maximum(rain(frames=2000, events=30)["reflectivity"].values, 0)):
        wet = frames[(frames > 7.4).mean((1, 2)) > 0.15]
        slopes.append(spectral_slope(wet))
        means.append(wet[wet > 7.4].mean())
        extremes.append(np.percentile(wet[wet > 7.4], 99))
    assert slopes[0] == pytest.approx(slopes[1], abs=0.3)
    assert means[0] == pytest.approx(means[1], abs=1.5)
    assert extremes[0] == pytest.approx(extremes[1], abs=2)


def test_intensities():
    field = rain()["reflectivity"].values
    echo = field[field > -10]
    assert echo.min() >= 7
    assert 13 < echo.mean() < 18
    assert 32 < np.percentile(echo, 99) < 42
    assert echo.max() < 75
    wet = (field > -10).mean((1, 2))
    assert 0.08 < wet.mean() < 0.25
    assert wet.max() < 0.7


def test_events_grow_and_decay():
    wet = (rain(frames=400, events=4)["reflectivity"].values > -10).mean((1, 2)).reshape(4, 100)
    for event in wet:
        assert event[40:60].mean() > 2 * event[:10].mean()
        assert event[40:60].mean() > 2 * event[-10:].mean()


@pytest.mark.parametrize("velocity", [(10.0, 0.0), (-5.0, 15.0), (0.0, -20.0)])
def test_echo_moves_with_the_velocity(velocity):
    field = rain(frames=30, shape=(128, 128), spacing_km=2.0, events=1, velocity=velocity)
    shift = displacement(np.maximum(field["reflectivity"].values[5:25], 0))
    np.testing.assert_allclose(shift, np.array(velocity) * 300 / 2000, atol=0.15)
    # y and x increase with the index: a positive velocity is one along the coordinates.
    assert (np.diff(field["y"]) > 0).all()


def test_echo_enters_through_the_border():
    """What a frozen field shifted by the velocity cannot know appears at the side it comes from."""
    field = rain(frames=24, events=1, velocity=(0.0, 20.0), seed=5)["reflectivity"].values
    shift = round(20.0 * 300 * 6 / 3750)
    entered = (field[6:, :, :shift] > -10).mean()
    inside = (field[6:, :, shift:] > -10).mean()
    assert entered > 0.5 * inside
    first_half_hour = [
        np.corrcoef(field[t, :, :-shift].ravel(), field[t + 6, :, shift:].ravel())[0, 1]
        for t in range(6, 18)
    ]
    returned = [
        np.corrcoef(field[t, :, -shift:].ravel(), field[t + 6, :, :shift].ravel())[0, 1]
        for t in range(6, 18)
    ]
    assert np.mean(first_half_hour) > 0.6
    assert np.mean(returned) < 0.3, "what leaves on one side must not come back on the other"


def test_small_patterns_are_forgotten_first():
    values = np.maximum(
        rain(frames=60, events=1, shape=(128, 128), velocity=(0, 0))["reflectivity"], 0
    )
    waves = np.fft.fft2(values.values - values.values.mean((1, 2), keepdims=True))
    k = np.hypot(np.fft.fftfreq(128, 3.75)[:, None], np.fft.fftfreq(128, 3.75))
    correlation = []
    for scale in (128, 64, 32, 16, 8):
        band = (k > 0.7 / scale) & (k <= 1.4 / scale)
        a, b = waves[20:35][:, band], waves[23:38][:, band]
        power = np.sqrt((np.abs(a) ** 2).sum() * (np.abs(b) ** 2).sum())
        correlation.append((a * np.conj(b)).real.sum() / power)
    assert (np.diff(correlation) < 0).all()
    assert correlation[0] > 0.9
    assert correlation[-1] < 0.4


def test_splits_are_events():
    dataset = rain(frames=50, events=5, shape=(8, 8))
    parts = {
        name: dataset.sel(time=slice(*dataset.attrs[f"split_{name}"].split("/"))).sizes["time"]
        for name in ("train", "val", "test")
    }
    assert parts == {"train": 30, "val": 10, "test": 10}
    assert "split_train" not in rain(frames=10, events=2, shape=(8, 8)).attrs


@pytest.mark.parametrize(
    "options",
    [
        {"frames": 3, "events": 4},
        {"events": 0},
        {"shape": (1, 8)},
        {"spacing_km": 0},
        {"step": "x"},
    ],
)
def test_sizes_that_make_no_data(options):
    with pytest.raises(DataError, match=r"[Ee]xpected"):
        rain(**options)
