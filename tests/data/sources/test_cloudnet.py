"""Cloudnet: small files made in the layout of the real ones, and the real day."""

import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.data.sources.cloudnet import reflectivity_of_ice
from keras_wx.errors import DataError

REAL = "cloudnet_macehead_20190517_"
HEIGHTS = np.array([200.0, 400, 600, 800])


def write(tmp_path, *, ice=None, shift=0.0, **changes):
    """Two minutes of radar, three hours of model with T = 275 K - 6.5 K/km - 1 K/h."""
    times = np.datetime64("2019-05-17T01:30", "ns") + np.arange(4) * np.timedelta64(30, "s")
    ice = np.full((4, 4), -6.0) if ice is None else ice
    radar = xr.Dataset(
        {"log10_iwc": (("time", "height"), ice, {"units": "log10(kg m-3)"})},
        coords={
            "time": times + np.timedelta64(2, "ms"),
            "height": ("height", HEIGHTS, {"units": "m"}),
        },
        attrs={"license": "CC BY 4.0"},
    )
    hours = np.datetime64("2019-05-17T01", "ns") + np.arange(3) * np.timedelta64(1, "h")
    height = np.array([[3000.0, 1500, 1000, 700, 400, 100, 10]] * 3)  # the lowest level last
    elapsed = np.arange(3.0)[:, None]
    dims = ("time", "level")
    model = xr.Dataset(
        {
            "temperature": (dims, 275 - 0.0065 * height - elapsed + shift),
            "q": (dims, 1e-3 + 1e-7 * height),
            "uwind": (dims, 0.002 * height + 2 * elapsed),
            "vwind": (dims, -0.001 * height + 0 * elapsed),
            "height": (dims, height),
        },
        coords={"time": hours},
    )
    radar.to_netcdf(tmp_path / "iwc.nc")
    model.drop_vars(changes.get("without", [])).to_netcdf(tmp_path / "ecmwf.nc")
    return {"path": tmp_path / "iwc.nc", "model": tmp_path / "ecmwf.nc"}


def test_the_relation_is_taken_back():
    """Hogan et al. (2006), 35 GHz: log10(IWC) = 0.000242 Z T + 0.0699 Z - 0.0186 T - 1.63."""
    z, celsius = np.meshgrid([-40.0, -20, 0, 15], [-50.0, -20, 0])
    of_ice = z + 10 * np.log10(0.878 / 0.93)
    log10_grams = 0.000242 * of_ice * celsius + 0.0699 * of_ice - 0.0186 * celsius - 1.63
    found = reflectivity_of_ice(log10_grams - 3, celsius + 273.15)
    np.testing.assert_allclose(found, z, atol=1e-9)


def test_state_by_hand(tmp_path):
    curtain = keras_wx.open_dataset("cloudnet", **write(tmp_path))
    assert curtain["temperature"].dims == ("time", "height")
    np.testing.assert_array_equal(
        curtain["time"], np.datetime64("2019-05-17T01:30") + np.arange(4) * np.timedelta64(30, "s")
    )
    hours = 0.5 + np.arange(4)[:, None] / 120
    expected = {
        "temperature": 275 - 0.0065 * HEIGHTS - hours,
        "specific_humidity": 1e-3 + 1e-7 * HEIGHTS + 0 * hours,
        "eastward_wind": 0.002 * HEIGHTS + 2 * hours,
        "northward_wind": -0.001 * HEIGHTS + 0 * hours,
    }
    for name, field in expected.items():
        np.testing.assert_allclose(curtain[name], field, rtol=1e-5)
    assert curtain["specific_humidity"].attrs["units"] == "kg kg-1"
    assert curtain.attrs["license"] == "CC BY 4.0"


def test_no_ice_is_no_echo_and_melted_ice_is_unknown(tmp_path):
    """At half past one 0 degC is at (274.5 - 273.15) / 0.0065 = 208 m: between the lowest two."""
    ice = np.full((4, 4), -6.0)
    ice[:, 2] = -28.5
    curtain = keras_wx.open_dataset("cloudnet", **write(tmp_path, ice=ice))
    z = curtain["reflectivity"].values
    np.testing.assert_array_equal(np.isnan(z), np.tile([True, False, False, False], (4, 1)))
    np.testing.assert_allclose(curtain["blind_zone_top"], 300)
    assert (z[:, 2] == -60).all()
    celsius = curtain["temperature"].values[:, 1] - 273.15
    np.testing.assert_allclose(z[:, 1], reflectivity_of_ice(-6.0, celsius + 273.15), rtol=1e-5)


def test_all_frozen(tmp_path):
    curtain = keras_wx.open_dataset("cloudnet", **write(tmp_path, shift=-10))
    assert np.isfinite(curtain["reflectivity"]).all()
    np.testing.assert_array_equal(curtain["blind_zone_top"], 0)


