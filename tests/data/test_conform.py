import dask
import numpy as np
import pytest
import xarray as xr

from keras_wx.data.conform import conform
from keras_wx.errors import DataError
from keras_wx.spec import Sample


def sample(step="5min", spacing_km=1.0, name="reflectivity", units="dBZ", **more):
    records = [
        {"name": name, "units": units, "role": "input", "grid": "radar", "steps": [-4, 0]},
        {"name": name, "units": units, "role": "target", "grid": "radar", "steps": [1, 15]},
    ]
    grids = {"radar": {"shape": [64, 64], "spacing_km": spacing_km}}
    return Sample.model_validate(
        {"step": step, "grids": grids, "variables": records + more.pop("variables", [])} | more
    )


def radar(minutes=range(0, 50, 5), name="reflectivity", units="dBZ", spacing=1000.0, size=8):
    random = np.random.default_rng(0)
    values = random.uniform(5, 50, (len(minutes), size, size)).astype("float32")
    axis = {"units": "m"}
    return xr.Dataset(
        {name: (("time", "y", "x"), values, {"units": units, "long_name": "echo"})},
        coords={
            "time": np.datetime64("2016-09-28T14:00", "ns")
            + np.array(minutes) * np.timedelta64(1, "m"),
            "y": ("y", np.arange(size)[::-1] * spacing, axis),
            "x": ("x", np.arange(size) * spacing, axis),
        },
        attrs={"source": "a radar"},
    )


def refuse(*args, **kwargs):
    raise AssertionError("computed")


def test_what_fits_stays_as_it_is(tmp_path):
    packing = {"dtype": "uint8", "scale_factor": 0.5, "add_offset": -32.0, "_FillValue": 255}
    radar().assign(other=1.0).to_netcdf(tmp_path / "a.nc", encoding={"reflectivity": packing})
    dataset = xr.open_dataset(tmp_path / "a.nc")
    fitting = conform(dataset, sample())
    assert list(fitting.data_vars) == ["reflectivity"]
    assert fitting.attrs == {"source": "a radar"}
    assert fitting["reflectivity"].attrs == {"units": "dBZ", "long_name": "echo"}
    for key, value in packing.items():
        assert fitting["reflectivity"].encoding[key] == value
    assert not fitting["reflectivity"].variable._in_memory, "read although nothing was converted"
    xr.testing.assert_equal(fitting["reflectivity"], dataset["reflectivity"])


def test_dims_are_put_in_order():
    turned = radar().transpose("x", "time", "y")
    xr.testing.assert_equal(conform(turned, sample()), radar())


def test_a_grid_of_degrees_that_narrows_towards_the_pole_is_said():
    dataset = radar().rename(y="lat", x="lon")
    dataset = dataset.assign_coords(lat=55 - np.arange(8) * 5.0, lon=25 + np.arange(8) * 5.0)
    # cos(55)/cos(20) = 0.61
    with pytest.warns(UserWarning, match="61% as far apart"):
        conform(dataset, sample(), regrid=True)


def test_latitude_and_longitude():
    dataset = radar().rename(y="lat", x="lon")
    dataset = dataset.assign_coords(lat=60 - np.arange(8) * 0.01, lon=25 + np.arange(8) * 0.02)
    assert conform(dataset, sample(spacing_km=1.11))["reflectivity"].dims == ("time", "lat", "lon")


def test_variable_that_is_not_there():
    dataset = radar(name="temperature", units="K")
    with pytest.raises(
        DataError, match=r"needs variable 'reflectivity' \[dBZ\].*'temperature' \[K\]"
    ):
        conform(dataset, sample())
    with pytest.raises(DataError, match="no variables"):
        conform(dataset.drop_vars("temperature"), sample())


