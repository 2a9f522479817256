import dask
import numpy as np
import pytest
import xarray as xr
from scipy.interpolate import RegularGridInterpolator

from keras_wx.data.geometry import spacing_km
from keras_wx.data.regrid import regrid
from keras_wx.errors import DataError


def field(values, spacing=(1000.0, 1000.0), units="mm h-1", north_up=False):
    values = np.asarray(values, "float32")
    ny, nx = values.shape[-2:]
    y = (np.arange(ny) - (ny - 1) / 2) * spacing[0]
    return xr.DataArray(
        values,
        dims=("time", "y", "x")[-values.ndim :],
        coords={
            "y": ("y", y[::-1] if north_up else y, {"units": "m"}),
            "x": ("x", np.arange(nx) * spacing[1], {"units": "m"}),
        },
        attrs={"units": units},
        name="rain_rate",
    )


def random_field(*shape, missing=0.0, seed=0):
    random = np.random.default_rng(seed)
    values = random.gamma(1.0, 2.0, shape)
    return np.where(random.random(shape) < missing, np.nan, values)


def mean_by_loops(values, y_edges, x_edges, new_y, new_x, row_area=lambda low, high: high - low):
    """Area-weighted means over valid cells, cell by cell; NaN below half of the area."""
    result = np.full((len(new_y) - 1, len(new_x) - 1), np.nan)
    for j in range(len(new_y) - 1):
        for i in range(len(new_x) - 1):
            total = valid = area = 0.0
            for k in range(values.shape[0]):
                low, high = max(y_edges[k], new_y[j]), min(y_edges[k + 1], new_y[j + 1])
                for m in range(values.shape[1]):
                    left, right = max(x_edges[m], new_x[i]), min(x_edges[m + 1], new_x[i + 1])
                    if low >= high or left >= right:
                        continue
                    weight = row_area(low, high) * (right - left)
                    area += weight
                    if np.isfinite(values[k, m]):
                        valid += weight
                        total += weight * values[k, m]
            if valid >= 0.5 * area:
                result[j, i] = total / valid
    return result


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_coarser_equals_loops_over_overlaps(missing):
    values = random_field(11, 13, missing=missing)
    new = regrid(field(values), 2.5)
    # 11 km hold four cells of 2.5 km, with 0.5 km left at both ends; 13 km hold five.
    expected = mean_by_loops(
        values,
        np.arange(12) - 5.5,
        np.arange(14) - 0.5,
        np.linspace(-5, 5, 5),
        np.linspace(-0.25, 12.25, 6),
    )
    assert new.shape == (4, 5)
    assert spacing_km(new) == pytest.approx((2.5, 2.5))
    np.testing.assert_allclose(new, expected, rtol=1e-5)
    assert bool(np.isnan(expected).any()) is (missing > 0)


def test_rows_that_run_southwards():
    values = random_field(12, 12, missing=0.2)
    upwards, downwards = field(values), field(values[::-1], north_up=True)
    new = regrid(downwards, 3.0)
    assert np.all(np.diff(new["y"]) < 0)
    xr.testing.assert_allclose(new.sortby("y"), regrid(upwards, 3.0))


def test_latitudes_are_weighted_by_area():
    values = random_field(8, 6)
    lat, lon = 60 + np.arange(8) * 0.5, 10 + np.arange(6) * 1.0
    data = xr.DataArray(
        values, dims=("lat", "lon"), coords={"lat": lat, "lon": lon}, attrs={"units": "mm h-1"}
    )
    spacing = spacing_km(data)[0] * 4
    new = regrid(data, spacing)
    lon_edges = np.arange(7) + 9.5
    width = 4 * 0.5 / np.cos(np.deg2rad((lat[0] + lat[-1]) / 2))
    count = int(6 / width)
    new_lon = (lon[0] + lon[-1]) / 2 + (np.arange(count + 1) - count / 2) * width
    expected = mean_by_loops(
        values,
        np.arange(9) * 0.5 + 59.75,
        lon_edges,
        np.array([59.75, 61.75, 63.75]),
        new_lon,
        # The cosine integrated over many thin strips.
        row_area=lambda low, high: (
            np.cos(np.deg2rad(np.linspace(low, high, 2001))).mean() * (high - low)
        ),
    )
    np.testing.assert_allclose(new, expected, rtol=1e-4)


