"""MRMS: the real files, NetCDF as converters write it, GRIB2 made by ecCodes, wrong ones."""

import gzip
import sys

import netCDF4
import numpy as np
import pytest

import keras_wx
from keras_wx.data.geometry import spacing_km
from keras_wx.data.sources._mrms_products import product_of
from keras_wx.errors import DataError

VALUES = np.array([[-3, -1, 0], [0.1, 2.5, 80]])
RATES = np.array([[np.nan, np.nan, 0], [0.1, 2.5, 80]])


def netcdf(path, name, values=VALUES, minutes=(0,), **attrs):
    """As wgrib2 writes it: rows from the south, longitudes from 0 to 360."""
    with netCDF4.Dataset(path, "w") as file:
        for dim, size in (("time", len(minutes)), ("latitude", 2), ("longitude", 3)):
            file.createDimension(dim, size)
        file.createVariable("time", "f8", ("time",)).units = "seconds since 1970-01-01 00:00:00.0"
        file["time"][:] = 1560124800 + 60 * np.array(minutes)
        file.createVariable("latitude", "f8", ("latitude",)).units = "degrees_north"
        file["latitude"][:] = 20.005, 20.015
        file.createVariable("longitude", "f8", ("longitude",)).units = "degrees_east"
        file["longitude"][:] = 230.005, 230.015, 230.025
        field = file.createVariable(name, "f4", ("time", "latitude", "longitude"), fill_value=9e20)
        field.setncatts(attrs)
        field[:] = values
    return path


def grib(path, *, minute=0, category=6, number=1, values=VALUES):
    """A message with the grid and the keys of the archive: rows from the north."""
    eccodes = pytest.importorskip("eccodes")
    message = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
    keys = {
        "centre": 161,
        "discipline": 209,
        "parameterCategory": category,
        "parameterNumber": number,
        "Ni": 3,
        "Nj": 2,
        "latitudeOfFirstGridPointInDegrees": 54.995,
        "longitudeOfFirstGridPointInDegrees": 230.005,
        "latitudeOfLastGridPointInDegrees": 54.985,
        "longitudeOfLastGridPointInDegrees": 230.025,
        "iDirectionIncrementInDegrees": 0.01,
        "jDirectionIncrementInDegrees": 0.01,
        "dataDate": 20190610,
        "dataTime": minute,
        "decimalPrecision": 1,
    }
    for key, value in keys.items():
        eccodes.codes_set(message, key, value)
    eccodes.codes_set_values(message, values.ravel().astype(float))
    content = eccodes.codes_get_message(message)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def opened(path, **options):
    return keras_wx.open_dataset("mrms", path=path, **options)


@pytest.mark.parametrize(
    ("name", "variable", "frames"),
    [
        ("mrms_preciprate_2min_20190610_x2.nc", "precip_rate", 36),
        ("mrms_qpe01h_20160920-22_x2.nc", "precip_amount", 72),
    ],
)
def test_real_files(shared_data, name, variable, frames):
    dataset = opened(shared_data / name)
    field = dataset["rain_rate"]
    assert field.dims == ("time", "lat", "lon")
    assert field.shape == (frames, 1750, 3500)
    assert field.attrs["units"] == "mm h-1"
    assert not field.variable._in_memory
    assert field.encoding["dtype"] == "uint16"
    assert spacing_km(field) == pytest.approx((2.22, 1.76), abs=0.01)
    with netCDF4.Dataset(shared_data / name) as file:
        plain = file[variable][3, 500:1000, 1500:2500].filled(np.nan)
    np.testing.assert_allclose(field[3, 500:1000, 1500:2500], plain, rtol=1e-6)
    assert np.nanmax(plain) > 5
    assert "Zhang et al. 2016" in dataset.attrs["citation"]


def test_rates_as_wgrib2_writes_them(tmp_path):
    path = netcdf(tmp_path / "a.nc", "PrecipRate_0mabovemeansealevel", units="mm/hr")
    dataset = opened(path)
    np.testing.assert_allclose(dataset["rain_rate"][0], RATES, rtol=1e-6)
    np.testing.assert_allclose(dataset["lon"], [-129.995, -129.985, -129.975])
    np.testing.assert_allclose(dataset["lat"], [20.005, 20.015])
    assert dataset["time"].values[0] == np.datetime64("2019-06-10T00:00")


def test_codes_are_masked_without_reading(tmp_path):
    for minute in (2, 0):
        name = tmp_path / f"MRMS_PrecipRate_00.00_20190610-00{minute:02d}00.nc"
        netcdf(name, "unknown", minutes=(minute,), units="unknown")
    field = opened(tmp_path)["rain_rate"]
    assert field.chunks is not None
    assert field["time"].values[1] - field["time"].values[0] == np.timedelta64(2, "m")
    np.testing.assert_allclose(field[1], RATES, rtol=1e-6)


