import gzip
import struct

import numpy as np
import pytest

import keras_wx
from keras_wx.data.sources._mnist import digit_pools, read_digits
from keras_wx.data.sources._motion import bounce, random_velocity
from keras_wx.data.splits import frames_of
from keras_wx.data.windows import init_indices
from keras_wx.errors import DataError, UnknownNameError

NAMES = ("moving_mnist", "moving_mnist_plusplus")
FEW = {"sequences": (6, 3, 4)}


def images(name="moving_mnist", **options):
    return keras_wx.open_dataset(name, **options)["intensity"]


# === Motion ===


@pytest.mark.parametrize(
    ("start", "velocity", "expected"),
    [
        (10.0, 4.0, [10, 14, 18]),
        (34.0, 4.0, [34, 34, 30]),  # 38 is 2 beyond the wall at 36, so 2 before it
        (3.0, -4.0, [3, 1, 5]),
        (0.0, -4.0, [0, 4, 8]),
        (36.0, 4.0, [36, 32, 28]),
        (30.0, 40.0, [30, 2, 34]),  # 70 -> 2 by one wall; 110 -> -38 -> 38 -> 34 by three
    ],
)
def test_bounce_by_hand(start, velocity, expected):
    path = bounce(np.array([start]), np.array([velocity]), 3, 0, 36)
    np.testing.assert_allclose(path[:, 0], expected, atol=1e-12)


def test_bounce_between_other_walls_step_by_step():
    """A ball that is turned back each time it passes a wall goes the same way."""
    rng = np.random.default_rng(1)
    start, velocity = rng.uniform(10, 54, (50, 2)), rng.uniform(-5, 5, (50, 2))
    position, speed = start.copy(), velocity.copy()
    for expected in bounce(start, velocity, 40, 10, 54):
        np.testing.assert_allclose(position, expected, atol=1e-9)
        position += speed
        low, high = position < 10, position > 54
        position[low], position[high] = 20 - position[low], 108 - position[high]
        speed[low | high] *= -1


def test_speed_and_direction():
    velocity = random_velocity(np.random.default_rng(2), 20_000, (3.0, 5.0))
    speed = np.hypot(*velocity.T)
    assert 3 <= speed.min() < 3.01
    assert 4.99 < speed.max() < 5
    counts = np.histogram(speed, bins=8, range=(3, 5))[0]
    assert (abs(counts - 2500) < 5 * 50).all(), "uniform in speed"
    angles = np.arctan2(*velocity.T)
    counts = np.histogram(angles, bins=8, range=(-np.pi, np.pi))[0]
    assert (abs(counts - 2500) < 5 * 50).all(), "uniform in direction"


# === Images ===


def slow_image(digits, corners):
    """Every pixel by itself: the brightest of the digits that cover it."""
    image = np.zeros((64, 64))
    for y in range(64):
        for x in range(64):
            for digit, (top, left) in zip(digits, corners, strict=True):
                if 0 <= y - top < 28 and 0 <= x - left < 28:
                    image[y, x] = max(image[y, x], digit[y - top, x - left] / 255)
    return image


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_equals_a_slow_renderer(digits):
    """The same draws of random numbers, moved step by step and painted pixel by pixel."""
    shown = images(digits=digits, seed=7, **FEW)[20 * 6 : 20 * 7].values  # val's first
    pool = digit_pools(None, subset=500, held_out=False)["val"]
    rng = np.random.default_rng((7, 1, 0))
    chosen = rng.choice(pool, digits)
    position = rng.uniform(0, 36, (digits, 2))
    angle = rng.uniform(0, 2 * np.pi, digits)
    speed = rng.uniform(3, 5, (digits, 1))[:, 0]
    step = np.stack([speed * np.sin(angle), speed * np.cos(angle)], axis=-1)
    for frame in range(20):
        if frame % 3 == 0:
            expected = slow_image(chosen, np.floor(position).astype(int))
            np.testing.assert_allclose(shown[frame], expected, atol=1e-6)
        position += step
        step = np.where((position < 0) | (position > 36), -step, step)
        position = np.where(position < 0, -position, position)
        position = np.where(position > 36, 72 - position, position)


