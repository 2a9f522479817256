"""HKO-7 in the layout of its public code: folders by day, masks packed by zlib, lists of days."""

import datetime
import zlib

import cv2
import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.data.geometry import spacing_km
from keras_wx.data.hko_2015 import prepare
from keras_wx.data.splits import frames_of
from keras_wx.errors import DataError
from keras_wx.spec import Sample

START = datetime.datetime(2015, 5, 23, 23, 30)


def moment(number: int) -> datetime.datetime:
    return START + datetime.timedelta(minutes=6 * number)


def name(folder, time: datetime.datetime, suffix: str):
    """Path of one frame's file, as the archive names it."""
    file = folder / time.strftime("%Y/%m/%d") / (time.strftime("RAD%y%m%d%H%M00") + suffix)
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


@pytest.fixture
def root(tmp_path):
    """Twelve frames about midnight; frame k has the level 80 + k, and a few pixels of its own."""
    for k in range(12):
        levels = np.full((480, 480), 80 + k, "uint8")
        levels[0, :6] = [0, 1, 70, 71, 128, 255]
        cv2.imwrite(str(name(tmp_path / "radarPNG", moment(k), ".png")), levels)
        valid = np.ones((480, 480), bool)
        valid[5, k] = False
        mask = name(tmp_path / "radarPNG_mask", moment(k), ".mask")
        mask.write_bytes(zlib.compress(valid.tobytes(), 2))
    exclude = np.zeros((480, 480), "uint8")
    exclude[9, 9] = 1
    np.savez(tmp_path / "mask_dat.npz", exclude_mask=exclude)
    return tmp_path


def open_frames(root, **options) -> xr.DataArray:
    return keras_wx.open_dataset("hko7", path=root, **options)["reflectivity"]


def test_values_masks_times_and_geometry(root):
    dataset = keras_wx.open_dataset("hko7", path=root)
    field = dataset["reflectivity"]
    assert not field.variable._in_memory, "nothing is decoded yet"
    assert field.dims == ("time", "y", "x")
    assert field.dtype == "float32"
    assert field.attrs["units"] == "dBZ"
    np.testing.assert_array_equal(field["time"], [np.datetime64(moment(k)) for k in range(12)])
    assert "1706.03458" in dataset.attrs["citation"]
    # Level 204 would be 46 dBZ: 70 * 204 / 255 - 10. By hand for 80 + k: -10 + 70 * 80 / 255.
    values = field.values
    np.testing.assert_allclose(values[0, 20, 20], 11.960785)
    np.testing.assert_allclose(values[11, 20, 20], 14.980392)
    # With a mask file, what it says and nothing else.
    expected = [-10.0, -9.72549, 9.215686, 9.490196, 25.137255, 60.0]
    np.testing.assert_allclose(values[3, 0, :6], expected, atol=1e-5)
    missing = np.isnan(values)
    assert [tuple(at) for at in np.argwhere(missing)] == [(k, 5, k) for k in range(12)]
    # 480 pixels of 512 km; the outermost centres are half a pixel from the edge.
    assert spacing_km(field) == pytest.approx((512 / 480, 512 / 480))
    np.testing.assert_allclose(field["x"][[0, -1]], [-256e3 + 512e3 / 960, 256e3 - 512e3 / 960])
    assert field["y"][0] > field["y"][-1], "pictures begin in the north"


def test_a_level_is_the_rounded_reflectivity(root):
    """The archive's rule is p = floor(255 (dBZ + 10) / 70 + 0.5): ours inverts it."""
    levels = np.arange(256)
    dbz = 70 * levels / 255 - 10
    assert (np.floor(255 * (dbz + 10) / 70 + 0.5) == levels).all()
    row = open_frames(root, mask=False).values[0, 0, :6]
    assert np.floor(255 * (row + 10) / 70 + 0.5).tolist() == [0, 1, 70, 71, 128, 255]


def test_the_rule_stands_in_for_a_mask_file(root):
    name(root / "radarPNG_mask", moment(4), ".mask").unlink()
    frame = open_frames(root).values[4]
    assert np.isnan(frame[0, :6]).tolist() == [False, True, True, False, False, False]
    assert np.isnan(frame[9, 9])
    assert np.isnan(frame).sum() == 3


