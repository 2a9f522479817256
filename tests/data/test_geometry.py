import numpy as np
import pytest
import xarray as xr

from keras_wx.data.geometry import same_spacing, spacing_km, spatial_dims
from keras_wx.errors import DataError


def field(dims, **coords):
    sizes = {"time": 2, **{dim: len(coords.get(dim, range(3))) for dim in dims if dim != "time"}}
    return xr.DataArray(np.zeros([sizes[d] for d in dims]), dims=dims, coords=coords)


def haversine_km(lat1, lon1, lat2, lon2):
    lat1, lon1, lat2, lon2 = np.deg2rad([lat1, lon1, lat2, lon2])
    h = (
        np.sin((lat2 - lat1) / 2) ** 2
        + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    )
    return 2 * 6371 * np.arcsin(np.sqrt(h))


@pytest.mark.parametrize(
    "dims", [("y", "x"), ("lat", "lon"), ("latitude", "longitude"), ("Y", "X"), ("rlat", "rlon")]
)
def test_dims_by_name(dims):
    assert spatial_dims(field(("time", *dims))) == dims
    assert spatial_dims(field((dims[1], dims[0], "time"))) == dims


def test_dims_by_cf_attributes():
    data = field(("time", "rows", "columns"), rows=[1, 2, 3], columns=[1, 2, 3])
    data["rows"].attrs["standard_name"] = "projection_y_coordinate"
    data["columns"].attrs["axis"] = "X"
    assert spatial_dims(data) == ("rows", "columns")


def test_dims_not_found():
    with pytest.raises(DataError, match=r"one dimension along y.*\['time', 'a', 'x'\]"):
        spatial_dims(field(("time", "a", "x")))


@pytest.mark.parametrize(("units", "factor"), [("m", 1000), ("km", 1), (None, 1000)])
def test_spacing_of_a_projection(units, factor):
    data = field(("y", "x"), y=np.arange(4)[::-1] * 2.0 * factor, x=np.arange(3) * 1.5 * factor)
    if units:
        data["y"].attrs["units"] = data["x"].attrs["units"] = units
    assert spacing_km(data) == pytest.approx((2.0, 1.5))


def test_spacing_in_degrees_is_the_great_circle():
    lat, lon = (
        np.arange(55, 20, -0.02, dtype="float32"),
        np.arange(-130, -60, 0.02, dtype="float32"),
    )
    dy, dx = spacing_km(field(("lat", "lon"), lat=lat, lon=lon))
    middle = (lat[0] + lat[-1]) / 2
    assert dy == pytest.approx(haversine_km(middle, 0, middle + 0.02, 0), rel=1e-3)
    assert dx == pytest.approx(haversine_km(middle, 0, middle, 0.02), rel=1e-3)


def test_spacing_without_coordinates():
    assert spacing_km(field(("y", "x"))) is None
    assert spacing_km(field(("y", "x"), y=[0.0], x=[0.0, 1.0])) is None


def test_uneven_coordinates():
    with pytest.raises(DataError, match=r"'y'.*evenly spaced.*1 to 3"):
        spacing_km(field(("y", "x"), y=[0.0, 1.0, 4.0], x=[0.0, 1.0]))


def test_coordinates_in_no_length():
    data = field(("y", "x"), y=[0.0, 1.0], x=[0.0, 1.0])
    data["y"].attrs["units"] = "s"
    with pytest.raises(DataError, match=r"'y'.*units of length.*received 's'"):
        spacing_km(data)


@pytest.mark.parametrize(
    ("value", "expected"), [(1.0, True), (1.049, True), (0.951, True), (1.06, False)]
)
def test_tolerance(value, expected):
    assert same_spacing(value, 1.0) is expected
