"""`curtain`: any file with heights and times."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.errors import DataError


@pytest.fixture
def made() -> xr.Dataset:
    return keras_wx.open_dataset("synthetic_curtain", columns=20, rows=8, events=1)


def test_a_file_of_this_package_comes_back(made, tmp_path):
    made["blind_zone_top"] = "time", np.full(20, 300.0), {"units": "m"}
    made.to_netcdf(tmp_path / "curtain.nc")
    found = keras_wx.open_dataset("curtain", path=tmp_path / "curtain.nc")
    xr.testing.assert_identical(found.load(), made)


def test_names_by_units_and_standard_names(made, tmp_path):
    other = made.rename(reflectivity="Ze", temperature="T").transpose("height", "time")
    other["noise"] = other.Ze.drop_attrs()
    other.isel(time=slice(12)).to_netcdf(tmp_path / "a.nc")
    other.isel(time=slice(12, None)).to_netcdf(tmp_path / "b.nc")
    found = keras_wx.open_dataset("curtain", path=tmp_path / "?.nc")
    assert set(found.data_vars) == {*made.data_vars, "noise"}
    np.testing.assert_array_equal(found.reflectivity, made.reflectivity.T)
    np.testing.assert_array_equal(found.temperature, made.temperature.T)
    chosen = keras_wx.open_dataset(
        "curtain", path=tmp_path / "a.nc", variable="noise", units="mm6 m-3"
    )
    assert chosen.reflectivity.attrs["units"] == "mm6 m-3"


def test_what_is_no_curtain_is_refused(made, tmp_path):
    made.rename(height="range").to_netcdf(tmp_path / "range.nc")
    with pytest.raises(DataError, match=r"a reflectivity with the dimensions time and height"):
        keras_wx.open_dataset("curtain", path=tmp_path / "range.nc")
    made.to_netcdf(tmp_path / "curtain.nc")
    two = made.assign(other=made.reflectivity).rename(reflectivity="Ze")
    two.to_netcdf(tmp_path / "two.nc")
    with pytest.raises(DataError, match=r"Several.*\['Ze', 'other'\].*variable="):
        keras_wx.open_dataset("curtain", path=tmp_path / "two.nc")
    with pytest.raises(DataError, match=r"the variable 'Ze'"):
        keras_wx.open_dataset("curtain", path=tmp_path / "curtain.nc", variable="Ze")


def test_times_that_scatter_are_rounded_to_the_step_that_is_named(made, tmp_path):
    whole = made.time.values
    scatter = np.random.default_rng(0).uniform(-0.9, 0.9, whole.size) * 1e9
    rough = made.assign_coords(time=whole + scatter.astype("timedelta64[ns]"))
    rough.isel(time=slice(12)).to_netcdf(tmp_path / "a.nc")
    rough.isel(time=slice(12, None)).to_netcdf(tmp_path / "b.nc")
    found = keras_wx.open_dataset("curtain", path=tmp_path / "?.nc", step="4s")
    np.testing.assert_array_equal(found.time.values, whole)
    np.testing.assert_array_equal(found.reflectivity, made.reflectivity)
    as_they_are = keras_wx.open_dataset("curtain", path=tmp_path / "?.nc")
    np.testing.assert_array_equal(as_they_are.time.values, rough.time.values)
    with pytest.raises(DataError, match=r"Dataset .curtain.: .*soon"):
        keras_wx.open_dataset("curtain", path=tmp_path / "?.nc", step="soon")


def test_a_step_that_rounds_nothing_is_said(made, tmp_path):
    late = made.time.values.copy()
    late[7] += np.timedelta64(1100, "ms")
    made.assign_coords(time=late).to_netcdf(tmp_path / "late.nc")
    with pytest.warns(UserWarning, match="step='4s' rounds no times: that at .*:29.100 is 1.1 s"):
        found = keras_wx.open_dataset("curtain", path=tmp_path / "late.nc", step="4s")
    np.testing.assert_array_equal(found.time.values, late)
