import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.data.geometry import spacing_km


def test_it_is_there_with_its_attribution():
    dataset = keras_wx.open_dataset("sample_radar")
    field = dataset["reflectivity"]
    assert field.shape == (40, 256, 256)
    assert field.attrs["units"] == "dBZ"
    assert spacing_km(field) == pytest.approx((1, 1))
    assert set(np.diff(dataset["time"])) == {np.timedelta64(5, "m")}
    assert "CC BY 4.0" in dataset.attrs["license"]
    assert "Finnish Meteorological Institute" in dataset.attrs["attribution"]
    assert "cropped to rows 128 to 383 and columns 384 to 639" in dataset.attrs["changes"]


def test_it_rains():
    values = keras_wx.open_dataset("sample_radar")["reflectivity"].values
    wet = (values > 10).mean((1, 2))
    assert wet.min() > 0.2
    assert wet.max() < 0.6
    assert (values > 30).mean() > 0.005
    assert not np.isnan(values).any()


def test_it_is_the_original(shared_data):
    path = shared_data / "fmi_20160928.nc"
    if not path.exists():
        pytest.skip(f"real data not found: {path.name}")
    original = xr.open_dataset(path)["reflectivity"][:, 128:384, 384:640]
    sample = keras_wx.open_dataset("sample_radar")["reflectivity"]
    np.testing.assert_array_equal(sample, original)
    np.testing.assert_array_equal(sample["time"], original["time"])
