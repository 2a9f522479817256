"""SEVIR in the layout of its tutorial: a catalog, and HDF5 files with the frames innermost."""

import datetime
import math

import h5py
import numpy as np
import pandas as pd
import pytest

import keras_wx
from keras_wx.data.geometry import spacing_km
from keras_wx.data.selection import select
from keras_wx.data.sources.sevir import SEVIR_THRESHOLDS, vil_of_level
from keras_wx.data.splits import frames_of
from keras_wx.errors import DataError, UnknownNameError
from keras_wx.spec import read_sample

SIZE = 16
STORMS = "vil/2018/SEVIR_VIL_STORMEVENTS_2018_0101_0630.h5"
RANDOM = "vil/2019/SEVIR_VIL_RANDOMEVENTS_2019_0101_0831.h5"
OFFSETS = ":".join(str(minute) for minute in range(-120, 121, 5))
# Name, file, place, time; events 0 and 1 are at the same time, the order of times is another one.
EVENTS = [
    ("S700001", STORMS, 1, "2018-03-01 12:00:00"),
    ("S700002", STORMS, 0, "2018-03-01 12:00:00"),
    ("S700003", STORMS, 2, "2018-03-01 13:00:00"),
    ("R19060100", RANDOM, 0, "2019-06-01 00:05:00"),
    ("R19010100", RANDOM, 1, "2019-01-01 00:05:00"),
    ("R18123123", RANDOM, 2, "2019-01-01 00:00:00"),
]
ORDER = [0, 1, 2, 5, 4, 3]


def level(event: int, frame: int) -> int:
    return 20 * event + frame


@pytest.fixture
def root(tmp_path):
    """Event e has the level 20 e + k in frame k, and a few pixels of its own."""
    for file in (STORMS, RANDOM):
        path = tmp_path / "data" / file
        path.parent.mkdir(parents=True)
        inside = {e[2]: number for number, e in enumerate(EVENTS) if e[1] == file}
        vil = np.zeros((len(inside), SIZE, SIZE, 49), "uint8")
        for place, number in inside.items():
            vil[place] = [level(number, k) for k in range(49)]
            vil[place, 0, :6, 0] = [0, 5, 6, 18, 19, 254]
        with h5py.File(path, "w") as data:
            data["vil"] = vil
            data["id"] = np.array([EVENTS[inside[i]][0] for i in sorted(inside)], "S")
    write_catalog(tmp_path, [row(*event) for event in EVENTS])
    return tmp_path


def row(name, file, place, time, *, img_type="vil", missing=0.0) -> dict:
    return {
        "id": name,
        "file_name": file,
        "file_index": place,
        "img_type": img_type,
        "time_utc": time,
        "minute_offsets": OFFSETS,
        "episode_id": None,
        "event_id": None,
        "event_type": "Hail",
        "llcrnrlat": 38.9436,
        "llcrnrlon": -92.3178,
        "urcrnrlat": 42.0725,
        "urcrnrlon": -87.3715,
        "proj": "+proj=laea +lat_0=38 +lon_0=-98 +units=m +a=6370997.0 +ellps=sphere ",
        "size_x": SIZE,
        "size_y": SIZE,
        "height_m": 384000.0,
        "width_m": 384000.0,
        "data_min": 0,
        "data_max": 254,
        "pct_missing": missing,
    }


def write_catalog(root, rows: list[dict]) -> None:
    pd.DataFrame(rows).to_csv(root / "CATALOG.csv", index=False)


def catalog(root) -> list[dict]:
    return pd.read_csv(root / "CATALOG.csv").to_dict("records")


def small_sample(past: int = 13, future: int = 12):
    """The preset's sample on a grid of any size."""
    override = {"grids": {"radar": {"shape": (None, None), "spacing_km": None}}}
    sample = keras_wx.info("convlstm_sevir").sample.merged(override)
    return sample.with_frames(input_frames=past, output_frames=future)


def test_events_one_after_the_other(root):
    dataset = keras_wx.open_dataset("sevir", path=root)
    field = dataset["vil"]
    assert not field.variable._in_memory, "nothing is read yet"
    assert field.dims == ("time", "y", "x")
    assert field.shape == (6 * 49, SIZE, SIZE)
    assert field.encoding["preferred_chunks"]["time"] == 49, "an event is read as a whole"
    assert field.dtype == "float32"
    assert field.attrs["units"] == "1"
    assert tuple(field.attrs["thresholds"]) == SEVIR_THRESHOLDS == (16, 74, 133, 160, 181, 219)
    values = field.values.reshape(6, 49, SIZE, SIZE)
    for place, number in enumerate(ORDER):
        assert values[place, :, 9, 9].tolist() == [level(number, k) for k in range(49)]
        assert values[place, 0, 0, :6].tolist() == [0, 5, 6, 18, 19, 254]
        at = slice(49 * place, 49 * (place + 1))
        assert set(dataset["event"].values[at]) == {EVENTS[number][0]}
        day = np.datetime64("2000-01-01") + place
        minutes = np.arange(49) * np.timedelta64(5, "m")
        np.testing.assert_array_equal(dataset["time"][at], day + minutes)
        true = np.datetime64(EVENTS[number][3]) - np.timedelta64(120, "m") + minutes
        np.testing.assert_array_equal(dataset["time_utc"][at], true)
    # 384 km in 16 points; the first row is the southernmost.
    assert spacing_km(field) == pytest.approx((24, 24))
    assert field["y"][0] < field["y"][-1]