def test_mask_and_static_are_checked_and_a_calendar_is_not():
    records = [
        {"name": "terrain", "units": "m", "role": "static", "grid": "radar"},
        {"name": "season", "units": "1", "role": "calendar", "grid": "radar"},
    ]
    wanted = sample(variables=records)
    with pytest.raises(DataError, match="needs variable 'terrain'"):
        conform(radar(), wanted)
    dataset = radar()
    dataset["terrain"] = (("y", "x"), np.ones((8, 8)), {"units": "km"})
    fitting = conform(dataset, wanted, convert_units=True)
    assert sorted(fitting.data_vars) == ["reflectivity", "terrain"]
    assert fitting["terrain"].dims == ("y", "x")
    assert (fitting["terrain"] == 1000).all()


def test_rain_rate_keeps_coordinates_in_kilometres():
    rain = radar(name="rain_rate", units="mm h-1", spacing=1.0)
    for dim in ("y", "x"):
        rain[dim].attrs["units"] = "km"
    found = conform(rain, sample(), zr="marshall_palmer")
    assert found.y.attrs["units"] == "km"
    assert conform(rain, sample(spacing_km=2), zr="marshall_palmer", regrid=True).sizes["y"] == 4


@pytest.mark.parametrize("attrs", [{}, {"units": ""}])
def test_missing_units(attrs):
    dataset = radar()
    dataset["reflectivity"].attrs = attrs
    with pytest.raises(DataError, match=r"says no units.*attrs\['units'\] = 'dBZ'"):
        conform(dataset, sample())


@pytest.mark.parametrize(
    ("units", "message"),
    [("K", r"expected units 'dBZ', received 'K'"), ("dbzz", r"'dbzz' is no unit that can be read")],
)
def test_wrong_units(units, message):
    with pytest.raises(DataError, match=message):
        conform(radar(units=units), sample())


def test_other_spelling_of_the_units():
    dataset = radar(units="dBz")
    xr.testing.assert_equal(conform(dataset, sample()), dataset)


def test_convertible_units():
    dataset = radar(name="rain_rate", units="kg m-2 s-1")
    wanted = sample(name="rain_rate", units="mm/h")
    with pytest.raises(DataError, match=r"'mm/h', received 'kg m-2 s-1'.*convert_units=True"):
        conform(dataset, wanted)
    fitting = conform(dataset, wanted, convert_units=True)["rain_rate"]
    np.testing.assert_allclose(fitting, dataset["rain_rate"] * 3600, rtol=1e-6)
    assert fitting.attrs == {"units": "mm/h", "long_name": "echo"}
    assert fitting.dtype == "float32"


def test_rain_rate_to_reflectivity():
    dataset = radar(name="rr", units="mm h-1")
    dataset["rr"][0, 0, :2] = [0.0, np.nan]
    with pytest.raises(
        DataError, match=r"needs 'reflectivity' \[dBZ\].*'rr' \[mm h-1\].*zr='marsh"
    ):
        conform(dataset, sample())
    fitting = conform(dataset, sample(), zr="marshall_palmer")["reflectivity"]
    expected = 10 * np.log10(200 * dataset["rr"][1:] ** 1.6)
    np.testing.assert_allclose(fitting[1:], expected, rtol=1e-5)
    assert float(fitting[0, 0, 0]) == pytest.approx(-10), "no rain has no logarithm"
    assert np.isnan(fitting[0, 0, 1])
    assert fitting.attrs["units"] == "dBZ"
    # Rain in other units of the family takes the same way.
    other = dataset.assign(rr=(dataset["rr"] / 3600).assign_attrs(units="kg m-2 s-1"))
    xr.testing.assert_allclose(
        conform(other, sample(), zr="marshall_palmer")["reflectivity"], fitting, rtol=1e-5
    )


@pytest.mark.parametrize(("zr", "a", "b"), [("hko_7", 58.53, 1.56), ((300, 1.4), 300, 1.4)])
def test_reflectivity_to_rain_rate(zr, a, b):
    wanted = sample(name="rain_rate", units="mm h-1")
    fitting = conform(radar(), wanted, zr=zr)["rain_rate"]
    expected = (10 ** (radar()["reflectivity"] / 10) / a) ** (1 / b)
    np.testing.assert_allclose(fitting, expected, rtol=1e-4)
    assert fitting.attrs["units"] == "mm h-1"


