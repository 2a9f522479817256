"""OpenMRG's radar: the real file of rain rates, and the archive's layout of reflectivity."""

import netCDF4
import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.data.geometry import spacing_km
from keras_wx.errors import DataError


def test_real_file(shared_data):
    path = shared_data / "openmrg_rad_20150827.nc"
    dataset = keras_wx.open_dataset("openmrg", path=path)
    field = dataset["rain_rate"]
    assert field.dims == ("time", "y", "x")
    assert field.shape == (145, 48, 37)
    assert not field.variable._in_memory
    assert spacing_km(field) == pytest.approx((2, 2))
    with netCDF4.Dataset(path) as file:
        plain = file["rain_rate"][:].filled(np.nan)
        lat = file["lat"][:]
    np.testing.assert_array_equal(field, plain)
    assert not np.isnan(plain).any()
    assert (plain > 0.1).mean() == pytest.approx(0.63, abs=0.01), "as its description says"
    assert (np.diff(dataset["y"]) < 0).all()
    assert (np.diff(lat[:, 0]) < 0).all(), "the first row is the northernmost"
    assert dataset["lat"].attrs["units"] == "degrees_north"
    assert "10.5194/essd-14-5411-2022" in dataset.attrs["citation"]
    assert "by-sa/4.0" in dataset.attrs["license"]


def test_reflectivity_of_the_archive(tmp_path):
    with netCDF4.Dataset(tmp_path / "radar.nc", "w") as file:
        for dim, size in (("time", 2), ("y", 2), ("x", 3)):
            file.createDimension(dim, size)
        file.createVariable("time", "i8", ("time",)).units = "minutes since 2015-06-01"
        file["time"][:] = 0, 5
        for axis, values in (("y", [-3412560.8, -3414560.8]), ("x", [-154199, -152199, -150199])):
            file.createVariable(axis, "f8", (axis,))[:] = values
        for name, value in (("lat", 58.0), ("lon", 11.4)):
            file.createVariable(name, "f4", ("y", "x"))[:] = value
        data = file.createVariable("data", "u1", ("time", "y", "x"), fill_value=255)
        data.setncatts({"scale_factor": 0.4, "add_offset": -30.0, "zr_a": 200.0, "zr_b": 1.5})
        data.set_auto_maskandscale(False)
        data[:] = np.broadcast_to([[0, 75, 255], [100, 125, 200]], (2, 2, 3))
    dataset = keras_wx.open_dataset("openmrg", path=tmp_path / "radar.nc")
    field = dataset["reflectivity"]
    np.testing.assert_allclose(field[0], [[-30, 0, np.nan], [10, 20, 50]], atol=1e-5)
    assert field.attrs["units"] == "dBZ"
    assert spacing_km(field) == pytest.approx((2, 2))


def test_opens_its_file_once(shared_data, monkeypatch):
    opened, original = [], xr.open_dataset
    monkeypatch.setattr(xr, "open_dataset", lambda *a, **k: opened.append(a) or original(*a, **k))
    keras_wx.open_dataset("openmrg", path=shared_data / "openmrg_rad_20150827.nc")
    assert len(opened) == 1


def test_another_file(shared_data):
    with pytest.raises(DataError, match=r"Expected OpenMRG's radar.*'time'.*'radar', path"):
        keras_wx.open_dataset("openmrg", path=shared_data / "fmi_20160928.nc")
