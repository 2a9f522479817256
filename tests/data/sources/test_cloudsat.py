"""CloudSat: small granules made in the layout of 2B-GEOPROF, as HDF5 and as HDF4."""

import h5py
import numpy as np
import pytest

import keras_wx
from keras_wx.errors import DataError

NAME = "2013119200420_37263_CS_2B-GEOPROF_GRANULE_P_R05_E06"
PROFILES, BINS = 6, 125


def granule():
    """Bins of 240 m from 24,960 m down; the surface (bin 105) at sea level, or 480 m higher."""
    height = np.tile(24_960 - 240 * np.arange(BINS), (PROFILES, 1)).astype("int16")
    z = np.full((PROFILES, BINS), -3100, "int16")
    mask = np.zeros((PROFILES, BINS), "int8")
    z[:, 90], mask[:, 90] = -1250, 40  # 3360 m: strong
    z[:, 92], mask[:, 92] = -2000, 20  # 2880 m: weak
    z[:, 94], mask[:, 94] = 500, 5  # 2400 m: clutter of the surface
    z[:, 101], mask[:, 101] = 3000, 40  # 720 m: in the blind zone
    z[:, 88], mask[:, 88] = -8888, 40  # 3840 m: missing
    elevation = np.full(PROFILES, -9999, "int16")
    surface = np.full(PROFILES, 105, "int16")
    elevation[3:], surface[3:] = 480, 103
    return {
        "Radar_Reflectivity": z,
        "CPR_Cloud_mask": mask,
        "Height": height,
        "Latitude": np.arange(PROFILES, dtype="float32"),
        "Longitude": np.full(PROFILES, 20, "float32"),
        "DEM_elevation": elevation,
        "SurfaceHeightBin": surface,
        "Profile_time": (0.16 * np.arange(PROFILES)).astype("float32"),
    }


def write_hdf5(path, fields, *, start=True):
    """As h4toh5 converts a swath: groups of its parts, numbers a profile as tables of a column."""
    with h5py.File(path, "w") as file:
        swath = file.create_group("2B-GEOPROF")
        for name, values in fields.items():
            part = "Data Fields" if values.ndim == 2 else "Geolocation Fields"
            if values.ndim == 1:
                values = values.astype([(name, values.dtype)])
            swath.require_group(part)[name] = values
        if start:
            swath.require_group("Swath Attributes")["start_time"] = np.bytes_("20130429200420")


def write_hdf4(path, fields):
    import pyhdf.VS  # noqa: F401 - HDF.vstart takes it for granted
    from pyhdf.HDF import HC, HDF
    from pyhdf.SD import SD, SDC

    kinds = {"int16": SDC.INT16, "int8": SDC.INT8}
    science = SD(str(path), SDC.WRITE | SDC.CREATE)
    for name, values in fields.items():
        if values.ndim == 2:
            science.create(name, kinds[str(values.dtype)], values.shape)[:] = values
    science.end()
    file = HDF(str(path), HC.WRITE)
    tables = file.vstart()
    for name, values in fields.items():
        if values.ndim == 1:
            kind = HC.INT16 if values.dtype == "int16" else HC.FLOAT32
            table = tables.create(name, ((name, kind, 1),))
            table.write([[value] for value in values.tolist()])
            table.detach()
    table = tables.create("start_time", (("start_time", HC.CHAR8, 14),))
    table.write([["20130429200420"]])
    table.detach()
    tables.end()
    file.close()


@pytest.fixture
def path(tmp_path):
    write_hdf5(tmp_path / f"{NAME}.h5", granule())
    return tmp_path / f"{NAME}.h5"


def test_by_hand(path):
    curtain = keras_wx.open_dataset("cloudsat", path=path)
    z, heights = curtain["reflectivity"].values, curtain["height"].values
    assert curtain["reflectivity"].dims == ("time", "height")
    np.testing.assert_allclose(heights, 120 + 240 * np.arange(80))
    # Rows lie half-way between bins, so an echo is in one of two rows, or in both.
    for metres, dbz in ((3360, -12.5), (2880, -20.0)):
        rows = np.flatnonzero(np.isclose(z[0], dbz))
        assert len(rows)
        assert (abs(heights[rows] - metres) <= 120).all()
    assert set(np.unique(z[0][~np.isnan(z[0])])) <= {-60, np.float32(-12.5), -20}