def test_one_event_has_its_true_times_and_place(root):
    dataset = keras_wx.open_dataset("sevir", path=root, event="S700002")
    assert dataset.sizes["time"] == 49
    assert dataset["time"][0] == np.datetime64("2018-03-01T10:00")
    assert dataset["time"][-1] == np.datetime64("2018-03-01T14:00")
    assert (dataset["time"].values == dataset["time_utc"].values).all()
    assert dataset["vil"][5, 9, 9] == level(1, 5)
    assert dataset.attrs["llcrnrlat"] == pytest.approx(38.9436)
    assert dataset.attrs["proj"].startswith("+proj=laea +lat_0=38")
    assert not [name for name in dataset.attrs if name.startswith("split_")]
    with pytest.raises(UnknownNameError, match=r"'S70002'.*'S700002'.*max_missing"):
        keras_wx.open_dataset("sevir", path=root, event="S70002")


def test_kilograms(root):
    dataset = keras_wx.open_dataset("sevir", path=root, units="kg m-2")
    assert dataset["vil"].attrs["units"] == "kg m-2"
    expected = [0, 0, 4 / 90.66, 16 / 90.66, math.exp(-64.9 / 38.9), math.exp(170.1 / 38.9)]
    np.testing.assert_allclose(dataset["vil"][0, 0, :6], expected, rtol=1e-5)
    np.testing.assert_allclose(vil_of_level([0, 5, 6, 18, 19, 254]), expected, rtol=1e-5)
    assert np.isnan(vil_of_level(255))
    # The smallest of the thresholds is on the linear part.
    thresholds = [0.15442, 0.77531, 3.53322, 7.07310, 12.13561, 32.23355]
    np.testing.assert_allclose(dataset["vil"].attrs["thresholds"], thresholds, rtol=1e-4)
    with pytest.raises(DataError, match=r"units: expected one of \['1', 'kg m-2'\]"):
        keras_wx.open_dataset("sevir", path=root, units="mm")


def test_missing_values_and_events_with_many(root):
    rows = catalog(root)
    rows[0]["pct_missing"] = 2.5
    write_catalog(root, rows)
    with h5py.File(root / "data" / STORMS, "a") as file:
        file["vil"][1, 3, 4, 7] = 255
    assert "S700001" not in keras_wx.open_dataset("sevir", path=root)["event"]
    field = keras_wx.open_dataset("sevir", path=root, max_missing=5)["vil"]
    assert np.argwhere(np.isnan(field.values)).tolist() == [[7, 3, 4]]


def test_other_sensors_and_repeated_events_are_left_out(root):
    rows = [*catalog(root), row("S700003", RANDOM, 1, "2018-03-01 13:00:00")]
    rows.append(row("S700001", "ir069/2018/x.h5", 0, "2018-03-01 12:00:00", img_type="ir069"))
    write_catalog(root, rows)
    events = keras_wx.open_dataset("sevir", path=root)["event"].values
    assert sorted(set(events)) == sorted(e[0] for e in EVENTS if e[0] != "S700003")


def test_splits_are_by_true_time(root):
    """Up to midnight of 1 January and of 1 June 2019, which belongs to the earlier part."""
    dataset = keras_wx.open_dataset("sevir", path=root)
    assert dataset.attrs["split_train"] == "2000-01-01/2000-01-04"
    assert dataset.attrs["split_val"] == "2000-01-05/2000-01-05"
    assert dataset.attrs["split_test"] == "2000-01-06/2000-01-06"
    sample, times = small_sample(), dataset["time"].values
    for split, events in {"train": 4, "val": 1, "test": 1}.items():
        inside = frames_of(split, times, sample, attrs=dataset.attrs)
        found = select(times, sample, inside=inside, stride=12, rain=None, target=None)
        first = inside[0].start
        expected = [first + 49 * e + k for e in range(events) for k in (0, 12, 24)]
        assert found.starts.tolist() == expected, "three samples an event, as in the tables"


def test_one_part_alone(root):
    write_catalog(root, [r for r in catalog(root) if r["file_name"] == STORMS])
    attrs = keras_wx.open_dataset("sevir", path=root).attrs
    assert attrs["split_train"] == "2000-01-01/2000-01-03"
    assert "split_val" not in attrs


