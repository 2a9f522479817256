"""Coarse frames on the fine grid: xarray's and SciPy's interpolation are the reference."""

import numpy as np
import pytest
import xarray as xr
from downscale_fields import make_pair

from keras_wx.data.downscale import Onto, block_means
from keras_wx.errors import DataError

PAIR = make_pair(3)
FINE, COARSE = PAIR["air"], PAIR["coarse_air"]


def reference(method):
    points = {"coarse_lat": PAIR["lat"], "coarse_lon": PAIR["lon"]}
    if method == "bilinear":
        return COARSE.astype("float64").interp(points, method="linear").values
    return COARSE.sel(points, method="nearest").values


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
@pytest.mark.parametrize("flip", [False, True])
def test_equals_xarray(method, flip):
    coarse = COARSE.isel(coarse_lat=slice(None, None, -1)) if flip else COARSE
    found = Onto(coarse, FINE, method)(coarse.values)
    np.testing.assert_allclose(found, reference(method), rtol=1e-6)
    assert found.dtype == "float32"


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_a_crop_is_the_crop_of_the_whole(method):
    onto = Onto(COARSE, FINE, method)
    rows, columns = slice(3, 7), slice(5, 14)
    whole = onto(COARSE.values)
    np.testing.assert_array_equal(onto(COARSE.values, rows, columns), whole[:, rows, columns])


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_longitudes_counted_from_zero(method):
    lon = COARSE["coarse_lon"].values % 360
    order = np.argsort(lon)
    coarse = COARSE.assign_coords(coarse_lon=("coarse_lon", lon, COARSE["coarse_lon"].attrs))
    coarse = coarse.isel(coarse_lon=order)
    found = Onto(coarse, FINE, method)(coarse.values)
    np.testing.assert_allclose(found, reference(method), rtol=1e-6)


def test_across_the_seam_of_a_global_grid():
    lon = np.arange(0, 360, 60.0)
    values = np.array([[0.0, 1, 2, 3, 4, 5]] * 2)
    coarse = xr.DataArray(
        values, dims=("lat", "lon"), coords={"lat": [40.0, 60], "lon": lon}, name="c"
    )
    fine = xr.DataArray(
        np.zeros((2, 3)), dims=("lat", "lon"), coords={"lat": [45.0, 50], "lon": [-30.0, 0, 30]}
    )
    found = Onto(coarse, fine, "bilinear")(values)
    np.testing.assert_allclose(found, [[2.5, 0, 0.5]] * 2)


def test_a_globe_with_its_first_meridian_twice():
    """As files are that were made for plotting, from 0 to 360."""
    lat, lon = np.array([40.0, 50.0]), np.arange(0.0, 361.0, 30.0)
    values = np.cos(np.deg2rad(lon)) + lat[:, None]
    coarse = xr.DataArray(values, {"lat": lat, "lon": lon}, ("lat", "lon"), name="air")
    points = {"lat": [42.0, 48.0], "lon": [-45.0, -15.0, 0.0, 15.0, 170.0, 180.0, 190.0]}
    fine = xr.DataArray(np.zeros((2, 7)), points, ("lat", "lon"), name="fine")
    once = Onto(coarse.isel(lon=slice(-1)), fine, "bilinear")(values[:, :-1])
    np.testing.assert_array_equal(Onto(coarse, fine, "bilinear")(values), once)


def test_values_are_held_to_the_edge_of_the_outermost_cells():
    """By hand: points at 0, 10, 20; cells reach from -5 to 25."""
    points = np.array([0.0, 10, 20])
    frame = np.add.outer(points, np.zeros(3))
    field = {"dims": ("y", "x"), "coords": {"y": points, "x": points}}
    coarse = xr.DataArray(frame, **field, name="c")
    at = np.array([-5.0, -1, 4, 10, 16, 25])
    fine = xr.DataArray(np.zeros((6, 6)), dims=("y", "x"), coords={"y": at, "x": at + 0.0})
    np.testing.assert_allclose(Onto(coarse, fine, "bilinear")(frame)[:, 0], [0, 0, 4, 10, 16, 20])
    np.testing.assert_allclose(Onto(coarse, fine, "nearest")(frame)[:, 0], [0, 0, 0, 10, 20, 20])


