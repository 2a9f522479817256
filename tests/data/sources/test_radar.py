"""Reads files made by another library, real archives, and files that are wrong on purpose."""

import dask
import netCDF4
import numpy as np
import pytest
import xarray as xr
import zarr

import keras_wx
from keras_wx.data.conform import conform
from keras_wx.data.geometry import spacing_km
from keras_wx.data.timeaxis import time_step
from keras_wx.errors import DataError
from keras_wx.spec import Sample


def write(path, fields, *, minutes=(0, 5, 10), dims=("time", "y", "x"), shape=(4, 5), axes=None):
    """A NetCDF file with `fields`: name -> attributes, `dtype` and `values` among them."""
    with netCDF4.Dataset(path, "w") as file:
        for dim, size in zip(dims, (len(minutes), *shape), strict=True):
            file.createDimension(dim, size)
        time = file.createVariable("time", "i4", dims[:1])
        time.units = "minutes since 2016-09-28 14:00"
        time[:] = minutes
        for name, (values, attrs) in (axes or {}).items():
            file.createVariable(name, "f4", (name,))[:] = values
            file[name].setncatts(attrs)
        for name, attrs in fields.items():
            attrs = dict(attrs)
            values = attrs.pop("values", np.arange(len(minutes) * np.prod(shape)))
            dtype = attrs.pop("dtype", "f4")
            field = file.createVariable(name, dtype, dims, fill_value=attrs.pop("fill", None))
            field.set_auto_maskandscale(False)
            field[:] = np.reshape(values, (len(minutes), *shape))
            field.setncatts(attrs)
    return path


def opened(path, **options):
    return keras_wx.open_dataset("radar", path=path, **options)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a.nc"


# --- which variable, in which units


@pytest.mark.parametrize(
    ("attrs", "name", "factor"),
    [
        ({"units": "dBz"}, "reflectivity", 1),
        ({"units": "mm/h"}, "rain_rate", 1),
        ({"units": "kg m-2 s-1"}, "rain_rate", 3600),
        ({"units": "m s-1", "standard_name": "rainfall_rate"}, "rain_rate", 3.6e6),
        ({"units": "mm"}, "rain_rate", 12),
        ({"units": "kg m-2"}, "rain_rate", 12),
        ({"units": "mm (15 min)"}, "rain_rate", 4),
        ({"units": "mm/30min"}, "rain_rate", 2),
        ({"units": "m", "standard_name": "rainfall_amount"}, "rain_rate", 12000),
    ],
)
def test_units_become_the_conventional_ones(file, attrs, name, factor):
    field = opened(write(file, {"rain": attrs}))[name]
    np.testing.assert_allclose(field.values.ravel(), np.arange(60) * factor, rtol=1e-5)
    assert field.attrs["units"] == {"reflectivity": "dBZ", "rain_rate": "mm h-1"}[name]
    assert field.dims == ("time", "y", "x")


def test_change_of_units_goes_into_the_packing(file):
    attrs = {"units": "mm", "dtype": "u1", "scale_factor": 0.1, "add_offset": 0.5, "fill": 255}
    attrs |= {"values": [0, 10, 255, 20], "valid_max": np.uint8(100)}
    field = opened(write(file, {"rain": attrs}, minutes=(0,), shape=(2, 2)), step="5min")[
        "rain_rate"
    ]
    assert not field.variable._in_memory
    assert field.encoding["dtype"] == "uint8"
    assert field.encoding["scale_factor"] == pytest.approx(1.2)
    assert field.encoding["add_offset"] == pytest.approx(6)
    assert "valid_max" not in field.attrs, "was in the units of the file"
    np.testing.assert_allclose(field[0], [[6, 18], [np.nan, 30]])


def test_options_say_what_the_file_does_not(file):
    write(file, {"a": {"values": np.full(60, 2.0)}, "b": {"units": "K"}})
    with pytest.raises(DataError, match=r"a.nc.*'a' \[no units\], 'b' \[K\].*units="):
        opened(file)
    np.testing.assert_allclose(opened(file, variable="a", units="mm", step="6min")["rain_rate"], 20)
    with pytest.raises(DataError, match="No field 'c' in the file, which has 'a'"):
        opened(file, variable="c")
    with pytest.raises(DataError, match=r"units: expected dBZ.*Received 'K'"):
        opened(file, variable="a", units="K")


