"""Samples of channels: each number where it belongs, from plain NumPy and xarray."""

import numpy as np
import pytest
import xarray as xr
from downscale_fields import LAT, LON, make_pair, make_sample

import keras_wx
from keras_wx.data.downscale import Fields, calendar_map, to_network, to_physical
from keras_wx.errors import DataError, PresetError
from keras_wx.spec import RainFilter, Variable


def whole(pair, sample, **options):
    return keras_wx.samples(pair, sample, split=None, crop=None, batch_size=100, **options)[0]


def expected_x(pair, lags=3):
    """All windows on the whole grid, made with NumPy and xarray alone."""
    air = (pair["air"].values - 250) / 50
    points = {"coarse_lat": pair["lat"], "coarse_lon": pair["lon"]}
    coarse = pair["coarse_air"].astype("float64").interp(points).values
    days = len(air)
    channels = [air[k : days - lags + k] for k in range(lags)]
    channels.append(((coarse - 250) / 50)[lags:])
    channels.append(np.broadcast_to(pair["elevation"].values / 3000, channels[0].shape))
    channels.append(np.broadcast_to(LAT[:, None], channels[0].shape))
    times = pair["time"][lags:]
    start = times.astype("M8[D]") - np.timedelta64(0, "D")
    start = np.where(times.dt.month < 3, np.datetime64("2000-12-01"), np.datetime64("2001-03-01"))
    length = np.where(times.dt.month < 3, 90, 92)
    season = (times.values - start) / np.timedelta64(1, "D") / length
    channels.append(np.broadcast_to(season[:, None, None], channels[0].shape))
    return np.stack(channels, axis=-1), air[lags:, ..., None]


