"""MRMS hourly precipitation: a small file made like the real one, and the real one."""

import resource

import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.errors import DataError


def write(path, hours=72, step=60):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 400, (hours, 18, 21)) * 0.05
    values[3, 2, 5] = 900.0
    values[:, :, -6:] = np.nan
    values[:, :2, 8:10] = np.nan
    time = np.datetime64("2016-09-20", "ns") + np.arange(hours) * np.timedelta64(step, "m")
    xr.Dataset(
        {"precip_amount": (("time", "lat", "lon"), values, {"units": "mm"})},
        coords={
            "time": time,
            "lat": ("lat", 54.99 - 0.02 * np.arange(18), {"units": "degrees_north"}),
            "lon": ("lon", -129.99 + 0.02 * np.arange(21), {"units": "degrees_east"}),
        },
    ).to_netcdf(
        path,
        encoding={"precip_amount": {"dtype": "uint16", "scale_factor": 0.05, "_FillValue": 65535}},
    )
    return values


def hourly(path, **options):
    return keras_wx.open_dataset("mrms_hourly", path=path, **options)


def test_form_and_means(tmp_path):
    values = write(tmp_path / "a.nc")
    pair = hourly(tmp_path / "a.nc", factor=4)
    assert dict(pair.sizes) == {
        "time": 72,
        "lat": 16,
        "lon": 20,
        "coarse_lat": 4,
        "coarse_lon": 5,
    }
    assert not pair["rain_rate"].variable._in_memory
    clipped = np.minimum(values, 150)
    np.testing.assert_allclose(pair["rain_rate"], clipped[:, :16, :20], rtol=1e-6)
    weights = np.cos(np.deg2rad(54.99 - 0.02 * np.arange(4)))
    first = clipped[3, :4, 4:8]
    expected = np.average(first.mean(axis=1), weights=weights)
    assert float(pair["coarse_rain_rate"][3, 0, 1]) == pytest.approx(expected, rel=1e-5)
    # A quarter of a block is missing: the mean of the rest. All of it: missing.
    block, heavy = clipped[0, :4, 8:12], np.repeat(weights[:, None], 4, axis=1)
    known = ~np.isnan(block)
    expected = (block[known] * heavy[known]).sum() / heavy[known].sum()
    assert float(pair["coarse_rain_rate"][0, 0, 2]) == pytest.approx(expected, rel=1e-5)
    assert np.isnan(pair["coarse_rain_rate"].values[:, :, -1]).all()
    assert pair["rain_rate"].attrs["units"] == "mm h-1"
    assert float(hourly(tmp_path / "a.nc", clip=5)["rain_rate"].max()) == 5
    assert pair.attrs["split_test"] == "2016-09-22T00:00:00/2016-09-22T23:00:00"
    assert pair.attrs["split_val"] == "2016-09-21T16:00:00/2016-09-21T23:00:00"


def test_what_is_refused(tmp_path):
    write(tmp_path / "half.nc", step=30)
    with pytest.raises(DataError, match="Expected hourly amounts, received a step of 30min"):
        hourly(tmp_path / "half.nc")
    with pytest.raises(DataError, match=r"clip: expected mm/h above 0. Received: clip=0"):
        hourly(tmp_path / "half.nc", clip=0)


@pytest.mark.slow
def test_the_real_file_is_never_in_memory(shared_data):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pair = hourly(shared_data / "mrms_qpe01h_20160920-22_x2.nc")
    assert dict(pair.sizes) == {
        "lat": 1744,
        "lon": 3496,
        "time": 72,
        "coarse_lat": 218,
        "coarse_lon": 437,
    }
    hour = pair.isel(time=40).compute()
    assert float(hour["rain_rate"].max()) <= 150
    raw = xr.open_dataset(shared_data / "mrms_qpe01h_20160920-22_x2.nc")["precip_amount"][40]
    block = raw[800:808, 1600:1608].values
    weights = np.cos(np.deg2rad(raw["lat"].values[800:808].astype("float64")))
    if np.isfinite(block).all():
        expected = np.average(np.minimum(block, 150).mean(axis=1), weights=weights)
        assert float(hour["coarse_rain_rate"][100, 200]) == pytest.approx(expected, rel=1e-4)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    assert grown < 1, f"reading one hour took {grown:.1f} GiB"
