"""Maps of the calendar against hand-computed dates and pandas."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from downscale_fields import LAT, LON, make_pair

from keras_wx.data.downscale import calendar_map, groups_of
from keras_wx.data.downscale.calendar import in_convention
from keras_wx.errors import DataError
from keras_wx.transforms import Linear, Log, MinMax, Standard

FINE = make_pair(2)["air"]


def at_point(name, *times):
    maps = calendar_map(name, np.array(times, "datetime64[ns]"), FINE)
    assert maps.shape == (len(times), LAT.size, LON.size)
    assert maps.dtype == "float32"
    assert (maps == maps[:, :1, :1]).all()
    return maps[:, 0, 0]


def test_day_of_season_by_hand():
    found = at_point(
        "day_of_season", "2000-12-01", "2001-01-15", "2001-03-01", "2001-08-31T12", "2004-02-29"
    )
    # Winter 2000/2001 has 90 days, summer 92, winter 2003/2004 91.
    expected = [0, 45 / 90, 0, 91.5 / 92, 90 / 91]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_year_and_its_circle_by_hand():
    times = "2005-01-01", "2005-07-02T12", "2004-07-02"
    np.testing.assert_allclose(at_point("year", *times), [2005, 2005.5, 2004.5])
    np.testing.assert_allclose(at_point("day_of_year_cos", *times), [1, -1, -1], atol=1e-6)
    np.testing.assert_allclose(at_point("day_of_year_sin", "2005-04-02T06"), [1], atol=1e-6)


def test_positions_are_the_coordinates():
    times = np.array(["2001-01-01"], "datetime64[ns]")
    latitude = calendar_map("latitude", times, FINE)[0]
    longitude = calendar_map("longitude", times, FINE)[0]
    expected = np.meshgrid(LAT, LON, indexing="ij")
    np.testing.assert_allclose([latitude, longitude], expected, rtol=1e-6)


def test_positions_of_a_projected_grid():
    flat = np.arange(6.0).reshape(2, 3)
    field = xr.DataArray(
        np.zeros((2, 3)),
        dims=("y", "x"),
        coords={"y": ("y", [0.0, 1000], {"units": "m"}), "x": [0.0, 1000, 2000]},
        name="rain",
    )
    with pytest.raises(DataError, match=r"map of latitude, and 'rain' has none.*assign_coords"):
        calendar_map("latitude", np.array("2001-01-01", "M8[ns]"), field)
    field = field.assign_coords(lat=(("y", "x"), flat))
    found = calendar_map("latitude", np.array("2001-01-01", "M8[ns]"), field)
    np.testing.assert_array_equal(found, flat)


def test_groups_equal_pandas():
    times = pd.date_range("1999-11-20", "2001-03-10", freq="7h")
    seasons = {12: "DJF", 1: "DJF", 2: "DJF", 3: "MAM", 4: "MAM", 5: "MAM", 6: "JJA"}
    seasons |= {7: "JJA", 8: "JJA", 9: "SON", 10: "SON", 11: "SON"}
    found = groups_of(["season"], times.values)
    assert found.tolist() == [seasons[m] for m in times.month]
    found = groups_of(["month", "area"], times.values[:1632].reshape(2, 816), "A1")
    assert found.ravel().tolist() == [f"{month:02}/A1" for month in times.month[:1632]]
    assert groups_of([], times.values) is None
    assert groups_of(["area"], None, "A0") == np.array("A0")
    with pytest.raises(DataError, match=r"attrs\['area'\] = 'A0'"):
        groups_of(["area"], times.values)


@pytest.mark.parametrize(
    ("transform", "given", "expected"),
    [
        (Linear(low=200, high=330), [-160, -30, 200, 330], [200, 330, 200, 330]),
        (MinMax(low=-30, high=40), [330, 355, 0, 40], [-30, -5, 0, 40]),
        (Standard(mean=10, std=5), [359, 1], [-1, 1]),
        (Linear(low=0, high=360, to=(-1, 1)), [0, 10, 360], [0, 10, 360]),
        (Linear(low=-180, high=180), [-180, 180, 190], [-180, 180, -170]),
        (Log(floor=0.1), [359.0], [359.0]),
    ],
)
def test_longitudes_are_those_of_the_transform(transform, given, expected):
    np.testing.assert_array_equal(in_convention(np.array(given, float), transform), expected)