def test_files_that_are_not_there(root):
    (root / "data" / RANDOM).unlink()
    with pytest.warns(UserWarning, match="3 of 6 events are left out: 1 of 2 files"):
        dataset = keras_wx.open_dataset("sevir", path=root)
    assert set(dataset["event"].values) == {"S700001", "S700002", "S700003"}
    (root / "data" / STORMS).unlink()
    with pytest.raises(DataError, match=r"Expected files such as .*\.h5, 2 in all for 6 events"):
        keras_wx.open_dataset("sevir", path=root)


def test_files_beside_the_catalog(root):
    (root / "data" / "vil").rename(root / "vil")
    (root / "data").rmdir()
    assert keras_wx.open_dataset("sevir", path=root).sizes["time"] == 294


def no_catalog(root):
    (root / "CATALOG.csv").unlink()


def other_catalog(root):
    pd.DataFrame({"id": ["a"], "img_type": ["vil"]}).to_csv(root / "CATALOG.csv")


def wrong_places(root):
    rows = catalog(root)
    rows[0]["file_index"], rows[1]["file_index"] = 0, 1
    write_catalog(root, rows)


def place_beyond(root):
    write_catalog(root, [{**catalog(root)[0], "file_index": 99}])


def wrong_length(root):
    write_catalog(root, [{**catalog(root)[0], "minute_offsets": "-5:0:5"}])


def wrong_offsets(root):
    write_catalog(root, [{**catalog(root)[0], "minute_offsets": "5:0"}])


def wrong_time(root):
    write_catalog(root, [{**catalog(root)[0], "time_utc": "soon"}])


def no_vil(root):
    with h5py.File(root / "data" / STORMS, "a") as file:
        del file["vil"]


def cut_off(root):
    file = root / "data" / STORMS
    file.write_bytes(file.read_bytes()[:1000])


def other_size(root):
    with h5py.File(root / "data" / STORMS, "a") as file:
        del file["vil"]
        file["vil"] = np.zeros((3, 8, 8, 49), "uint8")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (no_catalog, r"Expected the catalog .*CATALOG\.csv"),
        (other_catalog, r"no catalog of SEVIR: it has no columns \['file_name'"),
        (wrong_places, r"has 'S700002' at place 0, where the catalog has event 'S700001'"),
        (place_beyond, "has 'nothing' at place 99"),
        (wrong_length, "has 49 frames an event, the catalog has 3 times"),
        (wrong_offsets, "minute_offsets '5:0' do not increase"),
        (wrong_time, "times that are none"),
        (no_vil, r"expected datasets 'id' and 'vil' .*'id': \(3,\)"),
        (cut_off, r"Cannot read .*\(1,000 bytes\)"),
        (other_size, "events of one size"),
    ],
)
def test_archives_that_are_wrong(root, damage, message):
    damage(root)
    with pytest.raises(DataError, match=message):
        keras_wx.open_dataset("sevir", path=root)


def test_forecast_and_scores(root):
    """Persistence by hand: frame k + n has n levels more than frame k."""
    dataset = keras_wx.open_dataset("sevir", path=root)
    model = keras_wx.load("persistence", output_frames=12)
    model.preset = model.preset.model_copy(update={"sample": small_sample()})
    forecast = keras_wx.predict(model, dataset, init_times=12)
    assert forecast.sizes["init_time"] == 6 * 4, "from frames 12, 24, 36 and 48 of each event"
    scores = keras_wx.verify(forecast, dataset)
    assert scores["threshold"].values.tolist() == list(SEVIR_THRESHOLDS)
    inner = keras_wx.verify(forecast.isel(y=slice(1, None)), dataset.isel(y=slice(1, None)))
    np.testing.assert_allclose(inner["mae"], np.arange(1, 13))


def test_a_model_learns_from_samples(root):
    dataset = keras_wx.open_dataset("sevir", path=root)
    config = {"input_frames": 2, "output_frames": 3, "filters": [3], "kernel_size": 3}
    model = keras_wx.load("convlstm_sevir", weights=None, **config)
    sample = small_sample(2, 3)
    train = keras_wx.samples(dataset, sample, split="train", batch_size=4, stride=12)
    x, y, weight = train[0]
    assert x.shape == (4, 2, SIZE, SIZE, 1)
    assert y.shape == (4, 3, SIZE, SIZE, 1)
    assert weight.min() == 1
    steps = np.round(255 * y[:, 0, 9, 9, 0]) - np.round(255 * x[:, -1, 9, 9, 0])
    assert steps.tolist() == [1, 1, 1, 1]
    history = model.fit(train, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_the_preset_takes_the_archive_as_it_is():
    preset = keras_wx.info("convlstm_sevir")
    assert (preset.sample.inputs[0].frames, preset.sample.targets[0].frames) == (13, 12)
    assert preset.sample.step == datetime.timedelta(minutes=5)
    assert preset.sample.grids["radar"].shape == (384, 384)
    assert preset.sample.inputs[0].transform(np.float64(51)) == 0.2
    assert read_sample(preset.sample.model_dump()) == preset.sample
