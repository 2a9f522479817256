"""KAZR and ERA5: small files made in the layouts that ARM and the Climate Data Store document."""

import netCDF4
import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.errors import DataError

GATES = 160.0 + 30 * np.arange(340)


def write_kazr(path, day="2015-01-02", profiles=900, *, start=0, place=True, fill=True):
    """An ARSCL file: seconds since midnight, dBZ with -9999 where nothing is detected."""
    random = np.random.default_rng(int(day[-2:]))
    z = random.uniform(-50, 20, (profiles, GATES.size)).astype("float32")
    if fill:
        z[random.random(z.shape) < 0.5] = -9999
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        file.createDimension("height", GATES.size)
        time = file.createVariable("time", "f8", ("time",))
        time.units = f"seconds since {day} 00:00:00 0:00"
        time[:] = start + 4.0 * np.arange(profiles) + 0.001
        height = file.createVariable("height", "f4", ("height",))
        height.units, height.long_name = "m", "Height above ground level"
        height[:] = GATES
        field = file.createVariable("reflectivity_best_estimate", "f4", ("time", "height"))
        field.units, field.missing_value = "dBZ", np.float32(-9999)
        field[:] = z
        if place:
            for name, value in (("lat", 71.323), ("lon", -156.615), ("alt", 8.0)):
                file.createVariable(name, "f4")[...] = value
        file.datastream = "nsakazrarscl1kolliasC1.c1"
    return np.where(z == -9999, -60, z)


def write_era5(path, *, geopotential=True, hours=3, new=True, longitudes=(202.75, 203.25, 203.75)):
    """Temperature falls by 6.5 K/km and rises by 1 K/h; 37 levels of which the last are high."""
    pressure = np.array(
        [1000, 975, 950, 925, 900, 875, 850, 825, 800, 775, 750, 700, 650, 600, 550]
    )
    pressure = np.concatenate([pressure, [500, 450, 400, 350, 300, 250, 200, 100]]).astype(float)
    height = -7500 * np.log(pressure / 1010)
    latitudes = [71.5, 71.25, 71.0]
    shape = hours, pressure.size, 3, len(longitudes)
    ones = np.ones(shape)
    z = height[None, :, None, None] * ones
    elapsed = np.arange(hours)[:, None, None, None] * ones
    spot = np.zeros(shape)
    spot[:, :, 0], spot[:, :, 2], spot[..., 0], spot[..., 2] = 50, 50, 50, 50
    level = "pressure_level" if new else "level"
    time = "valid_time" if new else "time"
    dims = (time, level, "latitude", "longitude")
    fields = {
        "t": 260 - 0.0065 * z + elapsed + spot,
        "q": 1e-3 * np.exp(-z / 2500),
        "u": 0.001 * z,
        "v": -0.002 * z,
    }
    if geopotential:
        fields["z"] = 9.80665 * (z + 8.0)
    order = slice(None) if new else slice(None, None, -1)  # older files begin at the top
    xr.Dataset(
        {name: (dims, values[:, order]) for name, values in fields.items()},
        coords={
            time: np.datetime64("2015-01-02", "ns") + np.arange(hours) * np.timedelta64(1, "h"),
            level: pressure[order],
            "latitude": latitudes,
            "longitude": list(longitudes),
        },
    ).to_netcdf(path)


@pytest.fixture
def files(tmp_path):
    z = write_kazr(tmp_path / "kazr.nc", profiles=2000)
    write_era5(tmp_path / "era5.nc")
    return {"path": tmp_path / "kazr.nc", "era5": tmp_path / "era5.nc"}, z


def kazr(**options):
    return keras_wx.open_dataset("kazr_era5", **options)


def test_form(files):
    curtain = kazr(**files[0])
    assert list(curtain.data_vars) == [
        "reflectivity",
        "temperature",
        "specific_humidity",
        "eastward_wind",
        "northward_wind",
    ]
    assert dict(curtain.sizes) == {"time": 2000, "height": 128}
    np.testing.assert_allclose(curtain["height"], (np.arange(128) + 0.5) * 78.125)
    for field in curtain.data_vars.values():
        assert field.dims == ("time", "height")
        assert field.dtype == "float32"
        assert field.chunks is not None, "nothing is read yet"
    np.testing.assert_array_equal(np.diff(curtain["time"].values), np.timedelta64(4, "s"))
    assert curtain["time"].values[0] == np.datetime64("2015-01-02"), "a millisecond is rounding"


def test_each_row_has_its_nearest_gate(files):
    options, z = files
    rows = kazr(**options)["reflectivity"].values
    heights = (np.arange(128) + 0.5) * 78.125
    for row, height in enumerate(heights):
        if height < 160 - (30 + 78.125) / 2:
            assert np.isnan(rows[:, row]).all(), "below the lowest gate nothing was measured"
        else:
            np.testing.assert_array_equal(rows[:, row], z[:, abs(GATES - height).argmin()])
    assert (rows[:, 5] == -60).any(), "what was not detected is no echo"


def test_each_hour_counts_until_the_next(files):
    curtain = kazr(**files[0])
    hour = np.arange(2000) * 4 // 3600
    # Below the lowest level, at -7500 ln(1000 / 1010) m, its values are held.
    heights = np.maximum(curtain["height"].values, 74.63)
    # The grid point at 71.25 N, 203.25 E is the nearest; all others are 50 K warmer.
    np.testing.assert_allclose(
        curtain["temperature"], 260 - 0.0065 * heights + hour[:, None], atol=0.01
    )
    np.testing.assert_allclose(
        curtain["eastward_wind"], np.tile(0.001 * heights, (2000, 1)), atol=1e-3
    )
    humidity = 1e-3 * np.exp(-heights / 2500)
    np.testing.assert_allclose(curtain["specific_humidity"][0], humidity, rtol=2e-3)