def test_every_channel_equals_numpy():
    pair, sample = make_pair(), make_sample()
    x, y = whole(pair, sample)
    wanted_x, wanted_y = expected_x(pair)
    assert x.dtype == y.dtype == "float32"
    np.testing.assert_allclose(x, wanted_x, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(y, wanted_y, rtol=2e-6, atol=2e-6)


def test_channels_are_named():
    train = keras_wx.samples(make_pair(), make_sample(), split=None)
    assert train.channels == [
        ("air", -3),
        ("air", -2),
        ("air", -1),
        ("coarse_air", 0),
        ("elevation", None),
        ("latitude", None),
        ("day_of_season", None),
    ]
    assert "7 channels" in repr(train)


def test_tiles_are_parts_of_the_whole():
    pair, sample = make_pair(), make_sample((4, 6))
    wanted, _ = whole(pair, sample)
    tiles = keras_wx.samples(pair, sample, split=None, batch_size=5, crop="tiles")
    assert tiles.crops == len(wanted) * 3 * 3
    x = np.concatenate([tiles[i][0] for i in range(len(tiles))])
    corners = [(row, column) for row in (0, 4, 8) for column in (0, 4, 8)]
    expected = [w[r : r + 4, c : c + 6] for w in wanted for r, c in corners]
    np.testing.assert_array_equal(x, expected)


def test_random_crops_are_crops_with_all_channels_at_one_place():
    pair, sample = make_pair(), make_sample((4, 6))
    wanted_x, wanted_y = whole(pair, sample)
    train = keras_wx.samples(pair, sample, split="train", splits=(1, 0, 0), batch_size=16, seed=3)
    seen = set()
    for index in range(len(train)):
        x, y = train[index]
        inits = train.init_times_of(0, index)
        for crop, target, time in zip(x, y, inits, strict=True):
            window = int((time - pair["time"].values[3]) / np.timedelta64(1, "D"))
            # Every number of the fine field occurs once: its first pixel says where it is from.
            ((row, column),) = np.argwhere(wanted_x[window, ..., 2] == crop[0, 0, 2])
            part = slice(row, row + 4), slice(column, column + 6)
            np.testing.assert_array_equal(crop, wanted_x[window][part])
            np.testing.assert_array_equal(target, wanted_y[window][part])
            seen.add((window, row, column))
    assert len({place[1:] for place in seen}) > 9, "crops lie on the tiles alone"
    again = keras_wx.samples(pair, sample, split="train", splits=(1, 0, 0), batch_size=16, seed=3)
    np.testing.assert_array_equal(again[1][0], train[1][0])
    other = keras_wx.samples(pair, sample, split="train", splits=(1, 0, 0), batch_size=16, seed=4)
    assert not np.array_equal(other[1][0], train[1][0])


def test_each_epoch_has_every_window_in_every_place_once():
    train = keras_wx.samples(make_pair(), make_sample(), split="train", batch_size=7)
    orders = []
    for _ in range(2):
        times = np.concatenate([train.init_times_of(train.epoch, i) for i in range(len(train))])
        orders.append(times)
        for index in range(len(train)):
            train[index]
        train.on_epoch_end()
    for times in orders:
        found, counts = np.unique(times, return_counts=True)
        np.testing.assert_array_equal(found, train.init_times)
        assert (counts == 9).all()
    assert not np.array_equal(*orders)


def test_data_larger_than_the_cache():
    pair, sample = make_pair().chunk(time=4), make_sample()
    options = {"split": "train", "batch_size": 7, "splits": (1, 0, 0)}
    small = keras_wx.samples(pair, sample, cache_bytes=20_000, **options)
    large = keras_wx.samples(pair, sample, **options)
    (times, sums), (all_times, all_sums) = (
        (
            np.sort(np.concatenate([part.init_times_of(0, i) for i in range(len(part))])),
            [float(part[i][1].mean()) for i in range(len(part))],
        )
        for part in (small, large)
    )
    np.testing.assert_array_equal(times, all_times)
    assert sums != all_sums, "the order follows the blocks"
    again = keras_wx.samples(pair, sample, cache_bytes=20_000, **options)
    np.testing.assert_array_equal(again[3][0], small[3][0])


def test_flips_turn_all_channels_alike():
    pair, sample = make_pair(6), make_sample((4, 6))
    options = {"split": None, "batch_size": 60, "crop": "tiles"}
    plain_x, plain_y = keras_wx.samples(pair, sample, **options)[0]
    x, y = keras_wx.samples(pair, sample, augment=["flip"], **options)[0]
    turned = 0
    for crop, target, before_x, before_y in zip(x, y, plain_x, plain_y, strict=True):
        ways = [(slice(None, None, a), slice(None, None, b)) for a in (1, -1) for b in (1, -1)]
        matches = [w for w in ways if np.array_equal(crop, before_x[w])]
        assert len(matches) == 1
        np.testing.assert_array_equal(target, before_y[matches[0]])
        turned += matches[0] != ways[0]
    assert 0 < turned < len(x)


def test_the_parts_share_nothing():
    pair, sample = make_pair(60), make_sample()
    parts = {s: keras_wx.samples(pair, sample, split=s) for s in ("train", "val", "test")}
    frames = {}
    for name, part in parts.items():
        days = (part.init_times - pair["time"].values[0]) // np.timedelta64(1, "D")
        frames[name] = {day - lag for day in days for lag in range(4)}
    assert not frames["train"] & frames["val"]
    assert not frames["val"] & frames["test"]
    assert min(frames["val"]) - max(frames["train"]) >= 4


def test_parts_by_target_alone():
    """As published: single days at random, whose history is that of all days."""
    pair, sample = make_pair(30), make_sample()
    pair.attrs |= {
        "split_train": "2001-02-10/2001-02-20,2001-02-22/2001-03-08",
        "split_test": "2001-02-21/2001-02-21,2001-03-09/2001-03-09",
        "split_gap": "0min",
        "split_of": "target",
    }
    test = keras_wx.samples(pair, sample, split="test")
    assert test.init_times.astype("M8[D]").astype(str).tolist() == ["2001-02-21", "2001-03-09"]
    wanted, _ = whole(pair, sample)
    x = keras_wx.samples(pair, sample, split="test", crop=None)[0][0]
    np.testing.assert_array_equal(x, wanted[[8, 24]])
    train = keras_wx.samples(pair, sample, split="train")
    assert len(train.init_times) == 30 - 3 - 2 - 2  # history, test days, days after 8 March


def test_missing_targets_have_no_weight():
    pair = make_pair(8)
    pair["air"][5, 2, 3] = np.nan
    x, y, weight = whole(pair, make_sample(fill=260.0))
    expected = np.ones((5, 12, 14), "float32")
    expected[2, 2, 3] = 0  # frame 5 is the target of window 2
    np.testing.assert_array_equal(weight, expected)
    assert y[2, 2, 3, 0] == pytest.approx(0.2)
    assert x[3, 2, 3, 2] == pytest.approx(0.2)  # and the day before window 3
    with pytest.raises(DataError, match=r"'air' \(\w+\) has missing values at 2001-02-15.*fill"):
        whole(pair, make_sample())


def test_only_crops_with_rain():
    pair = make_pair(20)
    air = pair["air"].values
    air[:] = 250
    air[7, :4, :6] = 300
    air[12, 8:, 8:] = 300
    options = {"split": None, "crop": "tiles", "batch_size": 50}
    rain = RainFilter(above=280, min_fraction=0.9)
    found = keras_wx.samples(pair, make_sample(), filter=rain, **options)
    _, y = found[0]
    np.testing.assert_array_equal(y, np.ones((2, 4, 6, 1)))
    assert found.init_times_of(0, 0).astype("M8[D]").astype(str).tolist() == [
        "2001-02-17",
        "2001-02-22",
    ]
    assert f"{17 * 9 - 2} places by the rain filter" in repr(found)
    with pytest.raises(DataError, match=r"No sample is left: 153 places of 17 windows"):
        keras_wx.samples(
            pair, make_sample(), filter=RainFilter(above=400, min_fraction=0.1), **options
        )


def test_lazy_and_in_memory_are_one(tmp_path):
    pair, sample = make_pair(), make_sample()
    pair.to_netcdf(tmp_path / "pair.nc")
    expected, _ = whole(pair, sample)
    with xr.open_dataset(tmp_path / "pair.nc") as lazy:
        np.testing.assert_array_equal(whole(lazy, sample)[0], expected)
    np.testing.assert_array_equal(whole(pair.chunk(time=5), sample)[0], expected)


def test_a_series_of_one_grid():
    """Forty lags of one field -> the next, as a transfer network is trained."""
    sample = make_sample(lags=5)
    variables = [v for v in sample.variables if v.name == "air"]
    series = sample.model_copy(
        update={
            "grids": {"fine": sample.grids["fine"]},
            "variables": tuple(
                v.model_copy(update={"steps": (-4, 0) if v.role == "input" else (1, 1)})
                for v in variables
            ),
        }
    )
    pair = make_pair(12)
    x, y = whole(pair[["air"]], series)
    air = (pair["air"].values - 250) / 50
    windows = np.stack([air[k : k + 7] for k in range(5)], axis=-1)
    np.testing.assert_allclose(x, windows, rtol=1e-6)
    np.testing.assert_allclose(y[..., 0], air[5:], rtol=1e-6)


def test_fields_read_what_samples_hold():
    """The door for forecasts: any window, any crop."""
    pair, sample = make_pair(), make_sample()
    wanted, _ = whole(pair, sample)
    fields = Fields(keras_wx.data.conform(pair, sample), sample)
    assert fields.shape == (12, 14)
    x, valid = fields.x(np.array([3, 20]), np.array([[2, 3], [8, 8]]), (4, 6))
    np.testing.assert_array_equal(x[0], wanted[0, 2:6, 3:9])
    np.testing.assert_array_equal(x[1], wanted[17, 8:12, 8:14])
    assert valid.all()


MINMAX = {"transform": [{"log": {"floor": 1}}, {"minmax": {}}]}


def test_statistics_of_each_season_and_area_are_of_the_training_part():
    pair = make_pair(100)
    sample = make_sample(statistics_by=["season", "area"], **MINMAX)
    splits = {"train": ("2001-02-10", "2001-03-31"), "test": ("2001-04-15", "2001-05-20")}
    clean = keras_wx.data.fit_statistics(sample, pair, splits=splits)
    air = clean.inputs[0]
    logs = np.log10(pair["air"].sel(time=slice("2001-02-10", "2001-03-31")).values)
    winter, spring = logs[:19], logs[19:]
    expected = {
        "DJF/A0": {"low": winter.min(), "high": winter.max()},
        "MAM/A0": {"low": spring.min(), "high": spring.max()},
    }
    assert air.statistics.keys() == expected.keys()
    for group, numbers in expected.items():
        assert air.statistics[group] == pytest.approx(numbers, rel=1e-6)
    assert clean.inputs[1].statistics != air.statistics
    assert clean.targets[0].statistics == air.statistics
    poisoned = pair.copy(deep=True)
    poisoned["air"].loc[{"time": slice("2001-04-01", None)}] = 1e6
    poisoned["coarse_air"].loc[{"time": slice("2001-04-01", None)}] = 1e6
    assert keras_wx.data.fit_statistics(sample, poisoned, splits=splits) == clean


def test_each_frame_by_its_own_season():
    pair = make_pair(40)
    sample = make_sample(lags=5, statistics_by=["season"], **MINMAX)
    fitted = keras_wx.data.fit_statistics(sample, pair, splits=(1, 0, 0))
    x, y = whole(pair, fitted)
    logs = np.log10(pair["air"].values.astype("float64"))
    spring = np.arange(40) >= 19
    for part in (spring, ~spring):
        logs[part] = (logs[part] - logs[part].min()) / np.ptp(logs[part])
    # Window 15 starts on 2 March: its history holds days of both seasons.
    np.testing.assert_allclose(
        x[15, ..., :5], np.moveaxis(logs[15:20], 0, -1), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(y[..., 0], logs[5:], rtol=1e-4, atol=1e-5)
    target = fitted.targets[0]
    back = to_physical(target, y[..., 0], pair["time"].values[5:])
    np.testing.assert_allclose(back, pair["air"].values[5:], rtol=1e-5)
    with pytest.raises(PresetError, match="'air' has no statistics of 'JJA', only of"):
        to_physical(target, y[:1, ..., 0], np.array(["2001-07-01"], "M8[ns]"))


def test_statistics_of_statics_and_of_the_calendar():
    pair = make_pair(40)
    sample = make_sample().merged(
        {
            "variables": {
                "elevation": {"transform": {"minmax": {}}},
                "latitude": {"transform": {"minmax": {}}},
                "day_of_season": {"transform": {"standard": {}}},
            }
        }
    )
    fitted = keras_wx.data.fit_statistics(sample, pair, splits=(0.5, 0.5, 0), gap="0min")
    elevation, latitude, season = fitted.of_role("static", "calendar")
    heights = pair["elevation"].values
    assert elevation.transform.low == pytest.approx(heights.min())
    assert elevation.transform.high == pytest.approx(heights.max())
    assert (latitude.transform.low, latitude.transform.high) == (38, 60)
    train = calendar_map("day_of_season", pair["time"].values[:20], pair["air"])
    assert season.transform.mean == pytest.approx(train.mean(), rel=1e-6)


def test_longitudes_from_0_and_from_minus_180_are_the_same_map():
    longitude = {
        "units": "degrees_east",
        "role": "calendar",
        "grid": "fine",
        "transform": {"linear": {"low": 200, "high": 300}},
    }
    sample = make_sample().merged({"variables": {"longitude": longitude}})
    channels = keras_wx.samples(east_by(230), sample, split=None).channels
    for turn in (230, 230 - 360):
        x, _ = whole(east_by(turn), sample)
        told = x[0, 0, :, channels.index(("longitude", None))]
        np.testing.assert_allclose(told, (LON + 230 - 200) / 100, rtol=1e-5)


def east_by(degrees: float) -> xr.Dataset:
    """The pair that much further east."""
    pair = make_pair(days=10)
    moved = {name: pair[name].copy(data=pair[name] + degrees) for name in ("lon", "coarse_lon")}
    return pair.assign_coords(moved)


def test_a_logarithm_of_negative_values():
    pair = make_pair(10)
    pair["air"][4, 3, 2] = -0.5
    sample = make_sample(transform={"log": {"floor": 1e-6}})
    with pytest.raises(DataError, match=r"'air' at 2001-02-14T.* is -0.5 K.*clip\(min=0\)"):
        whole(pair, sample)
    pair["air"][4, 3, 2] = -1e-9  # rounding, nearer to zero than the floor
    x, _ = whole(pair, sample)
    assert x.min() == pytest.approx(-6)
    variable = Variable.model_validate(
        {"name": "r", "units": "dBZ", "role": "input", "grid": "g"}
        | {"transform": [{"zr": "hko_7"}, {"log": {"floor": 0.01}}]}
    )
    assert np.isfinite(to_network(variable, np.full((2, 2), -30.0), None)).all()


@pytest.mark.parametrize(
    ("days", "options", "message"),
    [
        (
            3,
            {},
            r"history is shorter than the lags: variable 'air' is read from step -3, so a "
            "sample needs 4 frames, 1d apart, and the data have 3",
        ),
        (20, {"crop_stride": 9}, "crop_stride: expected 1 to 4"),
        (20, {"crop": "centre"}, "crop: expected one of .*'tiles'"),
        (20, {"augment": ["rotate"]}, "a quarter turn needs a square grid"),
        (20, {"batch_size": 1000, "drop_remainder": True}, "make no whole batch of 1000"),
    ],
    ids=str,
)
def test_what_makes_no_samples(days, options, message):
    with pytest.raises(DataError, match=message):
        keras_wx.samples(make_pair(days), make_sample(), split=None, **options)


def test_a_grid_that_is_not_covered():
    pair = make_pair(10).isel(coarse_lat=slice(1, None))
    with pytest.raises(DataError, match="'coarse_air' does not cover the fine one of 'air'"):
        keras_wx.samples(pair, make_sample(), split=None)


def test_another_calendar_is_refused():
    pair = make_pair(30).convert_calendar("noleap")
    with pytest.raises(DataError, match=r"datetime64.*convert_calendar\('standard'\)"):
        keras_wx.samples(pair, make_sample(), split=None)


def test_a_model_fits():
    import keras

    train = keras_wx.samples(make_pair(), make_sample(), split="train", batch_size=32)
    model = keras.Sequential([keras.layers.Input((None, None, 7)), keras.layers.Conv2D(1, 1)])
    model.compile("adam", "mse")
    history = model.fit(train, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
