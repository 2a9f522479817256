"""The map projection against the worked example of its source, published corners, and PROJ."""

import numpy as np
import pytest

from keras_wx.data.sources._projected_grid import ProjectedGrid
from keras_wx.data.sources._radolan import national_grid
from keras_wx.data.sources._stereographic import PolarStereographic

RADOLAN = "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +a=6370040 +b=6370040 +units=m"
DE1200 = (
    "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +a=6378137 +b=6356752.3142451802 "
    "+x_0=543196.83521776402 +y_0=3622588.8619310018"
)
SUOMI1 = "+proj=stere +lon_0=25E +lat_0=90N +lat_ts=60 +a=6371288 +x_0=380886.310 +y_0=3395677.920"


def test_worked_example_of_snyder():
    """Page 315, international ellipsoid; of the south pole there, so that all signs change."""
    projection = PolarStereographic.parse("+proj=stere +lat_0=90 +lat_ts=71 +lon_0=100 +ellps=intl")
    np.testing.assert_allclose(projection.forward(-150, 75), (1540033.6, 560526.4), atol=0.1)
    np.testing.assert_allclose(projection.inverse(1540033.6, 560526.4), (-150, 75), atol=1e-6)


@pytest.mark.parametrize(
    ("definition", "lon_lat", "xy"),
    [
        # Deutscher Wetterdienst, corners of the composites.
        (RADOLAN, (3.5889, 46.9526), (-523462.2, -4658645.0)),
        (RADOLAN, (15.7208, 54.7405), (376537.8, -3758645.0)),
        (DE1200, (3.566994635, 45.69642538), (-500.0, -1199500.0)),
        (DE1200, (18.73161645, 55.84543856), (1099500.0, 500.0)),
        # The header of the Finnish pictures: corners, 760 x 999.674053 m and 1226 x 999.62859 m.
        (SUOMI1, (18.6, 57.93), (0, 0)),
        (SUOMI1, (34.903, 69.005), (759752.3, 1225544.7)),
    ],
)
def test_published_corners(definition, lon_lat, xy):
    projection = PolarStereographic.parse(definition)
    np.testing.assert_allclose(projection.forward(*lon_lat), xy, atol=10)
    np.testing.assert_allclose(projection.inverse(*xy), lon_lat, atol=2e-4)


def test_kilometres_of_the_dutch_files():
    projection = PolarStereographic.parse(
        "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +a=6378.14 +b=6356.75 +x_0=0 y_0=0"
    )
    corners = projection.inverse([0, 700e3, 700e3, 0], [-3650e3, -3650e3, -4415e3, -4415e3])
    np.testing.assert_allclose(corners[0], [0, 10.856, 9.009, 0], atol=1e-3)
    np.testing.assert_allclose(corners[1], [55.974, 55.389, 48.895, 49.362], atol=1e-3)


def test_other_projections():
    for definition in (
        "+proj=laea +lat_0=55 +lon_0=10",
        "+proj=stere +lat_0=52 +lon_0=5",
        "+proj=stere +lat_0=90S",
    ):
        assert PolarStereographic.parse(definition) is None


@pytest.mark.parametrize(
    "definition",
    [
        RADOLAN,
        DE1200,
        SUOMI1,
        "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=14 +ellps=bessel",
        "+proj=stere +lat_0=90 +lon_0=10W +ellps=GRS80",
        "+proj=stere +lat_0=90 +lat_ts=60 +datum=WGS84",
        "+proj=stere +lat_0=90 +lat_ts=60 +R=6370040",
        "+proj=stere +lat_0=90 +lat_ts=60 +a=6378137 +rf=298.25",
    ],
)
def test_against_proj(definition):
    pyproj = pytest.importorskip("pyproj")
    random = np.random.default_rng(0)
    lon, lat = random.uniform(-30, 60, 100), random.uniform(35, 80, 100)
    xy = pyproj.Proj(definition)(lon, lat)
    projection = PolarStereographic.parse(definition)
    np.testing.assert_allclose(projection.forward(lon, lat), xy, atol=1e-6)
    np.testing.assert_allclose(projection.inverse(*xy), (lon, lat), atol=1e-8)


@pytest.mark.parametrize(
    ("shape", "corners"),
    [
        # Lower left, upper right, as the Deutscher Wetterdienst lists them.
        ((900, 900), [(3.5889, 46.9526), (15.7208, 54.7405)]),
        ((1100, 900), [(4.6759, 46.1929), (17.1128, 55.5342)]),
    ],
)
def test_national_grids(shape, corners):
    grid = national_grid(shape)
    projection = PolarStereographic.parse(grid.projection)
    (y, x), (dy, dx) = grid.first, grid.step
    found = projection.inverse([x, x + shape[1] * dx], [y, y + shape[0] * dy])
    np.testing.assert_allclose(np.transpose(found), corners, atol=2e-4)


def test_grid_of_another_projection_counts_from_its_middle():
    grid = ProjectedGrid.about_its_middle((4, 2), (-1000.0, 500.0), "+proj=laea +lat_0=55")
    coordinates = grid.placed(10.0, 50.0).coordinates()
    assert set(coordinates) == {"y", "x"}
    np.testing.assert_allclose(coordinates["y"].values, [1500, 500, -500, -1500])
    np.testing.assert_allclose(coordinates["x"].values, [-250, 250])


def test_there_and_back_to_a_millimetre():
    projection = PolarStereographic.parse(DE1200)
    x, y = np.meshgrid(np.linspace(-1e6, 2e6, 20), np.linspace(-3e6, 3e6, 20))
    np.testing.assert_allclose(projection.forward(*projection.inverse(x, y)), (x, y), atol=1e-3)