@pytest.mark.parametrize("zr", ["marshal", (1,), (0, 1.6), 200])
def test_unknown_zr(zr):
    with pytest.raises(DataError, match=r"zr: expected one of.*'hko_7'.*Received: zr="):
        conform(radar(), sample(name="rain_rate", units="mm h-1"), zr=zr)


def test_units_that_are_a_number():
    dataset = radar(name="index", units=1)
    xr.testing.assert_equal(conform(dataset, sample(name="index", units="1")), dataset)
    with pytest.raises(DataError, match=r"'index' \[1\]"):
        conform(dataset, sample())


def test_wind_is_no_rain():
    dataset = radar(name="w", units="m s-1")
    with pytest.raises(DataError, match="needs variable 'reflectivity'"):
        conform(dataset, sample(), zr="marshall_palmer")


def test_time_that_runs_backwards():
    with pytest.raises(DataError, match="14:05:00 at index 3, which follows the later"):
        conform(radar(minutes=(0, 5, 10, 5)), sample())


def test_dates_are_missing():
    with pytest.raises(DataError, match="dimension 'time' without times"):
        conform(radar().drop_vars("time"), sample())


def test_other_step():
    with pytest.raises(DataError, match=r"step of 5min, the sample needs 10min. resample=True"):
        conform(radar(), sample(step="10min"))
    fitting = conform(radar(), sample(step="10min"), resample=True)
    xr.testing.assert_equal(fitting, radar().isel(time=slice(None, None, 2)))
    for resample in (False, True):  # the option cannot help here, and is not named
        with pytest.raises(DataError, match="shorter step") as error:
            conform(radar(), sample(step="2min"), resample=resample)
        assert "resample" not in str(error.value)
    xr.testing.assert_equal(conform(radar(), sample(step=None)), radar())


def test_other_spacing():
    with pytest.raises(DataError, match=r"spacing of 1 x 1 km .*needs 2 km. regrid=True"):
        conform(radar(), sample(spacing_km=2.0))
    fitting = conform(radar(units="mm h-1"), sample(spacing_km=2.0, units="mm h-1"), regrid=True)
    expected = radar().coarsen(y=2, x=2).mean()
    np.testing.assert_allclose(fitting["reflectivity"], expected["reflectivity"], rtol=1e-5)
    np.testing.assert_allclose(fitting["y"], expected["y"])
    for spacing_km in (1.04, 0.96, None):
        xr.testing.assert_equal(conform(radar(), sample(spacing_km=spacing_km)), radar())


def test_spacing_that_is_not_known():
    bare = radar().drop_vars(["y", "x"])
    with pytest.raises(DataError, match=r"spacing is not known.*needs 1 km.*spacing_km="):
        conform(bare, sample(), regrid=True)
    xr.testing.assert_equal(conform(bare, sample(spacing_km=None)), bare)


def degrees(latitudes):
    values = np.arange(24, dtype="float32").reshape(2, 4, 3)
    return xr.Dataset(
        {"rr": (("time", "lat", "lon"), values, {"units": "mm h-1"})},
        coords={
            "time": np.datetime64("2016-09-28", "ns") + np.arange(2) * np.timedelta64(5, "m"),
            "lat": ("lat", np.asarray(latitudes, float), {"units": "degrees_north"}),
            "lon": ("lon", [10.0, 11.0, 12.0], {"units": "degrees_east"}),
        },
    )


def in_rows(first_row, **grid):
    record = {"name": "rr", "units": "mm h-1", "grid": "map", "steps": [0, 0]}
    grid = {"dims": ["lat", "lon"], "first_row": first_row} | grid
    return Sample.model_validate(
        {
            "step": "5min",
            "grids": {"map": grid},
            "variables": [record | {"role": role} for role in ("input", "target")],
        }
    )