def test_a_missing_point_without_a_share_does_no_harm():
    coarse = COARSE.copy(deep=True)
    coarse[:, 0] = np.nan  # 37 N; the fine grid ends at 38 N
    fine = FINE.assign_coords(lat=("lat", np.linspace(61, 45, 12), FINE["lat"].attrs))
    found = Onto(coarse, fine, "bilinear")(coarse.values)
    assert np.isfinite(found).all()
    assert np.isnan(Onto(coarse, FINE, "bilinear")(coarse.values)[:, -1]).all()


def test_a_coarse_grid_that_does_not_cover_the_fine_one():
    with pytest.raises(
        DataError,
        match=r"'coarse_air' does not cover.*'air': along 'lat' its cel"
        r"ls reach from 41 to 65, and the fine points from 38 to 60, of which 10 of 12 are covered",
    ):
        Onto(COARSE.isel(coarse_lat=slice(1, None)), FINE, "nearest")


def test_coordinates_of_two_kinds():
    metres = FINE.rename(lat="y", lon="x").assign_coords(
        y=("y", np.arange(12.0), {"units": "m"}), x=("x", np.arange(14.0), {"units": "m"})
    )
    with pytest.raises(DataError, match="'coarse_air' has coordinates in degrees, 'air' in metres"):
        Onto(COARSE, metres, "nearest")
    with pytest.raises(DataError, match=r"'coarse_air': expected coordinates .*'coarse_lat'"):
        Onto(COARSE.drop_vars("coarse_lat"), FINE, "nearest")


def test_kilometres_and_metres_are_one():
    km = np.arange(4) * 8.0
    coords = {"y": ("y", km, {"units": "km"}), "x": ("x", km, {"units": "km"})}
    coarse = xr.DataArray(np.arange(16.0).reshape(4, 4), dims=("y", "x"), coords=coords, name="c")
    m = np.arange(7) * 4000.0
    coords = {"y": ("y", m, {"units": "m"}), "x": ("x", m, {"units": "m"})}
    fine = xr.DataArray(np.zeros((7, 7)), dims=("y", "x"), coords=coords, name="f")
    found = Onto(coarse, fine, "bilinear")(coarse.values)
    np.testing.assert_allclose(found[::2, ::2], coarse)
    np.testing.assert_allclose(found[1, 1], 2.5)


def test_block_means_conserve_the_integral_over_the_sphere():
    rng = np.random.default_rng(0)
    edges = np.linspace(20, 44, 13)
    lat, lon = (edges[1:] + edges[:-1]) / 2, np.arange(0.0, 12) * 2
    field = xr.DataArray(
        rng.uniform(0, 9, (2, 12, 12)),
        dims=("time", "lat", "lon"),
        coords={"lat": ("lat", lat, {"units": "degrees_north"}), "lon": lon},
        name="rain",
    )
    coarse = block_means(field, 3)
    area = np.diff(np.sin(np.deg2rad(edges)))[:, None]
    expected = (field.values * area).sum(axis=(1, 2))
    area = np.diff(np.sin(np.deg2rad(edges[::3])))[:, None]
    np.testing.assert_allclose((coarse.values * area * 3).sum(axis=(1, 2)), expected, rtol=1e-6)
    np.testing.assert_allclose(coarse["lat"], lat.reshape(4, 3).mean(axis=1))
    lazy = block_means(field.chunk(time=1), 3)
    assert lazy.chunks is not None
    np.testing.assert_array_equal(lazy, coarse)


def test_block_means_by_hand():
    values = np.arange(20.0).reshape(4, 5)
    values[0, 0], values[2:, 2:4] = np.nan, np.nan
    values[2, 2] = 7
    field = xr.DataArray(values, dims=("y", "x"), coords={"y": np.arange(4) * 1000.0})
    found = block_means(field, 2)
    # One of four missing: the mean of three. Three of four missing: missing. Column 5 is left over.
    np.testing.assert_allclose(found, [[(1 + 5 + 6) / 3, 5], [13, np.nan]])
    for factor in (5, 0, -1, 2.0):
        expected = rf"factor: expected one from 1 to 4.*factor={factor}"
        with pytest.raises(DataError, match=expected):
            block_means(field, factor)