def test_two_variables_that_could_be_meant(file):
    write(file, {"raw": {"units": "dBZ"}, "clean": {"units": "dBZ"}})
    with pytest.raises(DataError, match=r"'raw' \[dBZ\], 'clean' \[dBZ\]. variable= names one"):
        opened(file)
    assert opened(file, variable="clean")["reflectivity"].dims == ("time", "y", "x")


def test_standard_name_and_name_decide(file):
    reflectivity = {"units": "dBZ", "standard_name": "equivalent_reflectivity_factor"}
    write(file, {"noise": {"units": "dBZ"}, "corrected": reflectivity | {"long_name": "this"}})
    assert opened(file)["reflectivity"].attrs["long_name"] == "this"
    write(file, {"noise": {"units": "dBZ"}, "DBZH": {"units": "dBZ", "long_name": "this"}})
    assert opened(file)["reflectivity"].attrs["long_name"] == "this"


def test_wind_and_height_are_no_rain(file):
    write(file, {"wind": {"units": "m s-1"}, "top": {"units": "m"}})
    with pytest.raises(DataError, match="Found no variable in dBZ"):
        opened(file)


def test_amount_in_an_unknown_interval(file):
    write(file, {"rain": {"units": "mm"}}, minutes=(0,))
    with pytest.raises(DataError, match=r"does not say in which interval.*step="):
        opened(file)
    assert opened(file, step="1h")["rain_rate"].attrs["comment"] == "amount in 1h, as a rate"


def test_bounds_of_the_times_are_the_interval(file):
    write(file, {"rain": {"units": "mm", "values": np.ones(60)}})
    with netCDF4.Dataset(file, "a") as more:
        more.createDimension("edge", 2)
        bounds = more.createVariable("time_bounds", "i4", ("time", "edge"))
        bounds[:] = [[-15, 0], [-10, 5], [-5, 10]]
        more["time"].bounds = "time_bounds"
    np.testing.assert_allclose(opened(file)["rain_rate"], 4)


# --- axes


def test_geographic_axes(file):
    axes = {
        "latitude": (50 - np.arange(4) * 0.1, {"units": "degrees_north"}),
        "longitude": (5 + np.arange(5) * 0.1, {"units": "degrees_in_some_projection"}),
    }
    write(file, {"rr": {"units": "mm/h"}}, dims=("time", "latitude", "longitude"), axes=axes)
    field = opened(file)["rain_rate"]
    assert field.dims == ("time", "lat", "lon")
    assert np.all(np.diff(field["lat"]) < 0), "kept as it runs"
    assert field["lon"].attrs["units"] == "degrees_east"
    assert spacing_km(field)[0] == pytest.approx(11.12, rel=1e-3)


def test_kilometres_become_metres(file):
    axes = {
        "x": (np.arange(5) * 2, {"units": "km", "axis": "X"}),
        "y": (np.arange(4) * 2, {"units": "km", "standard_name": "projection_y_coordinate"}),
    }
    field = opened(write(file, {"rr": {"units": "mm/h"}}, axes=axes))["rain_rate"]
    np.testing.assert_allclose(field["x"], np.arange(5) * 2000)
    assert field["y"].attrs["units"] == "m"
    assert spacing_km(field) == (2, 2)


def test_numbers_of_rows_are_no_distances(file):
    axes = {"y": (np.arange(4), {}), "x": (np.arange(5), {})}
    write(file, {"rr": {"units": "mm/h"}}, axes=axes)
    assert spacing_km(opened(file)["rain_rate"]) is None
    assert spacing_km(opened(file, spacing_km=2)["rain_rate"]) == (2, 2)
    assert spacing_km(opened(file, spacing_km=(1, 2))["rain_rate"]) == (1, 2)
    write(file, {"rr": {"units": "mm/h"}}, axes={"y": (np.arange(4)[::-1], {}), "x": axes["x"]})
    assert spacing_km(opened(file)["rain_rate"]) is None, "counted from the other end"


def test_axes_in_no_length(file):
    axes = {"y": (np.arange(4), {"units": "1"}), "x": (np.arange(5), {"units": "1"})}
    write(file, {"rr": {"units": "mm/h"}}, axes=axes)
    with pytest.raises(DataError, match=r"units of length.*received '1'.*spacing_km="):
        opened(file)
    assert spacing_km(opened(file, spacing_km=2)["rain_rate"]) == (2, 2)


