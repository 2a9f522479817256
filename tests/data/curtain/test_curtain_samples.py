"""Curtain samples against plain slicing of the arrays that they are cut from."""

import itertools

import keras
import numpy as np
import pytest
import xarray as xr
from curtain_fields import STEP, make_curtain, make_curtain_sample

import keras_wx
from keras_wx.errors import DataError
from keras_wx.spec import CloudFilter


def cut(curtain=None, sample=None, **options):
    options = {"split": None, "batch_size": 4, "shuffle": False} | options
    return keras_wx.samples(
        make_curtain() if curtain is None else curtain,
        make_curtain_sample() if sample is None else sample,
        **options,
    )


def cloud_numbers(dbz):
    """As published: 1.5 (x + 60) / 90 - 0.5, -1 without cloud."""
    network = 1.5 * (dbz.astype(float) + 60) / 90 - 0.5
    return np.where(network <= -0.5, -1, network)


def ramp(buffer):
    return np.concatenate([np.ones(3), 1 - np.arange(1, buffer + 1) / (buffer + 1), np.zeros(99)])


def test_arrays_by_hand():
    curtain = make_curtain()
    x, y, weight = cut(curtain)[1]
    assert x.shape == (4, 12, 8, 3)
    assert y.shape == (4, 12, 8, 2)
    assert weight.shape == (4, 12, 8)
    assert x.dtype == y.dtype == weight.dtype == np.float32
    for window in range(4):
        columns = slice(4 + window, 12 + window)
        z = curtain["reflectivity"].values[columns].T
        t = curtain["temperature"].values[columns].T
        np.testing.assert_allclose(x[window, ..., 0], cloud_numbers(z), atol=1e-6)
        np.testing.assert_allclose(x[window, ..., 1], 1.5 * (t - 180) / 120 - 0.5, atol=1e-6)
        np.testing.assert_allclose(y[window], x[window, ..., :2])
    expected = np.broadcast_to(ramp(2)[:12, None], (4, 12, 8))
    np.testing.assert_allclose(x[..., 2], expected, atol=1e-6)
    np.testing.assert_array_equal(weight, x[..., 2])


def test_rows_above_the_sample_are_left_out():
    x, _, _ = cut(sample=make_curtain_sample((8, 8)))[0]
    whole, _, _ = cut()[0]
    np.testing.assert_array_equal(x, whole[:, :8])


def test_without_a_mask_channel_the_weight_stays():
    x, _, weight = cut(sample=make_curtain_sample(mask=False))[0]
    assert x.shape[-1] == 2
    np.testing.assert_allclose(weight[0, :, 0], ramp(2)[:12], atol=1e-6)


def test_windows_do_not_cross_a_jump():
    windows = cut(make_curtain(40, jumps=(15, 20)), batch_size=100)
    starts = windows.selection.starts
    # Runs of 15, 5 and 20 columns hold 8, none and 13 windows of 8.
    np.testing.assert_array_equal(starts, [*range(8), *range(20, 33)])
    assert windows.selection.broken == 33 - 21
    assert windows.init_times[8] - windows.init_times[0] == 20 * STEP + 2 * np.timedelta64(1, "h")


def test_stride():
    np.testing.assert_array_equal(cut(stride=8).selection.starts, np.arange(0, 53, 8))


def test_training_draws_a_buffer_for_each_window():
    train = cut(split="train", splits=(0.8, 0.1, 0.1), gap="0s", batch_size=16)
    masks = np.concatenate([train[i][2] for i in range(2)])
    lengths = ((masks[:, :, 0] > 0) & (masks[:, :, 0] < 1)).sum(axis=1)
    assert set(lengths) == {1, 2, 3}, "train_buffer: [1, 3], both inclusive"
    for mask, length in zip(masks[..., 0], lengths, strict=True):
        np.testing.assert_allclose(mask, ramp(length)[:12], atol=1e-6)
    x, _, weight = train[0]
    np.testing.assert_array_equal(x[..., -1], weight)
    np.testing.assert_array_equal(train[0][2], weight, "the draw belongs to the batch")
    train.epoch = 1
    assert not np.array_equal(train[0][2], weight)


