"""GPM Ku: a small orbit made in the layout of the real one, and the real one."""

import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.errors import DataError

REAL = "gpm_ku_brisbane_20141206.nc"
SOURCE = "NASA/JAXA GPM DPR, 2A-CS.GPM.Ku.V7-20170308.20141206-S095002-E095137.004383.V05A"


@pytest.fixture
def orbit(tmp_path):
    """Three scans of two rays: straight down over the sea, and tilted by 60 deg over 100 m."""
    z = np.full((3, 2, 176), np.nan)
    z[:, :, 160] = 30.0  # bin 161: 15 bins above the ellipsoid
    z[1, :, 170] = 50.0  # bin 171, below the clean ones
    dims = ("scan", "ray", "bin")
    dataset = xr.Dataset(
        {
            "z_corrected": (dims, z, {"units": "dBZ"}),
            "z_measured": (dims, z + 1, {"units": "dBZ"}),
            "bin_clutter_free_bottom": (dims[:2], np.full((3, 2), 168, "int16")),
            "elevation": (dims[:2], np.array([[0, 100.0]] * 3)),
            "local_zenith_angle": (dims[:2], np.array([[0, 60.0]] * 3)),
            "lat": (dims[:2], np.array([[0, 1.0], [1, 2], [2, 3]])),
            "lon": (dims[:2], np.full((3, 2), 10.0)),
        },
        attrs={"source": SOURCE},
    )
    path = tmp_path / "orbit.nc"
    dataset.to_netcdf(path)
    return path


def test_by_hand(orbit):
    curtain = keras_wx.open_dataset("gpm_ku", path=orbit, ray=0)
    z = curtain["reflectivity"]
    assert z.dims == ("time", "height")
    assert z.attrs["units"] == "dBZ"
    # Bin 161 is at 15 x 125 = 1875 m, half-way between rows 14 (1812.5 m) and 15 (1937.5 m).
    echo = np.flatnonzero(z.values[0] == 30)
    assert len(echo)
    assert set(echo) <= {14, 15}
    # Bin 168 is the last clean one: its lower edge is at 7.5 x 125 m.
    np.testing.assert_allclose(curtain["blind_zone_top"], 937.5)
    np.testing.assert_array_equal(np.isnan(z.values), np.tile(np.arange(152) < 7, (3, 1)))
    assert (z.values[:, 16:] == -60).all()
    assert not (z.values == 50).any(), "clutter"


def test_a_tilted_ray_over_terrain(orbit):
    curtain = keras_wx.open_dataset("gpm_ku", path=orbit, ray=1)
    # Half as high above the ellipsoid (cos 60 deg), less 100 m: bin 161 at 837.5 m, row 6 (812.5).
    np.testing.assert_array_equal(np.flatnonzero(curtain["reflectivity"].values[0] == 30), [6])
    np.testing.assert_allclose(curtain["blind_zone_top"], 7.5 * 62.5 - 100)


def test_places_and_times(orbit):
    curtain = keras_wx.open_dataset("gpm_ku", path=orbit, ray=0)
    np.testing.assert_allclose(curtain["lat"], [0, 1, 2])
    # A degree of a great circle on a sphere of 6371 km.
    np.testing.assert_allclose(curtain["along_track"], [0, 111.195, 222.39], atol=0.01)
    times = curtain["time"].values
    assert times[0] == np.datetime64("2014-12-06T09:50:02")
    np.testing.assert_array_equal(np.diff(times), np.timedelta64(700, "ms"))


def test_all_rays_follow_each_other(orbit):
    both = keras_wx.open_dataset("gpm_ku", path=orbit, ray=None)
    np.testing.assert_array_equal(both["ray"], [0, 0, 0, 1, 1, 1])
    assert (np.diff(both["time"].values) > np.timedelta64(0)).all()
    np.testing.assert_array_equal(both["time_utc"][:3], both["time_utc"][3:])
    for ray in (0, 1):
        one = keras_wx.open_dataset("gpm_ku", path=orbit, ray=ray)
        part = both["reflectivity"][both["ray"].values == ray]
        np.testing.assert_array_equal(part, one["reflectivity"])


def test_measured(orbit):
    curtain = keras_wx.open_dataset("gpm_ku", path=orbit, ray=1, reflectivity="measured")
    assert curtain["reflectivity"].max() == 31