@pytest.mark.parametrize(
    ("latitudes", "first_row", "turned"),
    [
        ([50, 51, 52, 53], "north", True),
        ([53, 52, 51, 50], "north", False),
        ([53, 52, 51, 50], "south", True),
        ([-5, -4, -3, -2], "south", False),
        ([50, 51, 52, 53], None, False),
    ],
)
def test_rows_of_latitudes_are_turned_to_the_way_of_the_sample(latitudes, first_row, turned):
    data = degrees(latitudes)
    expected = data["rr"].values[:, ::-1] if turned else data["rr"].values
    with dask.config.set(scheduler=refuse):
        found = conform(data.chunk(time=1), in_rows(first_row))["rr"]
    np.testing.assert_array_equal(found.values, expected)
    np.testing.assert_array_equal(found["lat"].values, latitudes[::-1] if turned else latitudes)


def test_rows_of_a_projection_have_no_north():
    data = radar().isel(y=slice(None, None, -1))
    wanted = sample()
    grid = wanted.grids["radar"].model_copy(update={"first_row": "north"})
    xr.testing.assert_equal(
        conform(data, wanted.model_copy(update={"grids": {"radar": grid}})), data
    )


def test_a_curtain_keeps_its_own_axes():
    curtain = xr.Dataset(
        {"reflectivity": (("height", "time"), np.zeros((4, 6)), {"units": "dBZ"})},
        coords={
            "time": np.datetime64("2019-05-17", "ns") + np.arange(6) * np.timedelta64(4, "s"),
            "height": ("height", [39.0, 117.0, 195.0, 273.0], {"units": "m"}),
        },
    )
    records = [
        {"name": "reflectivity", "units": "dBZ", "role": role, "grid": "curtain"}
        for role in ("input", "target")
    ]
    wanted = Sample.model_validate(
        {"grids": {"curtain": {"dims": ["height", "time"]}}, "variables": records}
    )
    xr.testing.assert_equal(conform(curtain, wanted), curtain)


def test_a_name_on_two_grids():
    records = [
        {"name": "rain", "units": "mm", "role": "input", "grid": "coarse"},
        {"name": "rain", "units": "mm", "role": "target", "grid": "fine"},
    ]
    wanted = Sample.model_validate({"grids": {"coarse": {}, "fine": {}}, "variables": records})
    with pytest.raises(DataError, match="'rain' twice, on the grids 'coarse' and 'fine'"):
        conform(radar(name="rain", units="mm"), wanted)


def test_text_is_no_field():
    dataset = radar()
    dataset["reflectivity"] = dataset["reflectivity"].astype(str).assign_attrs(units="dBZ")
    with pytest.raises(DataError, match="expected numbers"):
        conform(dataset, sample())


@pytest.mark.parametrize("from_file", [False, True])
def test_every_conversion_at_once_stays_lazy(from_file, tmp_path):
    dataset = radar(name="rr", units="m h-1", size=16)
    wanted = sample(step="7.5min", spacing_km=2.5)
    options = {"regrid": True, "resample": True, "zr": "hko_7"}
    expected = conform(dataset, wanted, **options)
    assert expected["reflectivity"].sizes == {"time": 7, "y": 6, "x": 6}
    if from_file:
        dataset.to_netcdf(tmp_path / "a.nc")
        dataset = xr.open_dataset(tmp_path / "a.nc")
    else:
        dataset = dataset.chunk(time=3)
    with dask.config.set(scheduler=refuse):
        lazy = conform(dataset, wanted, **options)
    assert lazy["reflectivity"].chunks is not None
    assert lazy["reflectivity"].dtype == "float32"
    assert "dtype" not in lazy["reflectivity"].encoding, "packing of the file, no longer true"
    xr.testing.assert_allclose(lazy.compute(), expected)


def test_a_field_alone_is_no_dataset():
    with pytest.raises(DataError, match=r"dataset: expected an xarray.Dataset.*Received: str"):
        conform("radar.nc", sample())


def test_reflectivity_made_from_a_rate_has_no_name_of_a_rate():
    dataset = radar(name="rain_rate", units="mm h-1")
    dataset["rain_rate"].attrs |= {"standard_name": "rainfall_rate", "comment": "an amount"}
    attrs = conform(dataset, sample(), zr="marshall_palmer")["reflectivity"].attrs
    assert attrs["standard_name"] == "equivalent_reflectivity_factor"
    assert set(attrs) == {"standard_name", "long_name", "units"}