def test_without_masks(root):
    (root / "mask_dat.npz").unlink()
    assert not np.isnan(open_frames(root, mask=False)).any()
    assert np.isnan(open_frames(root)).sum() == 12
    name(root / "radarPNG_mask", moment(2), ".mask").unlink()
    with pytest.raises(DataError, match=r"RAD150523234200\.mask is missing.*mask=False"):
        open_frames(root)[2].load()


def test_the_folder_of_pictures_and_years(root):
    assert open_frames(root / "radarPNG").sizes["time"] == 12
    other = name(root / "radarPNG", datetime.datetime(2014, 1, 1), ".png")
    cv2.imwrite(str(other), np.zeros((480, 480), "uint8"))
    other.with_name("notes.png").write_text("not a frame")
    assert open_frames(root).sizes["time"] == 13
    assert open_frames(root)["time"][0] == np.datetime64("2014-01-01")
    assert open_frames(root, years=2014).sizes["time"] == 1
    assert open_frames(root, years=[2014, 2015]).sizes["time"] == 13
    with pytest.raises(DataError, match=r"the years \[2009\].*has the years \['2014', '2015'\]"):
        open_frames(root, years=[2009])


def test_opening_decodes_nothing(root):
    for file in (root / "radarPNG").rglob("*.png"):
        file.write_bytes(b"")
    field = open_frames(root)
    assert field.shape == (12, 480, 480)
    with pytest.raises(DataError, match=r"RAD150523233000\.png: it is missing, cut off"):
        field[0].load()


def test_splits_are_the_lists_of_days(root):
    """The lists of the archive have a day and its rain in mm, the second one out of order."""
    lists = {
        "train": "20150101, 0.1\n20150102, 0.4\n20150523, 40\n",
        "valid": "20150301, 0.8\n20150105, 4.5\n\n20150106, 1\n",
        "test": "20150524, 12.5\n",
    }
    for word, text in lists.items():
        (root / f"hko7_rainy_{word}_days.txt").write_text(text)
    dataset = keras_wx.open_dataset("hko7", path=root)
    attrs = dataset.attrs
    assert attrs["split_train"] == "2015-01-01/2015-01-02,2015-05-23/2015-05-23"
    assert attrs["split_val"] == "2015-01-05/2015-01-06,2015-03-01/2015-03-01"
    assert attrs["split_test"] == "2015-05-24/2015-05-24"
    # Five frames before midnight, seven from then on.
    variable = {"name": "reflectivity", "units": "dBZ", "grid": "radar"}
    roles = [variable | {"role": role, "steps": (0, 0)} for role in ("input", "target")]
    sample = Sample(step="6min", grids={"radar": {}}, variables=roles)
    times = dataset["time"].values
    assert frames_of("train", times, sample, attrs=attrs) == [slice(0, 5)]
    assert frames_of("test", times, sample, attrs=attrs) == [slice(5, 12)]
    assert frames_of("val", times, sample, attrs=attrs) == []


def test_nothing_is_unpickled(root):
    """The archive has lists of times as pickles: they are not touched, nor is one in the masks."""
    (root / "valid_datetime.pkl").write_bytes(b"\x80\x04not a pickle")
    assert open_frames(root).sizes["time"] == 12
    np.savez(root / "mask_dat.npz", exclude_mask=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="Cannot read 'exclude_mask'"):
        open_frames(root)


def damage_picture(root):
    file = name(root / "radarPNG", moment(0), ".png")
    cv2.imwrite(str(file), np.zeros((100, 480), "uint8"))


def damage_mask(root):
    name(root / "radarPNG_mask", moment(0), ".mask").write_bytes(b"no zlib")


def shorten_mask(root):
    name(root / "radarPNG_mask", moment(0), ".mask").write_bytes(zlib.compress(b"\x01" * 99))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_picture, r"\.png: expected \(480, 480\) pixels. Received \(100, 480\)"),
        (damage_mask, r"Cannot read .*\.mask: .*compressed flags"),
        (shorten_mask, r"Cannot read .*\.mask: .*compressed flags"),
    ],
)
def test_damaged_files(root, damage, message):
    damage(root)
    with pytest.raises(DataError, match=message):
        open_frames(root).load()