def test_digits_move_at_their_speed():
    """Seen from the images alone: the centre of a single digit is 3 to 5 pixels further on."""
    frames = images(digits=1, seed=3, sequences=(40, 0, 0)).values.reshape(40, 20, 64, 64)
    grid = np.arange(64)
    mass = frames.sum((2, 3))
    y = (frames.sum(3) * grid).sum(2) / mass
    x = (frames.sum(2) * grid).sum(2) / mass
    steps = np.hypot(np.diff(y), np.diff(x))
    assert steps.max() < 5 + np.sqrt(2), "whole pixels add less than one along each axis"
    free = np.median(np.hypot(y[:, 6:] - y[:, :-6], x[:, 6:] - x[:, :-6]) / 6, axis=1)
    assert (free < 5.3).all()
    assert 3 < np.median(steps) < 5


@pytest.mark.parametrize("name", NAMES)
def test_intensities(name):
    field = images(name, sequences=(60, 0, 0))
    values = field.values
    assert field.dims == ("time", "y", "x")
    assert field.shape == (1200, 64, 64)
    assert values.dtype == "float32"
    assert field.attrs["units"] == "1"
    assert (values.min(), values.max()) == (0, 1)
    np.testing.assert_allclose(values * 255, np.round(values * 255), atol=1e-3)
    if name == "moving_mnist":  # two digits, of which little overlaps
        ink = digit_pools(None, subset=500, held_out=False)["train"].mean() / 255 * 28**2
        assert values.sum((1, 2)).mean() == pytest.approx(2 * ink, rel=0.08)


@pytest.mark.parametrize("name", NAMES)
def test_verify_counts_lit_pixels(name):
    """Without thresholds of the caller; of persistence, against plain NumPy."""
    truth = keras_wx.open_dataset(name, sequences=(0, 0, 2), seed=4)
    model = keras_wx.load("persistence", output_frames=10)
    forecast = keras_wx.predict(model, truth, init_times=truth.time[[9, 29]].values)
    scores = keras_wx.verify(forecast, truth)
    assert scores["threshold"].values == [0.5]
    lit = truth["intensity"].values.reshape(2, 20, 64, 64) >= 0.5
    last, future = lit[:, 9:10], lit[:, 10:]
    csi = (last & future).sum((0, 2, 3)) / (last | future).sum((0, 2, 3))
    np.testing.assert_allclose(scores["csi"].sel(threshold=0.5).squeeze(), csi)


def test_plusplus_equals_slow_interpolation():
    """Every pixel by itself, bilinear between the four pixels of the digit around its origin."""
    shown = images("moving_mnist_plusplus", digits=2, seed=5, sequences=(1, 0, 0)).values
    rng = np.random.default_rng((5, 0, 0))
    chosen = rng.choice(digit_pools(None, subset=500, held_out=False)["train"], 2).astype(float)
    position = rng.uniform(10, 54, (2, 2))
    direction, speed = rng.uniform(0, 2 * np.pi, 2), rng.uniform(0, 3.6, (2, 1))[:, 0]
    step = np.stack([speed * np.sin(direction), speed * np.cos(direction)], axis=-1)
    growth, turn = rng.uniform(1 / 1.1, 1.1, 2), rng.uniform(-30, 30, 2)
    dimming = rng.uniform(0.6, 1.0)
    size, angle, light = np.ones(2), np.zeros(2), 1.0
    y, x = np.mgrid[:64, :64].astype(float)
    for frame in range(20):
        expected = np.zeros((64, 64))
        for digit, (row, column), s, a in zip(
            chosen, position, size, np.deg2rad(angle), strict=True
        ):
            # Back to the digit: turned clockwise on a screen whose rows run downwards.
            right, down = (x - column) / s, (y - row) / s
            u = 13.5 + np.cos(a) * right - np.sin(a) * down
            v = 13.5 + np.sin(a) * right + np.cos(a) * down
            expected = np.maximum(expected, bilinear(digit, v, u))
        difference = np.abs(shown[frame] - np.minimum(expected * light / 255, 1))
        assert difference.max() < 0.05, "OpenCV rounds positions to a 32nd of a pixel"
        assert difference.mean() < 0.001
        position += step
        step = np.where((position < 10) | (position > 54), -step, step)
        position = np.where(position < 10, 20 - position, position)
        position = np.where(position > 54, 108 - position, position)
        back = (frame + 1) // 5 % 2 == 1
        size = size / growth if back else size * growth
        light = light / dimming if back else light * dimming
        angle = angle + turn