def test_flip_time_turns_everything_in_a_window_together():
    curtain = make_curtain()
    curtain["blind_zone_top"] = ("time", np.resize([150.0, 250, 350], 60), {"units": "m"})
    sample = make_curtain_sample(blind_zone={"buffer": 1, "train_buffer": [1, 1]})
    options = {"split": "train", "splits": (0.8, 0.1, 0.1), "gap": "0s", "batch_size": 32}
    as_they_are = cut(curtain, sample, augment=(), **options)[0]
    flipped = cut(curtain, sample, augment="flip_time", **options)[0]
    turned = []
    for window in range(32):
        plain = [part[window] for part in as_they_are]
        other = [part[window] for part in flipped]
        same = all(np.array_equal(a, b) for a, b in zip(plain, other, strict=True))
        back = all(np.array_equal(a[:, ::-1], b) for a, b in zip(plain, other, strict=True))
        assert same != back
        turned.append(back)
    assert 6 < sum(turned) < 26


def test_the_zone_of_each_column():
    curtain = make_curtain()
    curtain["blind_zone_top"] = ("time", np.resize([100.0, 500], 60), {"units": "m"})
    _, _, weight = cut(curtain)[0]
    np.testing.assert_array_equal((weight[0] == 1).sum(axis=0), [3, 5] * 4)


def test_what_was_not_measured_has_no_weight():
    """NaN below the top of the real blind zone: finite in x and y, and of no weight."""
    curtain = make_curtain()
    curtain["reflectivity"][:, 0] = np.nan
    x, y, weight = cut(curtain)[0]
    assert np.isfinite(x).all()
    assert np.isfinite(y).all()
    np.testing.assert_array_equal(x[:, 0, :, 0], -1)
    np.testing.assert_array_equal(weight[:, 0], 0)
    np.testing.assert_array_equal(weight[:, 1:3], 1)
    np.testing.assert_array_equal(x[:, 0, :, 2], 1, "the network still has to fill it in")


def test_nan_outside_the_mask(tmp_path):
    curtain = make_curtain()
    curtain["reflectivity"][20, 5] = np.nan
    message = "NaN outside the mask: 'reflectivity' is missing at 2020-01-01T00:01:20 in row 5 of"
    with pytest.raises(DataError, match=message):
        cut(curtain)
    curtain.to_netcdf(tmp_path / "curtain.nc")
    windows = cut(xr.open_dataset(tmp_path / "curtain.nc"))
    windows[0]  # a file tells only when it is read
    with pytest.raises(DataError, match=message):
        windows[4]
    x, _, weight = cut(curtain, make_curtain_sample(fill=0.0))[4]
    assert x[0, 5, 4, 0] == 0.5
    assert weight[0, 5, 4] == 0


def test_nan_where_no_window_is():
    curtain = make_curtain(40, jumps=(36,))
    curtain["reflectivity"][38, 5] = np.nan
    assert len(cut(curtain)) > 0


def test_nan_in_the_state():
    curtain = make_curtain()
    curtain["temperature"][2, 0] = np.nan
    with pytest.raises(DataError, match="NaN: 'temperature' is missing at 2020-01-01T00:00:08"):
        cut(curtain)