def test_the_blind_zone(path):
    """Five bins above that of the surface: blind up to 5.5 x 240 m, over terrain too."""
    curtain = keras_wx.open_dataset("cloudsat", path=path)
    np.testing.assert_allclose(curtain["blind_zone_top"], 1320)
    blind = curtain["height"].values < 1320
    np.testing.assert_array_equal(np.isnan(curtain["reflectivity"]), np.tile(blind, (6, 1)))
    over_sea = keras_wx.open_dataset("cloudsat", path=path, clutter_bins=3)
    np.testing.assert_allclose(over_sea["blind_zone_top"], 840)


def test_heights_are_above_the_surface(path):
    """Over terrain of 480 m the same bins are two rows lower."""
    z = keras_wx.open_dataset("cloudsat", path=path)["reflectivity"].values
    np.testing.assert_array_equal(z[3, 6:70], z[0, 8:72])


def test_a_stricter_cloud_mask(path):
    z = keras_wx.open_dataset("cloudsat", path=path, cloud_mask=30)["reflectivity"].values
    assert not (z == -20).any()
    assert (z == -12.5).any()


def test_times_and_places(path, tmp_path):
    curtain = keras_wx.open_dataset("cloudsat", path=path)
    assert curtain["time"].values[0] == np.datetime64("2013-04-29T20:04:20")
    np.testing.assert_array_equal(np.diff(curtain["time"].values), np.timedelta64(160, "ms"))
    np.testing.assert_allclose(curtain["along_track"][:3], [0, 111.195, 222.39], atol=0.01)
    # Day 119 of 2013 is 29 April.
    write_hdf5(tmp_path / "x.h5", granule(), start=False)
    (tmp_path / "named").mkdir()
    named = (tmp_path / "x.h5").rename(tmp_path / "named" / f"{NAME}.h5")
    again = keras_wx.open_dataset("cloudsat", path=named)
    np.testing.assert_array_equal(again["time"], curtain["time"])
    nameless = named.rename(tmp_path / "granule.h5")
    with pytest.raises(DataError, match="does not say when it begins"):
        keras_wx.open_dataset("cloudsat", path=nameless)


def test_profiles_without_heights_are_left_out(tmp_path):
    fields = granule()
    fields["Height"][2] = -9999
    write_hdf5(tmp_path / f"{NAME}.h5", fields)
    curtain = keras_wx.open_dataset("cloudsat", path=tmp_path / f"{NAME}.h5")
    steps = np.diff(curtain["time"].values) / np.timedelta64(160, "ms")
    np.testing.assert_array_equal(steps, [1, 2, 1, 1])


def test_a_surface_that_was_not_found(tmp_path):
    fields = granule()
    fields["SurfaceHeightBin"][:] = -99
    write_hdf5(tmp_path / f"{NAME}.h5", fields)
    curtain = keras_wx.open_dataset("cloudsat", path=tmp_path / f"{NAME}.h5")
    np.testing.assert_allclose(curtain["blind_zone_top"], 1320)


def test_hdf4_gives_the_same(path, tmp_path):
    pytest.importorskip("pyhdf")
    write_hdf4(tmp_path / f"{NAME}.hdf", granule())
    ours = keras_wx.open_dataset("cloudsat", path=tmp_path / f"{NAME}.hdf")
    assert ours.identical(keras_wx.open_dataset("cloudsat", path=path))


def test_hdf4_without_its_reader(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyhdf", None)
    (tmp_path / "granule.hdf").write_bytes(b"\x0e\x03\x13\x01" + bytes(100))
    with pytest.raises(DataError, match="pip install pyhdf reads them"):
        keras_wx.open_dataset("cloudsat", path=tmp_path / "granule.hdf")


def test_files_that_are_none(tmp_path, path):
    (tmp_path / "cut.h5").write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="cut off, damaged, or neither HDF4 nor HDF5"):
        keras_wx.open_dataset("cloudsat", path=tmp_path / "cut.h5")
    fields = granule()
    del fields["CPR_Cloud_mask"]
    write_hdf5(tmp_path / "other.h5", fields)
    with pytest.raises(DataError, match="Missing: CPR_Cloud_mask"):
        keras_wx.open_dataset("cloudsat", path=tmp_path / "other.h5")