def test_finer_equals_bilinear_interpolation():
    values = random_field(7, 9)
    data = field(values)
    new = regrid(data, 0.5)
    assert new.shape == (14, 18)
    inside = {"y": new["y"].clip(-3000, 3000), "x": new["x"].clip(0, 8000)}
    points = np.stack(np.meshgrid(inside["y"], inside["x"], indexing="ij"), axis=-1)
    reference = RegularGridInterpolator((data["y"].values, data["x"].values), values)
    np.testing.assert_allclose(new, reference(points), rtol=1e-4)


def test_one_axis_coarser_the_other_left_alone():
    values = random_field(8, 5)
    new = regrid(field(values, spacing=(1000.0, 2000.0)), 2.0)
    np.testing.assert_allclose(new, values.reshape(4, 2, 5).mean(1), rtol=1e-5)
    np.testing.assert_array_equal(new["x"], np.arange(5) * 2000.0)


@pytest.mark.parametrize("spacing", [0.4, 1.7, 3.75])
@pytest.mark.parametrize("units", ["mm h-1", "dBZ"])
def test_a_constant_stays_a_constant(spacing, units):
    new = regrid(field(np.full((17, 23), 12.5), units=units), spacing)
    np.testing.assert_allclose(new, 12.5, rtol=1e-5)


@pytest.mark.parametrize("spacing", [1.5, 2.0, 2.4, 6.0])
def test_the_mean_over_the_area_is_kept(spacing):
    values = random_field(3, 12, 12)
    new = regrid(field(values), spacing)
    assert new.shape[-1] * spacing == pytest.approx(12), "whole cells only"
    np.testing.assert_allclose(new.mean(("y", "x")), values.mean((1, 2)), rtol=1e-5)


def test_reflectivity_is_averaged_as_z():
    new = regrid(field([[10.0, 30.0], [10.0, 30.0]], units="dBZ"), 2.0)
    assert float(new[0, 0]) == pytest.approx(10 * np.log10((10 + 1000) / 2), rel=1e-6)


def test_positions_of_points_are_averaged_too():
    data = field(random_field(2, 4, 4)).assign_coords(
        lat=(("y", "x"), np.arange(16.0).reshape(4, 4), {"units": "degrees_north"}),
        lon=(("y", "x"), np.broadcast_to([178.0, 179.0, -180.0, -179.0], (4, 4))),
    )
    new = regrid(data, 2.0)
    np.testing.assert_allclose(new["lat"], [[2.5, 4.5], [10.5, 12.5]], atol=1e-2)
    np.testing.assert_allclose(new["lon"], [[178.5, -179.5]] * 2)
    assert new["lat"].attrs == {"units": "degrees_north"}


def test_coordinates_of_points_that_are_no_positions():
    data = field(random_field(2, 4, 4)).assign_coords(
        altitude=(("y", "x"), np.arange(16).reshape(4, 4) * 100, {"units": "m"}),
        radar=(("y", "x"), np.full((4, 4), "north")),
    )
    new = regrid(data, 2.0)
    np.testing.assert_allclose(new["altitude"], [[250, 450], [1050, 1250]])
    assert "radar" not in new.coords


def test_lazy_data_stay_lazy():
    data = field(random_field(5, 12, 12, missing=0.3))

    def refuse(*args, **kwargs):
        raise AssertionError("computed")

    with dask.config.set(scheduler=refuse):
        lazy = regrid(data.chunk(time=2, y=5), 3.0)
    assert lazy.chunks is not None
    assert lazy.dtype == "float32"
    xr.testing.assert_allclose(lazy.compute(), regrid(data, 3.0))


def test_area_smaller_than_a_cell():
    with pytest.raises(DataError, match=r"3 points along 'y'.*less than one cell"):
        regrid(field(random_field(3, 30)), 10.0)


def test_no_coordinates():
    with pytest.raises(DataError, match="coordinates along 'y' and 'x'"):
        regrid(field(random_field(4, 4)).drop_vars(["y", "x"]), 2.0)