def bilinear(digit, rows, columns):
    padded = np.pad(digit, 2)
    rows, columns = np.clip(rows + 2, 0, 30.999), np.clip(columns + 2, 0, 30.999)
    r, c = rows.astype(int), columns.astype(int)
    p, q = rows - r, columns - c
    return (
        (1 - p) * (1 - q) * padded[r, c]
        + (1 - p) * q * padded[r, c + 1]
        + p * (1 - q) * padded[r + 1, c]
        + p * q * padded[r + 1, c + 1]
    )


# === Reading ===


@pytest.mark.parametrize("name", NAMES)
def test_the_same_however_it_is_read(name):
    field = images(name, seed=4, **FEW)
    whole = field.values
    again = images(name, seed=4, **FEW)
    for key in (
        slice(95, 141),
        slice(200, 20, -7),
        [259, 3, 3, 61],
        37,
        (slice(5, 45), slice(10, 50, 3), 7),
        (12, [3, 1], slice(None)),
        (slice(0, 40), [1, 5], [60, 2]),
    ):
        wanted = key if isinstance(key, tuple) else (key,)
        expected = whole
        for axis, part in reversed(list(enumerate(wanted))):
            expected = (
                np.moveaxis(np.moveaxis(expected, axis, 0)[part], 0, axis)
                if not isinstance(part, int)
                else np.take(expected, part, axis)
            )
        np.testing.assert_array_equal(again[key].values, expected)
    np.testing.assert_array_equal(again.chunk(time=33).values, whole)
    assert not np.array_equal(images(name, seed=5, **FEW).values, whole)


def test_a_sequence_does_not_depend_on_the_number_of_others():
    small, large = images(seed=1, **FEW), images(seed=1, sequences=(60, 30, 40))
    for part, (few, many) in {"train": (0, 0), "val": (6, 60), "test": (9, 90)}.items():
        first = small[20 * few : 20 * few + 60].values
        np.testing.assert_array_equal(first, large[20 * many : 20 * many + 60].values, part)
    assert not np.array_equal(small[:20], small[120:140]), "parts differ"


def test_opening_draws_nothing(monkeypatch):
    from keras_wx.data.sources import moving_mnist as module

    def fail(*_):
        raise AssertionError("drawn")

    monkeypatch.setattr(module, "_paste", fail)
    field = images()
    assert field.nbytes == 300_000 * 64 * 64 * 4
    selected = field.sel(time=slice("2001-01", None)).isel(y=slice(0, 8))
    with pytest.raises(AssertionError, match="drawn"):
        selected[:1].load()


def test_windows_are_the_sequences_of_the_paper():
    dataset = keras_wx.open_dataset("moving_mnist")
    sample = keras_wx.info("convlstm_mnist_3layer").sample
    times = dataset["time"].values
    last_inputs = init_indices(times, sample)
    np.testing.assert_array_equal(last_inputs, np.arange(15_000) * 20 + 9)
    for split, number in (("train", 10_000), ("val", 2_000), ("test", 3_000)):
        (part,) = frames_of(split, times, sample, attrs=dataset.attrs)
        inside = (last_inputs - 9 >= part.start) & (last_inputs + 10 < part.stop)
        assert inside.sum() == number


def test_samples_hold_whole_sequences():
    dataset = keras_wx.open_dataset("moving_mnist", **FEW)
    sample = keras_wx.info("convlstm_mnist_3layer").sample
    batches = keras_wx.samples(dataset, sample, split="val", batch_size=3)
    ((x, y),) = (batches[i] for i in range(len(batches)))
    whole = dataset["intensity"].values[120:180].reshape(3, 20, 64, 64, 1)
    np.testing.assert_array_equal(x, whole[:, :10])
    np.testing.assert_array_equal(y, whole[:, 10:])


def test_long_sequences_keep_their_break():
    dataset = keras_wx.open_dataset("moving_mnist", frames=45, sequences=(2, 1, 0))
    sample = keras_wx.info("convlstm_mnist_3layer").sample
    assert len(init_indices(dataset["time"].values, sample)) == 3 * (45 - 19)
    assert "split_test" not in dataset.attrs


# === Digits ===


def test_held_out_digits_differ():
    shared, apart = (digit_pools(None, subset=500, held_out=choice) for choice in (False, True))
    assert np.array_equal(shared["train"], shared["test"])
    as_rows = {part: {digit.tobytes() for digit in pool} for part, pool in apart.items()}
    assert len(as_rows["train"]) == len(as_rows["test"]) == 500
    assert not as_rows["train"] & as_rows["test"]
    assert as_rows["val"] == as_rows["test"]
    same, other = (images(held_out=choice, **FEW) for choice in (False, True))
    np.testing.assert_array_equal(same[:120], other[:120])
    assert not np.array_equal(same[120:], other[120:])