def test_lazy_files_give_the_same(tmp_path):
    curtain = make_curtain()
    curtain.transpose("height", "time").to_netcdf(
        tmp_path / "curtain.nc", encoding={"reflectivity": {"chunksizes": (12, 7)}}
    )
    lazy = xr.open_dataset(tmp_path / "curtain.nc")
    for one, other in zip(cut(curtain)[2], cut(lazy)[2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert not lazy["reflectivity"].variable._in_memory


def test_the_cloud_filter_by_brute_force():
    curtain = make_curtain(200, seed=3)
    curtain["reflectivity"] = (
        curtain["reflectivity"]
        .where(np.random.default_rng(0).random((200, 12)) > 0.12, -60)
        .clip(-60.0, 30)
        .where(curtain["reflectivity"] > -79, -60.0)
    )
    cloud = curtain["reflectivity"].values > -60
    for size in (1, 2, 3):
        taken = [
            start
            for start in range(200 - 8 + 1)
            if any(
                cloud[c : c + size, r : r + size].all()
                for c in range(start, start + 8 - size + 1)
                for r in range(3, 12 - size + 1)
            )
        ]
        if size == 3:
            assert 0 < len(taken) < 193, "the case tells something"
        found = cut(curtain, filter=CloudFilter(size=size), cache_bytes=3000)
        np.testing.assert_array_equal(found.selection.starts, taken)
        assert found.selection.dry == 193 - len(taken)
    with pytest.raises(DataError, match="in none of 193 is a square of 12 x 12"):
        cut(curtain, filter=CloudFilter(size=12))


def test_parts_are_farther_apart_than_columns_remember():
    """An AR(1) process whose autocorrelation falls below 1/e after 25 columns or so."""
    random, memory = np.random.default_rng(1), np.exp(-1 / 25)
    columns = 4000
    z = np.zeros((columns, 12))
    for i in range(1, columns):
        z[i] = memory * z[i - 1] + np.sqrt(1 - memory**2) * random.standard_normal(12)
    curtain = make_curtain(columns)
    curtain["reflectivity"] = ("time", "height"), -15 + 5 * z, {"units": "dBZ"}
    train, val = (cut(curtain, split=split) for split in ("train", "val"))
    correlated = train.decorrelation_time.total_seconds() / 4
    assert correlated == pytest.approx(25, abs=5)
    last_of_train = train.init_times[-1] + 7 * STEP
    assert val.init_times[0] - last_of_train > np.timedelta64(train.decorrelation_time)
    assert "decorrelate in" in repr(train)
    assert cut(curtain, split="train", gap="0s").decorrelation_time is None


def test_short_memory_leaves_the_length_of_a_window():
    train, val = (cut(make_curtain(200), split=split) for split in ("train", "val"))
    assert val.init_times[0] - (train.init_times[-1] + 7 * STEP) >= 8 * STEP


def test_the_gap_of_the_source_is_kept():
    curtain = make_curtain(200).assign_attrs(split_gap="0s")
    train, val = (cut(curtain, split=split) for split in ("train", "val"))
    assert val.init_times[0] - (train.init_times[-1] + 7 * STEP) == STEP
    assert train.decorrelation_time is None


def test_repr_says_what_it_is():
    text = repr(cut())
    for part in ("53 curtains of 12 heights x 8 columns every 4s", "3 rows blind", "60 of 60"):
        assert part in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": "center"}, "keep their lowest rows"),
        ({"augment": "flip"}, r"expected some of \('flip_time',\). Received: \['flip'\]"),
        ({"sample": make_curtain_sample((12, None))}, "number of columns open"),
        ({"sample": make_curtain_sample((12, 64))}, "No window of 64 consecutive frames"),
    ],
)
def test_what_cannot_be_cut(options, message):
    with pytest.raises(DataError, match=message):
        cut(**options)


def test_maps_know_no_flip_in_time():
    from keras_wx.data.augment import Augmentation

    with pytest.raises(DataError, match="Received: \\['flip_time'\\]"):
        Augmentation("flip_time", [(4, 4)])


def test_statistics_of_a_curtain():
    curtain, sample = make_curtain(), make_curtain_sample()
    found = keras_wx.data.training_statistics(sample, curtain, splits=(0.5, 0.25, 0.25), gap="0s")
    part = curtain["temperature"].values[:30].astype(float)
    assert found["temperature"]["mean"] == pytest.approx(part.mean())
    assert found["temperature"]["std"] == pytest.approx(part.std())


def test_fit_and_stream():
    windows = cut(batch_size=16)
    inputs = keras.Input((12, 8, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 3, padding="same")(inputs))
    loss = keras.losses.MeanAbsoluteError(reduction="mean_with_sample_weight")
    model.compile("adam", loss)
    first = model.evaluate(windows, verbose=0)
    x, y, weight = (
        np.concatenate(parts) for parts in zip(*(windows[i] for i in range(4)), strict=True)
    )
    error = np.abs(model.predict(x, verbose=0) - y).mean(axis=-1)
    # Each batch is a mean over its weights, and the batches are averaged by their windows.
    sizes = [len(windows[i][0]) for i in range(4)]
    edges = np.cumsum([0, *sizes])
    means = [
        (error[a:b] * weight[a:b]).sum() / weight[a:b].sum() for a, b in itertools.pairwise(edges)
    ]
    assert first == pytest.approx(np.average(means, weights=sizes), rel=1e-4)
    if keras.backend.backend() == "tensorflow":
        streamed = next(iter(windows.to_tf()))
        for one, other in zip(streamed, windows[0], strict=True):
            np.testing.assert_array_equal(one, other)
