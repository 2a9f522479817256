"""NCEP air temperature: a small file in the layout of the archive, and the real one."""

import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.data.downscale import Onto
from keras_wx.errors import DataError


@pytest.fixture
def file(tmp_path):
    """Packed integers of hundredths, north up, four times a day."""
    rng = np.random.default_rng(0)
    time = np.datetime64("2013-01-01", "ns") + np.arange(40) * np.timedelta64(6, "h")
    values = rng.integers(24000, 31000, (40, 7, 8)) / 100
    xr.Dataset(
        {"air": (("time", "lat", "lon"), values, {"units": "degK", "level_desc": "Surface"})},
        coords={
            "time": time,
            "lat": ("lat", np.linspace(75, 60, 7), {"units": "degrees_north"}),
            "lon": ("lon", np.linspace(200, 217.5, 8), {"units": "degrees_east"}),
        },
    ).to_netcdf(
        tmp_path / "air.nc",
        encoding={"air": {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -32768}},
    )
    return tmp_path / "air.nc", values


def ncep(path, **options):
    return keras_wx.open_dataset("ncep_air", path=path, **options)


def block_mean(values, lat, factor=3):
    """Plain loops: means weighted by the area between circles of latitude."""
    half = abs(lat[1] - lat[0]) / 2
    area = np.sin(np.deg2rad(lat + half)) - np.sin(np.deg2rad(lat - half))
    rows, columns = len(lat) // factor, values.shape[-1] // factor
    means = np.empty((len(values), rows, columns))
    for row in range(rows):
        for column in range(columns):
            part = slice(row * factor, (row + 1) * factor)
            block = values[:, part, column * factor : (column + 1) * factor].mean(axis=-1)
            means[:, row, column] = np.average(block, axis=1, weights=area[part])
    return means


def test_six_hourly(file):
    path, values = file
    pair = ncep(path, step="6h")
    assert pair["air"].dims == ("time", "lat", "lon")
    assert not pair["air"].variable._in_memory
    np.testing.assert_allclose(pair["air"], values[:, :6, :6], rtol=1e-6)
    expected = block_mean(values, np.linspace(75, 60, 7))
    np.testing.assert_allclose(pair["coarse_air"], expected, rtol=1e-6)
    np.testing.assert_allclose(pair["coarse_lat"], [72.5, 65])
    np.testing.assert_allclose(pair["coarse_lon"], [202.5, 210])
    assert pair["air"].attrs["units"] == pair["coarse_air"].attrs["units"] == "K"


def test_daily_means(file):
    path, values = file
    pair = ncep(path)
    days = values.reshape(10, 4, 7, 8).mean(axis=1)
    np.testing.assert_allclose(pair["air"], days[:, :6, :6], rtol=1e-6)
    np.testing.assert_allclose(
        pair["coarse_air"], block_mean(days, np.linspace(75, 60, 7)), rtol=1e-6
    )
    assert pair["time"].values[1] == np.datetime64("2013-01-02")
    splits = [pair.attrs[f"split_{name}"] for name in ("train", "val", "test")]
    assert splits == ["2013-01-01/2013-01-06", "2013-01-07/2013-01-08", "2013-01-09/2013-01-10"]


def test_days_that_are_not_whole(file, tmp_path):
    path, values = file
    whole = xr.open_dataset(path)
    whole.isel(time=slice(2, 39)).to_netcdf(tmp_path / "cut.nc")
    cut = ncep(tmp_path / "cut.nc")
    assert cut.sizes["time"] == 8
    np.testing.assert_allclose(cut["air"][0], values[4:8, :6, :6].mean(axis=0), rtol=1e-6)
    whole.drop_isel(time=[17]).to_netcdf(tmp_path / "holed.nc")
    with pytest.raises(DataError, match=r"expected 4 frames in each day. 2013-01-05 has 3"):
        ncep(tmp_path / "holed.nc")


def test_the_coarse_series_on_the_fine_grid(file):
    path, _ = file
    pair, series = ncep(path, step="6h"), ncep(path, step="6h", series=True)
    assert set(series.data_vars) == {"air"}
    inner = {"lat": slice(70, 67), "lon": slice(204, 209)}
    coarse = pair["coarse_air"].rename(coarse_lat="lat", coarse_lon="lon").astype("float64")
    expected = coarse.interp(lat=pair["lat"], lon=pair["lon"]).sel(inner)
    np.testing.assert_allclose(series["air"].sel(inner), expected, rtol=1e-6)
    np.testing.assert_array_equal(series["lat"], pair["lat"])
    assert not np.isnan(series["air"].values).any()
    nearest = ncep(path, step="6h", series=True, method="nearest")
    np.testing.assert_array_equal(nearest["air"][:, ::3, ::3], pair["coarse_air"])


def test_what_is_refused(file, tmp_path):
    path, _ = file
    with pytest.raises(DataError, match=r"step: expected '1d' or '6h'. Received: step='3h'"):
        ncep(path, step="3h")
    with pytest.raises(DataError, match="factor: expected one from 1 to 7"):
        ncep(path, factor=9)
    xr.open_dataset(path).rename(air="slp").to_netcdf(tmp_path / "slp.nc")
    with pytest.raises(DataError, match="No variable 'air' in the data, which have slp"):
        ncep(tmp_path / "slp.nc")


def test_the_real_file(shared_data):
    path = shared_data / "ncep_air_2013-2014.nc"
    pair = ncep(path)
    assert dict(pair.sizes) == {
        "time": 730,
        "lat": 24,
        "lon": 51,
        "coarse_lat": 8,
        "coarse_lon": 17,
    }
    raw = xr.open_dataset(path)["air"]
    day = raw.sel(time="2014-07-04").mean("time").values[None, :24, :51]
    expected = block_mean(day, raw["lat"].values[:24].astype("float64"))
    np.testing.assert_allclose(pair["coarse_air"].sel(time="2014-07-04"), expected[0], rtol=1e-5)
    assert pair.attrs["split_test"] == "2014-09-01/2014-12-31"
    onto = Onto(pair["coarse_air"], pair["air"], "bilinear")
    frame = pair["coarse_air"][500]
    inner = frame.astype("float64").interp(coarse_lat=pair["lat"], coarse_lon=pair["lon"]).values
    known = np.isfinite(inner)
    assert known.sum() == 22 * 49
    np.testing.assert_allclose(onto(frame.values)[known], inner[known], rtol=1e-6)
