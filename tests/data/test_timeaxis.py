from datetime import timedelta

import dask
import numpy as np
import pytest
import xarray as xr

from keras_wx.data.timeaxis import check_increasing, resample, time_step, whole_steps
from keras_wx.errors import DataError

START = np.datetime64("2016-09-28T14:00", "ns")


def times(*minutes):
    return START + np.array(minutes) * np.timedelta64(1, "m")


def series(minutes, values=None, units="mm h-1"):
    values = np.arange(len(minutes), dtype="float32") if values is None else values
    return xr.DataArray(
        np.asarray(values, "float32")[:, None, None] * np.ones((1, 2, 2), "float32"),
        dims=("time", "y", "x"),
        coords={"time": times(*minutes)},
        attrs={"units": units, "long_name": "rain"},
        name="rain_rate",
    )


def minutes_of(data):
    return ((data["time"].values - START) / np.timedelta64(1, "m")).tolist()


def test_step_is_the_most_frequent_one():
    assert time_step(times(0, 5, 10, 60, 65, 75)) == timedelta(minutes=5)
    assert time_step(times(0)) is None
    assert time_step(times(0, 5).astype("datetime64[s]")) == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("minutes", "message"),
    [
        ((0, 10, 5), "14:05:00 at index 2, which follows the later 2016-09-28T14:10:00"),
        ((0, 5, 5, 3), "14:05:00 at index 2, which occurs twice"),
    ],
)
def test_disorder_names_the_first_wrong_time(minutes, message):
    with pytest.raises(DataError, match=message):
        check_increasing(times(*minutes))


def test_missing_and_foreign_times():
    with pytest.raises(DataError, match="Frame 1 has none"):
        check_increasing(np.array([START, "NaT", START + 1], "datetime64[ns]"))
    with pytest.raises(DataError, match="dtype int64"):
        check_increasing(np.arange(3))


def test_every_second_frame_of_each_run():
    new = resample(series([0, 5, 10, 15, 100, 105, 110, 115, 120]), timedelta(minutes=10))
    assert minutes_of(new) == [0, 10, 100, 110, 120]
    assert new[:, 0, 0].values.tolist() == [0, 2, 4, 6, 8]


def test_linear_between_adjacent_frames_and_never_over_a_jump():
    minutes = [0, 5, 10, 15, 20, 60, 65, 70, 75]
    values = np.random.default_rng(0).random(len(minutes))
    new = resample(series(minutes, values), timedelta(minutes=6))
    assert minutes_of(new) == [0, 6, 12, 18, 60, 66, 72]
    assert new.attrs == {"units": "mm h-1", "long_name": "rain"}
    assert new.name == "rain_rate"
    np.testing.assert_allclose(
        new[:, 1, 1], np.interp(minutes_of(new), minutes, values.astype("float32")), rtol=1e-5
    )


def test_missing_frame_spoils_its_neighbours_only():
    new = resample(
        series([0, 5, 10, 15, 20, 25, 30], [0, np.nan, 2, 3, 4, 5, 6]), timedelta(minutes=6)
    )
    assert minutes_of(new) == [0, 6, 12, 18, 24, 30]
    np.testing.assert_allclose(new[:, 0, 0], [0, np.nan, 2.4, 3.6, 4.8, 6], rtol=1e-6)


def test_reflectivity_is_mixed_as_z():
    new = resample(series([0, 5, 10], [10, 30, 30], units="dBZ"), timedelta(minutes=7.5))
    np.testing.assert_allclose(new[:, 0, 0], [10, 30], rtol=1e-6)
    new = resample(series([0, 4, 8], [30, 30, 10], units="dBZ"), timedelta(minutes=6))
    assert float(new[1, 0, 0]) == pytest.approx(10 * np.log10((1000 + 10) / 2), rel=1e-6)


def test_coarser_data_are_refused():
    with pytest.raises(DataError, match="step of 10min, the sample needs 5min"):
        resample(series([0, 10, 20]), timedelta(minutes=5))


def test_lazy_data_stay_lazy():
    data = series([0, 5, 10, 15, 20])

    def refuse(*args, **kwargs):
        raise AssertionError("computed")

    with dask.config.set(scheduler=refuse):
        lazy = resample(data.chunk(time=1), timedelta(minutes=6))
    xr.testing.assert_allclose(lazy.compute(), resample(data, timedelta(minutes=6)))


def jittered(*seconds: int) -> np.ndarray:
    return np.datetime64("2024-05-01T12:00", "ns") + np.array(seconds) * np.timedelta64(1, "s")


def test_times_that_scatter_are_rounded_to_whole_steps():
    found = whole_steps(jittered(4, 311, 588, 1490), timedelta(minutes=5))
    np.testing.assert_array_equal(found, jittered(0, 300, 600, 1500))


def test_frames_of_another_phase_keep_it():
    found = whole_steps(jittered(150, 455, 748), timedelta(minutes=5))
    np.testing.assert_array_equal(found, jittered(150, 450, 750))


@pytest.mark.parametrize("seconds", [(0, 380, 600), (0, 290, 310)])
def test_times_that_are_no_scatter_stay(seconds):
    times = jittered(*seconds)
    np.testing.assert_array_equal(whole_steps(times, timedelta(minutes=5)), times)
