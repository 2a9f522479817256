"""Bicubic interpolation against the kernel of Keys (1981), written as loops."""

import numpy as np
import pytest
import xarray as xr

from keras_wx.data.downscale import Onto


def field(values, y, x):
    return xr.DataArray(values, dims=("lat", "lon"), coords={"lat": y, "lon": x}, name="c")


def keys(s):
    """The kernel with a = -1/2, equation (15) of the paper."""
    s = abs(s)
    if s <= 1:
        return 1.5 * s**3 - 2.5 * s**2 + 1
    return -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2 if s < 2 else 0.0


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_equals_the_kernel_inside(rng):
    coarse = field(rng.normal(size=(7, 9)), np.arange(10.0, 17), np.arange(9.0))
    fine_y, fine_x = rng.uniform(11, 15, 6), rng.uniform(1, 7, 8)
    fine = field(np.zeros((6, 8)), np.sort(fine_y), np.sort(fine_x))
    got = Onto(coarse, fine, "bicubic")(coarse.values)
    expected = [
        [
            sum(
                keys(y - i) * keys(x - j) * coarse.values[i - 10, j]
                for i in range(10, 17)
                for j in range(9)
            )
            for x in fine.lon.values
        ]
        for y in fine.lat.values
    ]
    np.testing.assert_allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize("flip", [1, -1])
def test_planes_come_back_on_uneven_points(rng, flip):
    y, x = np.array([0.0, 2, 3, 7, 8])[::flip], np.array([0.0, 1, 4, 6, 7])
    coarse = field(2 * y[:, None] - 3 * x + 1, y, x)
    fine_y, fine_x = np.linspace(0, 8, 21), np.linspace(0, 7, 16)
    onto = Onto(coarse, field(np.zeros((21, 16)), fine_y, fine_x), "bicubic")
    plane = 2 * fine_y[:, None] - 3 * fine_x + 1
    np.testing.assert_allclose(onto(coarse.values), plane, atol=1e-12)


def test_across_the_seam_of_a_global_grid(rng):
    """The same as on a grid that is counted from elsewhere."""
    lon, values = np.arange(0, 360, 30.0), rng.normal(size=(4, 12))
    lat = np.array([40.0, 50, 60, 70])
    fine = field(np.zeros((2, 3)), [45.0, 55], [-10.0, 0, 20])
    elsewhere = field(np.roll(values, 6, axis=1), lat, lon - 180)
    got = Onto(field(values, lat, lon), fine, "bicubic")(values)
    np.testing.assert_allclose(got, Onto(elsewhere, fine, "bicubic")(elsewhere.values))