def test_start(orbit, tmp_path):
    bare = xr.open_dataset(orbit).drop_attrs()
    bare.to_netcdf(tmp_path / "bare.nc")
    with pytest.raises(DataError, match="start='2014-12-06T09:50:02' gives the time"):
        keras_wx.open_dataset("gpm_ku", path=tmp_path / "bare.nc", ray=0)
    curtain = keras_wx.open_dataset("gpm_ku", path=tmp_path / "bare.nc", ray=0, start="2020-01-01")
    assert curtain["time"].values[0] == np.datetime64("2020-01-01")
    with pytest.raises(DataError, match="expected a time"):
        keras_wx.open_dataset("gpm_ku", path=orbit, ray=0, start="noon")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ray": 2}, "from 0 to 1. Received: ray=2"),
        ({"ray": 0, "reflectivity": "best"}, "expected one of .'corrected', 'measured'"),
    ],
)
def test_options_that_are_none(orbit, options, message):
    with pytest.raises(DataError, match=message):
        keras_wx.open_dataset("gpm_ku", path=orbit, **options)


def test_another_file(tmp_path):
    xr.Dataset({"rain": ("scan", [1.0])}).to_netcdf(tmp_path / "other.nc")
    with pytest.raises(DataError, match=r"Expected a segment of GPM 2A.Ku: 'z_corrected'"):
        keras_wx.open_dataset("gpm_ku", path=tmp_path / "other.nc")


class TestRealOrbit:
    @pytest.fixture
    def path(self, shared_data):
        if not (shared_data / REAL).exists():
            pytest.skip(f"real data not found: {REAL}")
        return shared_data / REAL

    def test_the_blind_zone_is_that_of_the_clutter(self, path):
        """1.0 km above the ellipsoid at nadir and 2.5 km at the edge, less the terrain."""
        raw = xr.open_dataset(path)
        for ray in (0, 24, 48):
            curtain = keras_wx.open_dataset("gpm_ku", path=path, ray=ray)
            z, top = curtain["reflectivity"].values, curtain["blind_zone_top"].values
            blind = curtain["height"].values < top[:, None]
            np.testing.assert_array_equal(np.isnan(z), blind)
            scans = raw.isel(ray=ray)
            clean = (176 - scans["bin_clutter_free_bottom"]) * 125
            edge = (clean - 62.5) * np.cos(np.deg2rad(scans["local_zenith_angle"]))
            np.testing.assert_allclose(top, np.maximum(edge - scans["elevation"], 0), atol=1e-2)
        assert 600 < np.median(keras_wx.open_dataset("gpm_ku", path=path)["blind_zone_top"]) < 1000

    def test_echo_is_where_the_file_has_it(self, path):
        """Every row holds the value of a bin that is less than half a bin away."""
        raw = xr.open_dataset(path).isel(ray=30)
        curtain = keras_wx.open_dataset("gpm_ku", path=path, ray=30)
        z, heights = curtain["reflectivity"].values, curtain["height"].values
        cosine = np.cos(np.deg2rad(raw["local_zenith_angle"].values))
        for scan in range(0, 136, 5):
            bins = (175 - np.arange(176)) * 125 * cosine[scan] - raw["elevation"].values[scan]
            for row in np.flatnonzero(~np.isnan(z[scan])):
                near = np.flatnonzero(abs(bins - heights[row]) <= 62.6 * cosine[scan])
                values = np.nan_to_num(raw["z_corrected"].values[scan, near], nan=-60)
                assert np.isclose(values, z[scan, row]).any()
        assert 0.02 < (z > -60).mean() < 0.5

    def test_samples_of_the_split_that_comes_with_it(self, path):
        from keras_wx.spec import read_sample

        cloud = {"name": "reflectivity", "units": "dBZ", "grid": "c", "transform": {"cloud": {}}}
        sample = read_sample(
            {
                "grids": {"c": {"dims": ["height", "time"], "shape": [128, 128]}},
                "blind_zone": {"height": 3000},
                "variables": [
                    cloud | {"role": "input"},
                    {"name": "mask", "units": "1", "role": "mask", "grid": "c"},
                    cloud | {"role": "target"},
                ],
            }
        )
        curtain = keras_wx.open_dataset("gpm_ku", path=path, ray=None)
        train, test = (keras_wx.samples(curtain, sample, split=s) for s in ("train", "test"))
        assert len(train.init_times) == 30 * 9
        assert len(test.init_times) == 9 * 9
        x, y, weight = test[0]
        assert np.isfinite(x).all()
        np.testing.assert_array_equal(x[..., 0], y[..., 0])
        top = curtain["blind_zone_top"].sel(time=test.init_times[0]).item()
        rows = int(np.ceil((top - 62.5) / 125))
        np.testing.assert_array_equal(weight[0, :rows, 0], 0)
        np.testing.assert_array_equal(weight[0, rows:24, 0], 1)
