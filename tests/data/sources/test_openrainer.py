"""OpenRainER's radar: the real file."""

import netCDF4
import numpy as np
import pytest

import keras_wx
from keras_wx.data.geometry import spacing_km
from keras_wx.errors import DataError


def test_real_file(shared_data):
    path = shared_data / "openrainer_rad_20220917.nc"
    dataset = keras_wx.open_dataset("openrainer", path=path)
    field = dataset["rain_rate"]
    assert field.dims == ("time", "lat", "lon")
    assert field.shape == (11, 290, 373)
    assert field.attrs["units"] == "mm h-1"
    assert not field.variable._in_memory
    assert spacing_km(field) == pytest.approx((1, 1), abs=0.01)
    with netCDF4.Dataset(path) as file:
        packed = file["rainfall_amount"]
        # Its valid_max is in mm, and netCDF4 would apply it to the packed numbers.
        packed.set_auto_maskandscale(False)
        amounts = np.where(packed[:] == packed._FillValue, np.nan, packed[:] * packed.scale_factor)
        hours = packed.accum_time_h
    np.testing.assert_allclose(field, amounts / hours, rtol=1e-6)
    assert (np.diff(dataset["lat"]) > 0).all()
    assert "10.5281/zenodo.10593848" in dataset.attrs["citation"]
    assert "by/4.0" in dataset.attrs["license"]


def test_another_file(shared_data):
    with pytest.raises(DataError, match=r"Expected OpenRainER's radar.*\['reflectivity'\]"):
        keras_wx.open_dataset("openrainer", path=shared_data / "fmi_20160928.nc")