def test_rotated_pole(file):
    axes = {
        "rlat": (np.arange(4) * 0.1, {"units": "degrees", "standard_name": "grid_latitude"}),
        "rlon": (np.arange(5) * 0.1, {"units": "degrees", "standard_name": "grid_longitude"}),
    }
    write(file, {"rr": {"units": "mm/h"}}, dims=("time", "rlat", "rlon"), axes=axes)
    dataset = xr.open_dataset(file).assign_coords(lat=(("rlat", "rlon"), np.full((4, 5), 47.0)))
    dataset.to_netcdf(file.with_name("b.nc"))
    field = opened(file.with_name("b.nc"))["rain_rate"]
    assert field.dims == ("time", "y", "x"), "a shifted pole's degrees are no latitudes"
    assert field["y"].attrs["standard_name"] == "grid_latitude"
    np.testing.assert_allclose(field["lat"], np.full((4, 5), 47.0))
    assert spacing_km(field) == pytest.approx((11.12, 11.12), rel=1e-3)


def test_grid_mapping_comes_along(file):
    axes = {"y": (np.arange(4), {"units": "km"}), "x": (np.arange(5), {"units": "km"})}
    write(file, {"rr": {"units": "mm/h", "grid_mapping": "crs"}}, axes=axes)
    assert "grid_mapping" not in opened(file)["rain_rate"].attrs, "the file does not hold it"
    with netCDF4.Dataset(file, "a") as data:
        data.createVariable("crs", "i4").grid_mapping_name = "polar_stereographic"
    field = opened(file)["rain_rate"]
    assert field.attrs["grid_mapping"] == "crs"
    assert field["crs"].attrs["grid_mapping_name"] == "polar_stereographic"
    assert "crs" not in opened(file, spacing_km=2)["rain_rate"].coords, "of other coordinates"


def test_without_coordinates_conform_says_what_to_do(file):
    wanted = Sample.model_validate(
        {
            "grids": {"radar": {"spacing_km": 1}},
            "variables": [
                {"name": "rain_rate", "units": "mm/h", "role": role, "grid": "radar"}
                for role in ("input", "target")
            ],
        }
    )
    write(file, {"rr": {"units": "mm/h"}})
    with pytest.raises(DataError, match=r"open_dataset\('radar', ..., spacing_km=...\)"):
        conform(opened(file), wanted)
    assert conform(opened(file, spacing_km=1), wanted)["rain_rate"].shape == (3, 4, 5)


def test_other_names_of_the_time(file):
    write(file, {"rr": {"units": "mm/h"}}, dims=("frame", "y", "x"))
    assert time_step(opened(file)["time"].values).total_seconds() == 300
    xr.open_dataset(file).rename(time="valid").to_netcdf(file.with_name("b.nc"))
    dataset = opened(file.with_name("b.nc"))
    assert dataset["rain_rate"].dims == ("time", "y", "x")
    with pytest.raises(DataError, match="time='rr': expected a variable of dates"):
        opened(file, time="rr")


def test_two_times_that_could_be_meant(file):
    write(file, {"rr": {"units": "mm/h"}}, dims=("frame", "y", "x"))
    dataset = xr.open_dataset(file).rename(time="observed")
    dataset["received"] = dataset["observed"] + np.timedelta64(2, "m")
    dataset.to_netcdf(file.with_name("b.nc"))
    with pytest.raises(DataError, match=r"\['observed', 'received'\].*time= names it"):
        opened(file.with_name("b.nc"))
    dataset = opened(file.with_name("b.nc"), time="received")
    assert str(dataset["time"].values[0]).startswith("2016-09-28T14:02")