def test_shipped_digits_are_the_first_of_mnist(shared_data):
    real = read_digits(shared_data / "mnist_t10k.npz")
    assert real.shape == (10_000, 28, 28)
    np.testing.assert_array_equal(
        digit_pools(None, subset=1000, held_out=False)["train"], real[:1000]
    )
    more = images(path=shared_data / "mnist_t10k.npz", subset=10_000, **FEW)
    assert not np.array_equal(more, images(**FEW))


def idx(digits):
    return struct.pack(">4B3I", 0, 0, 8, 3, *digits.shape) + digits.tobytes()


@pytest.mark.parametrize("kind", ["idx", "gz", "keras", "plain"])
def test_formats_of_mnist_files(tmp_path, kind):
    digits = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    file = tmp_path / "file"
    if kind == "idx":
        file.write_bytes(idx(digits))
    elif kind == "gz":
        file.write_bytes(gzip.compress(idx(digits)))
    elif kind == "keras":
        np.savez(file, x_test=digits[:1], x_train=digits, y_train=np.arange(5))
    else:
        np.savez_compressed(file, images=digits)
    file = file if file.exists() else file.with_suffix(".npz")
    np.testing.assert_array_equal(read_digits(file), digits)
    brightest = images(path=file, subset=5, digits=1, **FEW).values.max()
    assert brightest == pytest.approx(digits.max() / 255)


def test_finished_sequences(tmp_path):
    sequences = np.random.default_rng(0).integers(0, 256, (20, 7, 64, 64), dtype=np.uint8)
    np.save(tmp_path / "mnist_test_seq.npy", sequences)
    dataset = keras_wx.open_dataset("moving_mnist", path=tmp_path / "mnist_test_seq.npy")
    field = dataset["intensity"]
    assert field.shape == (140, 64, 64)
    np.testing.assert_allclose(field[60:80].values, sequences[:, 3] / 255, atol=1e-6)
    sample = keras_wx.info("convlstm_mnist_3layer").sample
    assert len(keras_wx.samples(dataset, sample, split="test", batch_size=1)) == 7
    with pytest.raises(UnknownNameError, match="train"):
        keras_wx.samples(dataset, sample, split="train")


# === What is refused ===


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"digits": 0}, "at least one digit"),
        ({"frames": 0}, "frames=0"),
        ({"sequences": (1, 2)}, "three numbers"),
        ({"sequences": (0, 0, 0)}, "three numbers"),
        ({"subset": 0}, r"from 1 to 1,000"),
        ({"subset": 501, "held_out": True}, "from 1 to 500"),
        ({"path": "nowhere.gz"}, "nowhere.gz"),
        ({"path": "nowhere.npy"}, "nowhere.npy"),
        ({"speed": 3}, "its options"),
    ],
)
def test_options_that_make_no_data(options, message):
    with pytest.raises(DataError, match=f"(?i){message}"):
        images(**options)


def test_files_that_hold_no_digits(tmp_path):
    digits = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    cases = {
        "cut.idx": idx(digits)[:-1],
        "labels.idx": struct.pack(">4BI", 0, 0, 8, 1, 5) + bytes(5),
        "short.gz": gzip.compress(idx(digits))[:60],
        "text.txt": b"no digits",
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=name):
            read_digits(tmp_path / name)
    np.savez(tmp_path / "other.npz", weights=digits)
    np.savez(tmp_path / "objects.npz", images=np.array([None, {}], dtype=object))
    np.savez(tmp_path / "floats.npz", images=np.zeros((5, 28, 28)))
    for name in ("other.npz", "objects.npz", "floats.npz"):
        with pytest.raises(DataError, match=name):
            read_digits(tmp_path / name)
    np.save(tmp_path / "objects.npy", np.array([None, {}], dtype=object))
    np.save(tmp_path / "three.npy", np.zeros((20, 64, 64), np.uint8))
    for name in ("objects.npy", "three.npy"):
        with pytest.raises(DataError, match=name):
            images(path=tmp_path / name)


def test_attributes_name_the_license():
    dataset = keras_wx.open_dataset("moving_mnist", **FEW)
    assert "CC BY-SA 3.0" in dataset.attrs["license"]
    assert "LeCun" in dataset.attrs["attribution"]