def test_older_files_and_western_longitudes(tmp_path, files):
    write_era5(tmp_path / "old.nc", new=False, longitudes=(-157.25, -156.75, -156.25))
    old = kazr(path=files[0]["path"], era5=tmp_path / "old.nc")
    xr.testing.assert_allclose(old.compute(), kazr(**files[0]).compute())


def test_levels_without_heights_are_spread_as_published(tmp_path, files):
    """The lowest 20 levels, 1000 to 300 hPa, evenly over 10 km."""
    write_era5(tmp_path / "bare.nc", geopotential=False)
    curtain = kazr(path=files[0]["path"], era5=tmp_path / "bare.nc")
    pressure = [1000, 975, 950, 925, 900, 875, 850, 825, 800, 775, 750, 700, 650, 600, 550, 500]
    pressure = np.array([*pressure, 450, 400, 350, 300])
    wind = 0.001 * -7500 * np.log(pressure / 1010)
    expected = np.interp(curtain["height"], np.linspace(0, 10_000, 20), wind)
    np.testing.assert_allclose(curtain["eastward_wind"][0], expected, atol=0.1)


def test_reflectivity_alone(files):
    curtain = kazr(path=files[0]["path"])
    assert list(curtain.data_vars) == ["reflectivity"]


def test_days_in_any_order(tmp_path):
    second = write_kazr(tmp_path / "b.nc", "2015-01-03", 50)
    first = write_kazr(tmp_path / "a.nc", "2015-01-02", 50, start=86_400 - 200)
    curtain = kazr(path=[tmp_path / "b.nc", tmp_path / "a.nc"])
    np.testing.assert_array_equal(np.diff(curtain["time"].values), np.timedelta64(4, "s"))
    row, gate = 20, abs(GATES - 20.5 * 78.125).argmin()
    expected = np.concatenate([first[:, gate], second[:, gate]])
    np.testing.assert_array_equal(curtain["reflectivity"][:, row], expected)


def test_snow_below(files):
    """The lowest row is at 259.5, 260.5 and 261.5 K in the three hours: -13.6, -12.6, -11.6."""
    whole = kazr(**files[0])
    cold = kazr(**files[0], snow_below=-12)
    assert cold.sizes["time"] == 1800
    xr.testing.assert_identical(cold.compute(), whole.isel(time=slice(1800)).compute())
    assert kazr(**files[0], snow_below=2).sizes["time"] == 2000, "the paper's setting"
    with pytest.raises(DataError, match="no profile is below -30 degC"):
        kazr(**files[0], snow_below=-30)
    with pytest.raises(DataError, match="the temperature is that of ERA5"):
        kazr(path=files[0]["path"], snow_below=2)


def test_a_radar_that_does_not_say_where_it_is(tmp_path, files):
    write_kazr(tmp_path / "lost.nc", place=False)
    with pytest.raises(DataError, match=r"site=\(71.3, -156.6\)"):
        kazr(path=tmp_path / "lost.nc", era5=files[0]["era5"])
    found = kazr(path=tmp_path / "lost.nc", era5=files[0]["era5"], site=(71.323, -156.615))
    assert float(found["temperature"][0, 0]) == pytest.approx(259.5, abs=0.1)


def test_another_region_or_day(tmp_path, files):
    with pytest.raises(DataError, match="expected a region around latitude 45"):
        kazr(**files[0], site=(45.0, -156.6))
    write_kazr(tmp_path / "later.nc", "2015-02-02")
    with pytest.raises(DataError, match="known from 2015-01-02T00:00:00"):
        kazr(path=tmp_path / "later.nc", era5=files[0]["era5"])


def test_a_day_of_the_air_that_is_missing(tmp_path):
    """The hour before a gap would stand for a whole day."""
    for day in ("2015-01-02", "2015-01-03", "2015-01-04"):
        write_kazr(tmp_path / f"kazr_{day}.nc", day, profiles=60)
    for number in (0, 2):
        write_era5(tmp_path / "era5.nc")
        with xr.open_dataset(tmp_path / "era5.nc") as era5:
            later = era5["valid_time"] + np.timedelta64(number, "D")
            era5.assign_coords(valid_time=later).to_netcdf(tmp_path / f"era5_{number}.nc")
    options = {"era5": str(tmp_path / "era5_*.nc")}
    message = r"not known between 2015-01-02T02.* and 2015-01-04T00.*60 of .* at 2015-01-03T00"
    with pytest.raises(DataError, match=message):
        kazr(path=str(tmp_path / "kazr_*.nc"), **options)
    days = [tmp_path / f"kazr_2015-01-0{day}.nc" for day in (2, 4)]
    assert kazr(path=days, **options).sizes["time"] == 120


def test_other_layouts(tmp_path, files):
    xr.Dataset({"rain": ("time", [1.0])}, {"time": [np.datetime64("2015-01-02", "ns")]}).to_netcdf(
        tmp_path / "other.nc"
    )
    with pytest.raises(DataError, match="Expected ARSCL files of ARM"):
        kazr(path=tmp_path / "other.nc")
    era5 = xr.open_dataset(files[0]["era5"])
    for wrong, message in (
        (era5.drop_vars("q"), "Missing: q"),
        (era5.isel(pressure_level=0, drop=True), "expected levels named pressure_level or level"),
    ):
        wrong.to_netcdf(tmp_path / "wrong.nc")
        with pytest.raises(DataError, match=message):
            kazr(path=files[0]["path"], era5=tmp_path / "wrong.nc")
        (tmp_path / "wrong.nc").unlink()