@pytest.mark.parametrize(("unit", "minutes"), [("days", 1440), ("hours", 60)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_times_in_fractions_are_equally_far_apart(file, unit, minutes, dtype):
    later = 0 if dtype == "f4" else 1000
    times = (later + np.arange(40) * 5 / minutes).astype(dtype)
    with netCDF4.Dataset(write(file, {"rr": {"units": "mm/h"}}, minutes=range(40)), "a") as data:
        data.renameVariable("time", "old")
        data.createVariable("fraction", dtype, ("time",)).units = f"{unit} since 2016-01-01"
        data["fraction"][:] = times
    steps = np.diff(opened(file, time="fraction")["time"].values)
    assert set(steps.astype("timedelta64[ns]").astype(int)) == {300 * 10**9}


def test_times_between_the_seconds_stay_there(file):
    with netCDF4.Dataset(write(file, {"rr": {"units": "mm/h"}}), "a") as data:
        data.createVariable("fine", "f8", ("time",)).units = "seconds since 2016-01-01"
        data["fine"][:] = [0.0, 0.25, 0.5]
    assert time_step(opened(file, time="fine")["time"].values).total_seconds() == 0.25


def test_another_calendar(file):
    with netCDF4.Dataset(write(file, {"rr": {"units": "mm/h"}}), "a") as data:
        data["time"].calendar = "noleap"
    with pytest.raises(DataError, match=r"a.nc.*'noleap'.*convert_calendar"):
        opened(file)
    converted = xr.open_dataset(file).convert_calendar("standard")
    assert time_step(converted["time"].values).total_seconds() == 300


def test_no_times(file):
    xr.Dataset({"rr": (("t", "y", "x"), np.zeros((2, 3, 3)), {"units": "mm/h"})}).to_netcdf(file)
    with pytest.raises(DataError, match=r"dates along the frames. Found none.*time="):
        opened(file)


def test_levels(file):
    write(file, {"z": {"units": "dBZ"}})
    one = xr.open_dataset(file).expand_dims("level", 1).assign_coords(level=[2000.0])
    one.to_netcdf(file.with_name("one.nc"))
    assert opened(file.with_name("one.nc"))["reflectivity"].dims == ("time", "y", "x")
    xr.concat([one, one.assign_coords(level=[3000.0])], "level").to_netcdf(file.with_name("two.nc"))
    with pytest.raises(DataError, match=r"'level'.*isel"):
        opened(file.with_name("two.nc"))


def test_positions_of_points_come_along(file):
    write(file, {"rr": {"units": "mm/h"}})
    dataset = xr.open_dataset(file)
    dataset["lat"] = (("y", "x"), np.full((4, 5), 57.0))
    dataset.to_netcdf(file.with_name("b.nc"))
    assert opened(file.with_name("b.nc"))["rain_rate"]["lat"].dims == ("y", "x")


# --- files


def test_several_files_in_any_order(tmp_path):
    names = [tmp_path / f"{hour}.nc" for hour in (2, 0, 1)]
    for name in names:
        start = int(name.stem) * 60
        write(
            name,
            {"rr": {"units": "mm/h", "values": np.full(60, start)}},
            minutes=start + np.arange(3) * 5,
        )
    for path in (names, tmp_path, str(tmp_path / "*.nc"), [str(tmp_path / "[01].nc"), names[0]]):
        field = opened(path)["rain_rate"]
        assert field.chunks is not None
        assert field[:, 0, 0].values.tolist() == [0, 0, 0, 60, 60, 60, 120, 120, 120]
        assert np.all(np.diff(field["time"]) > np.timedelta64(0))


def test_a_file_without_frames_among_others(tmp_path):
    write(tmp_path / "a.nc", {"rr": {"units": "mm/h"}}, minutes=())
    write(tmp_path / "b.nc", {"rr": {"units": "mm/h"}})
    assert opened(tmp_path)["rain_rate"].sizes["time"] == 3


def test_one_frame_a_file(tmp_path):
    for minute in (5, 0):
        dataset = xr.Dataset(
            {"rr": (("y", "x"), np.full((3, 3), minute), {"units": "mm/h"})},
            coords={"time": np.datetime64("2016-09-28T14:00", "ns") + np.timedelta64(minute, "m")},
        )
        dataset.to_netcdf(tmp_path / f"{minute}.nc")
    assert opened(tmp_path)["rain_rate"][:, 0, 0].values.tolist() == [0, 5]
    assert opened(tmp_path / "5.nc")["rain_rate"].sizes["time"] == 1


def test_files_that_are_packed_differently(tmp_path):
    for number, scale in enumerate((0.5, 0.25)):
        attrs = {"units": "mm/h", "dtype": "u1", "scale_factor": scale, "values": np.full(60, 8)}
        write(tmp_path / f"{number}.nc", {"rr": attrs}, minutes=number * 60 + np.arange(3) * 5)
    field = opened(tmp_path)["rain_rate"]
    assert field[:, 0, 0].values.tolist() == [4, 4, 4, 2, 2, 2]
    assert "scale_factor" not in field.encoding, "true of one file only"


def test_files_of_different_grids(tmp_path):
    for number in (4, 5):
        write(tmp_path / f"{number}.nc", {"rr": {"units": "mm/h"}}, shape=(number, 5))
    with pytest.raises(DataError, match="do not fit together"):
        opened(tmp_path)


def test_no_such_file(tmp_path):
    with pytest.raises(DataError, match=r"No such file.*none.nc.*path="):
        opened(tmp_path / "none.nc")
    with pytest.raises(DataError, match="folder with files named"):
        opened(tmp_path)
    with pytest.raises(DataError, match="empty list"):
        opened([])


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("engine", [None, "h5netcdf"])
def test_file_that_is_cut_off(shared_data, tmp_path, share, engine):
    whole = (shared_data / "openmrg_rad_20150827.nc").read_bytes()
    cut = tmp_path / "cut.nc"
    cut.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(
        DataError, match=r"Cannot read .*cut.nc \([\d,]+ bytes\).*download it again"
    ):
        opened(cut, engine=engine)


def test_file_of_another_kind(tmp_path):
    other = tmp_path / "a.nc"
    other.write_text("not a NetCDF file")
    with pytest.raises(DataError, match="neither NetCDF nor Zarr") as error:
        opened(other)
    assert "see:" not in str(error.value)  # the beginning of xarray's advice


def test_wrong_options(file):
    write(file, {"rr": {"units": "mm/h"}})
    with pytest.raises(DataError, match=r"expected a time such as '5min'.*received 'soon'"):
        opened(file, step="soon")
    with pytest.raises(DataError, match="radar"):
        opened(file, spacing_km=(1, 2, 3))


@pytest.mark.parametrize("version", [2, 3])
def test_zarr(tmp_path, version):
    store = tmp_path / "a.zarr"
    dataset = opened(write(tmp_path / "a.nc", {"rr": {"units": "mm/h"}}), spacing_km=1)
    dataset.to_netcdf(tmp_path / "b.nc")
    xr.open_dataset(tmp_path / "b.nc").to_zarr(
        store, zarr_format=version, consolidated=version == 2
    )
    xr.testing.assert_equal(opened(store), dataset)
    xr.testing.assert_equal(opened(str(store), chunks={}).compute(), dataset)


def test_archive_larger_than_memory(tmp_path):
    """Two tebibytes, of which the store holds two chunks."""
    frames, size = 500_000, 1024
    root = zarr.open_group(tmp_path / "big.zarr", mode="w", zarr_format=3)
    rain = root.create_array(
        "rr",
        shape=(frames, size, size),
        chunks=(1, 512, 512),
        dtype="float32",
        fill_value=0.0,
        dimension_names=("time", "y", "x"),
        attributes={"units": "mm/h"},
    )
    rain[70_000, :512] = 3.0
    time = root.create_array("time", shape=(frames,), dtype="int64", dimension_names=("time",))
    time.attrs["units"] = "minutes since 2000-01-01"
    time[:] = np.arange(frames) * 5
    wanted = Sample.model_validate(
        {
            "step": "10min",
            "grids": {"radar": {"spacing_km": 4}},
            "variables": [
                {"name": "reflectivity", "units": "dBZ", "role": role, "grid": "radar"}
                for role in ("input", "target")
            ],
        }
    )
    dataset = opened(tmp_path / "big.zarr", chunks={"time": 20_000}, spacing_km=1)
    assert dataset["rain_rate"].nbytes > 1.9 * 2**40
    assert dataset["rain_rate"].chunks is not None
    few = dataset.isel(time=slice(69_998, 70_003))
    fitting = conform(few, wanted, regrid=True, resample=True, zr="marshall_palmer")
    frame = fitting["reflectivity"].sel(time=few["time"][2]).values
    assert frame.shape == (256, 256)
    np.testing.assert_allclose(frame[:128], 10 * np.log10(200 * 3.0**1.6), rtol=1e-5)
    np.testing.assert_allclose(frame[128:], -10, rtol=1e-5)


# --- real archives


@pytest.mark.parametrize(
    ("name", "options", "variable", "scale", "spacing", "step"),
    [
        ("fmi_20160928.nc", {"spacing_km": 1}, "reflectivity", 1, (1, 1), 5),
        ("openmrg_rad_20150827.nc", {}, "rain_rate", 1, (2, 2), 5),
        ("openrainer_rad_20220917.nc", {}, "rain_rate", 4, (1, 1), 15),
        ("dwd_yw_20170816.nc", {"spacing_km": 1}, "rain_rate", 12, (1, 1), 5),
        ("mrms_preciprate_2min_20190610_x2.nc", {}, "rain_rate", 1, (2.224, 1.764), 2),
        ("mrms_qpe01h_20160920-22_x2.nc", {}, "rain_rate", 1, (2.224, 1.764), 60),
        (
            "taasrad19_64x64_2015-10_2017-01.nc",
            {"spacing_km": 3.75},
            "reflectivity",
            1,
            (3.75, 3.75),
            5,
        ),
    ],
)
def test_real_archives(shared_data, name, options, variable, scale, spacing, step):
    if not (shared_data / name).exists():
        pytest.skip(f"real data not found: {name}")
    dataset = opened(shared_data / name, **options)
    field = dataset[variable]
    assert not field.variable._in_memory
    assert dataset.attrs["source"]
    assert spacing_km(field) == pytest.approx(spacing, rel=2e-3)
    assert time_step(dataset["time"].values).total_seconds() == step * 60
    with netCDF4.Dataset(shared_data / name) as file:
        stored = max(file.variables.values(), key=lambda v: v.ndim)
        packing = {key: stored.getncattr(key) for key in stored.ncattrs()}
        stored.set_auto_maskandscale(False)
        numbers = stored[3].astype("float64")
    numbers[numbers == packing.get("_FillValue", -1)] = np.nan
    physical = numbers * packing["scale_factor"] + packing.get("add_offset", 0)
    np.testing.assert_allclose(field[3].values, physical * scale, rtol=1e-6, atol=1e-12)


def test_real_archive_is_regridded_lazily(shared_data):
    if not (shared_data / "mrms_preciprate_2min_20190610_x2.nc").exists():
        pytest.skip("real data not found: mrms_preciprate_2min_20190610_x2.nc")
    dataset = opened(shared_data / "mrms_preciprate_2min_20190610_x2.nc")
    wanted = Sample.model_validate(
        {
            "step": "6min",
            "grids": {"radar": {"spacing_km": 3.75}},
            "variables": [
                {"name": "reflectivity", "units": "dBZ", "role": role, "grid": "radar"}
                for role in ("input", "target")
            ],
        }
    )

    def refuse(*args, **kwargs):
        raise AssertionError("computed")

    with dask.config.set(scheduler=refuse):
        fitting = conform(dataset, wanted, regrid=True, resample=True, zr="marshall_palmer")
    assert fitting["reflectivity"].sizes["time"] == 12
    frame = fitting["reflectivity"].isel(time=2).values
    assert 0.2 < np.isnan(frame).mean() < 0.5, "35 % of the area has no coverage"
    assert 30 < np.nanmax(frame) < 75


def test_a_named_step_rounds_times_that_scatter(tmp_path):
    path = tmp_path / "scans.nc"
    write(path, {"dbz": {"units": "dBZ"}}, minutes=(1, 59, 121), axes={})
    radar = keras_wx.open_dataset("radar", path=path, step="1h", spacing_km=1)
    whole = np.datetime64("2016-09-28T14:00", "ns") + np.arange(3) * np.timedelta64(1, "h")
    np.testing.assert_array_equal(radar.time.values, whole)
    assert len(np.unique(np.diff(keras_wx.open_dataset("radar", path=path).time.values))) == 2


@pytest.mark.parametrize("name", ["dwd", "fmi"])
def test_a_cut_out_of_a_national_grid_without_coordinates(name, tmp_path):
    """One rule and one message; a file that has coordinates is where they say."""
    times = np.datetime64("2017-08-16", "ns") + np.arange(2) * np.timedelta64(5, "m")
    field = xr.DataArray(
        np.zeros((2, 30, 20), "f4"), {"time": times}, ("time", "y", "x"), attrs={"units": "dBZ"}
    )
    field.to_dataset(name="reflectivity").to_netcdf(tmp_path / "cut.nc")
    with pytest.raises(
        DataError, match=r"Expected coordinates, or a whole .* x .*: 30 x 20 .*'rad"
    ):
        keras_wx.open_dataset(name, path=tmp_path / "cut.nc")
    metres = {axis: 500.0 * np.arange(field.sizes[axis]) for axis in "yx"}
    field.assign_coords(metres).to_dataset(name="reflectivity").to_netcdf(tmp_path / "placed.nc")
    placed = keras_wx.open_dataset(name, path=tmp_path / "placed.nc")
    np.testing.assert_array_equal(placed["x"], metres["x"])