def test_fields_that_a_converter_does_not_know(tmp_path):
    path = netcdf(tmp_path / "a.nc", "unknown", units="unknown")
    with pytest.raises(DataError, match=r"'unknown' \[unknown\]. units= says"):
        opened(path)
    np.testing.assert_allclose(opened(path, product="PrecipRate")["rain_rate"][0], RATES, rtol=1e-6)
    quarter = opened(path, product="RadarOnly_QPE_15M")["rain_rate"]
    np.testing.assert_allclose(quarter[0], RATES * 4, rtol=1e-6)


def test_reflectivity_below_zero_is_kept(tmp_path):
    values = np.array([[-999, -99, -5], [0, 20, 60]])
    name = "MergedReflectivityQCComposite_500mabovemeansealevel"
    field = opened(netcdf(tmp_path / "a.nc", name, values, units="dBZ"))["reflectivity"]
    np.testing.assert_allclose(field[0], [[np.nan, -99, -5], [0, 20, 60]])


def test_another_grid(tmp_path):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        for dim, size in (("time", 1), ("y", 2), ("x", 2)):
            file.createDimension(dim, size)
        file.createVariable("time", "f8", ("time",)).units = "minutes since 2019-06-10"
        file["time"][:] = 0
        file.createVariable("rain", "f4", ("time", "y", "x")).units = "mm/h"
    with pytest.raises(DataError, match=r"a grid of latitudes and longitudes.*'radar'"):
        opened(tmp_path / "a.nc")


@pytest.mark.parametrize(
    ("text", "name", "units"),
    [
        ("MRMS_PrecipRate_00.00_20190610-000000.grib2.gz", "PrecipRate", "mm h-1"),
        ("x/MRMS_RadarOnly_QPE_01H_00.00_2019.grib2", "RadarOnly_QPE_01H", "mm (60 min)"),
        ("MultiSensor_QPE_01H_Pass2_00.00", "MultiSensor_QPE_01H_Pass2", "mm (60 min)"),
        ("RadarOnly_QPE_15M", "RadarOnly_QPE_15M", "mm (15 min)"),
        ("MRMS_ReflectivityAtLowestAltitude_00.50", "ReflectivityAtLowestAltitude", "dBZ"),
        ("MergedReflectivityQCComposite_00.50", "MergedReflectivityQCComposite", "dBZ"),
    ],
)
def test_names_of_products(text, name, units):
    assert product_of(text)[:1] + product_of(text)[2:3] == (name, units)


def test_names_of_no_product():
    assert product_of("MRMS_EchoTop_18_00.50_20190610.grib2") is None


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_grib(tmp_path, suffix):
    for minute in (4, 0, 2):
        grib(tmp_path / f"MRMS_PrecipRate_{minute}.grib2{suffix}", minute=minute)
    dataset = opened(tmp_path)
    field = dataset["rain_rate"]
    assert field.dims == ("time", "lat", "lon")
    assert field.chunks is not None
    assert field.attrs["long_name"] == "PrecipRate"
    assert (np.diff(field["time"].values) == np.timedelta64(2, "m")).all()
    for frame in field:
        np.testing.assert_allclose(frame, RATES, atol=1e-5)
    np.testing.assert_allclose(dataset["lat"], [54.995, 54.985])
    np.testing.assert_allclose(dataset["lon"], [-129.995, -129.985, -129.975])


def test_grib_of_other_products(tmp_path):
    path = grib(tmp_path / "a.grib2", number=37)
    with pytest.raises(DataError, match=r"a.grib2.*parameter \(209, 6, 37\).*product='MultiSensor"):
        opened(path)
    field = opened(path, product="MultiSensor_QPE_01H_Pass2")["rain_rate"]
    np.testing.assert_allclose(field[0], RATES, atol=1e-5)
    path = grib(tmp_path / "RadarOnly_QPE_15M.grib2", number=45)
    np.testing.assert_allclose(opened(path)["rain_rate"][0], RATES * 4, atol=1e-4)


def test_grib_that_is_cut_off(tmp_path):
    path = grib(tmp_path / "a.grib2")
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(DataError, match=r"a.grib2: the message of \d+ bytes has no end"):
        opened(path)


def test_grib_without_its_library(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "eccodes", None)
    (tmp_path / "a.grib2").write_bytes(b"GRIB" + bytes(100) + b"7777")
    with pytest.raises(DataError, match=r"a.grib2: GRIB2 files need ecCodes: .pip install eccodes"):
        opened(tmp_path / "a.grib2")