def test_base(tmp_path):
    files = write(tmp_path)
    whole = keras_wx.open_dataset("cloudnet", **files)
    cut = keras_wx.open_dataset("cloudnet", **files, base=300)
    np.testing.assert_allclose(cut["height"], [100, 300, 500])
    np.testing.assert_array_equal(cut["reflectivity"], whole["reflectivity"][:, 1:])
    np.testing.assert_allclose(cut["temperature"], whole["temperature"][:, 1:])
    np.testing.assert_array_equal(cut["blind_zone_top"], 0)
    with pytest.raises(DataError, match=r"below the highest gate\. Received: base=9000"):
        keras_wx.open_dataset("cloudnet", **files, base=9000)


def test_files_that_do_not_fit(tmp_path):
    files = write(tmp_path, without=["uwind"])
    with pytest.raises(DataError, match="Missing: uwind"):
        keras_wx.open_dataset("cloudnet", **files)
    with pytest.raises(DataError, match="Expected ice water content of Cloudnet"):
        keras_wx.open_dataset("cloudnet", path=files["model"], model=files["model"])


def test_another_day_and_a_low_model(tmp_path):
    files = write(tmp_path)
    model = xr.open_dataset(files["model"])
    later = model.assign_coords(time=model["time"] + np.timedelta64(1, "D"))
    later.to_netcdf(tmp_path / "later.nc")
    with pytest.raises(DataError, match=r"known from 2019-05-18T01:00:00 to .* files of the same"):
        keras_wx.open_dataset("cloudnet", path=files["path"], model=tmp_path / "later.nc")
    model.isel(level=slice(3, None)).to_netcdf(tmp_path / "low.nc")
    with pytest.raises(DataError, match="reach up to 700 m, the radar to 800 m"):
        keras_wx.open_dataset("cloudnet", path=files["path"], model=tmp_path / "low.nc")


@pytest.fixture(scope="module")
def real(shared_data):
    files = {"path": f"{REAL}iwc.nc", "model": f"{REAL}ecmwf.nc"}
    files = {key: shared_data / name for key, name in files.items()}
    for path in files.values():
        if not path.exists():
            pytest.skip(f"real data not found: {path.name}")
    return files


def test_the_real_day(real):
    curtain = keras_wx.open_dataset("cloudnet", **real)
    z, levels = curtain["reflectivity"].values, xr.open_dataset(real["model"])
    assert dict(curtain.sizes) == {"time": 2880, "height": 498}
    np.testing.assert_array_equal(np.diff(curtain["time"].values), np.timedelta64(30, "s"))
    assert -60 <= np.nanmin(z) < np.nanmax(z) < 30
    assert 0.2 < (z > -60).mean() < 0.4
    # Linear between the model's own levels and hours, at places in between: cubic is not far off.
    for hour, height in ((3, 2000.0), (12, 5000.0), (20, 9000.0)):
        column = levels.isel(time=hour).sortby("height")
        place = curtain.sel(time=f"2019-05-17T{hour:02}:00:15").sel(height=height, method="nearest")
        for ours, theirs, off in (
            ("temperature", "temperature", 0.3),
            ("eastward_wind", "uwind", 0.5),
        ):
            expected = np.interp(float(place["height"]), column["height"], column[theirs])
            assert float(place[ours]) == pytest.approx(expected, abs=off)


def test_the_real_day_gives_samples_of_five_channels(real):
    from keras_wx.spec import read_sample

    grid = {"dims": ["height", "time"], "shape": [128, 128], "spacing": {"height": "78.125m"}}
    ranges = {
        "temperature": ("K", 180, 300),
        "specific_humidity": ("kg kg-1", 5.7e-8, 0.0115),
        "eastward_wind": ("m s-1", -30, 30),
        "northward_wind": ("m s-1", -30, 30),
    }
    cloud = {"name": "reflectivity", "units": "dBZ", "grid": "c", "transform": {"cloud": {}}}
    state = [
        {
            "name": name,
            "units": units,
            "grid": "c",
            "role": "input",
            "transform": {"linear": {"low": low, "high": high, "to": [-0.5, 1], "clip": False}},
        }
        for name, (units, low, high) in ranges.items()
    ]
    mask = {"name": "mask", "units": "1", "role": "mask", "grid": "c"}
    sample = read_sample(
        {
            "grids": {"c": grid},
            "blind_zone": {"height": 1250},
            "variables": [cloud | {"role": "input"}, *state, mask, cloud | {"role": "target"}],
        }
    )
    curtain = keras_wx.open_dataset("cloudnet", **real, base=1800)
    train = keras_wx.samples(curtain, sample, split="train", regrid=True, batch_size=2)
    x, y, weight = train[0]
    assert x.shape == (2, 128, 128, 6)
    assert np.isfinite(x).all()
    assert (abs(x) < 2).all()
    assert (weight[:, :16] == 1).all()
    assert y.shape == (2, 128, 128, 1)
    assert train.decorrelation_time.total_seconds() > 1800