def test_missing_folders_and_wrong_lists(tmp_path, root):
    with pytest.raises(DataError, match=r"Expected the folder .*nowhere/radarPNG"):
        open_frames(tmp_path / "nowhere")
    np.savez(root / "mask_dat.npz", exclude_mask=np.zeros((4, 4)))
    with pytest.raises(DataError, match=r"mask_dat\.npz: expected a mask of \(480, 480\)"):
        open_frames(root)
    (root / "hko7_rainy_test_days.txt").write_text("20150101, 3\nsoon\n")
    with pytest.raises(DataError, match=r"line 2: expected a day.*'soon'"):
        open_frames(root, mask=False)
    name(root / "radarPNG", moment(0), ".png").with_name("RAD159923233000.png").touch()
    with pytest.raises(DataError, match=r"RAD159923233000\.png: the name says no time"):
        open_frames(root, mask=False)


def test_no_masks_at_all(root):
    (root / "mask_dat.npz").unlink()
    (root / "radarPNG_mask").rename(root / "elsewhere")
    with pytest.raises(DataError, match=r"radarPNG_mask, or mask_dat\.npz.*mask=False"):
        open_frames(root)


def test_forecast_and_scores(root):
    """Persistence by hand: frame k has 70 / 255 dBZ more than frame k - 1."""
    dataset = keras_wx.open_dataset("hko7", path=root).isel(y=slice(10, 26), x=slice(10, 26))
    model = keras_wx.load("persistence", output_frames=3)
    forecast = keras_wx.predict(model, dataset, init_times="all")
    scores = keras_wx.verify(forecast, dataset, thresholds=0.5, zr="hko_7")
    np.testing.assert_allclose(scores["mae"], np.arange(1, 4) * 70 / 255, rtol=1e-4)


def test_samples_weigh_masked_pixels_with_nothing(root):
    variable = {
        "name": "reflectivity",
        "units": "dBZ",
        "grid": "radar",
        "transform": {"linear": {"low": -10, "high": 60}},
        "fill": -10,
    }
    steps = {"input": (-1, 0), "target": (1, 2)}
    sample = Sample(
        step="6min",
        grids={"radar": {"spacing_km": 512 / 480}},
        variables=[variable | {"role": role, "steps": span} for role, span in steps.items()],
    )
    dataset = keras_wx.open_dataset("hko7", path=root)
    x, y, weight = keras_wx.samples(dataset, sample, split=None, batch_size=1)[0]
    assert x.shape == (1, 2, 480, 480, 1)
    np.testing.assert_allclose(x[0, :, 20, 20, 0], [80 / 255, 81 / 255], rtol=1e-6)
    np.testing.assert_allclose(y[0, :, 20, 20, 0], [82 / 255, 83 / 255], rtol=1e-6)
    assert x[0, 0, 5, 0, 0] == 0
    assert np.argwhere(weight == 0)[:, :4].tolist() == [[0, 0, 5, 2], [0, 1, 5, 3]]


def test_the_preparation_of_2015(root):
    """A square of one level stays at that level, whatever is averaged; the masks are outside it."""
    small = prepare(keras_wx.open_dataset("hko7", path=root))
    assert not small["reflectivity"].variable._in_memory
    assert small["reflectivity"].shape == (12, 100, 100)
    levels = 80 + np.arange(12)
    for frame, level in zip(small["reflectivity"].values, levels, strict=True):
        np.testing.assert_allclose(frame, 70 * level / 255 - 10, atol=1e-4)
    # From 23:30 to midnight is the last block of one day, from then on the first of the next.
    periods = [small.attrs.get(f"split_{name}", "") for name in ("train", "val", "test")]
    found = sorted(period for text in periods for period in text.split(",") if period)
    assert found == [
        "2015-05-23T20:00:00/2015-05-23T23:54:00",
        "2015-05-24T00:00:00/2015-05-24T03:54:00",
    ]
