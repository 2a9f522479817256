"""Pairs of two CF datasets: what they become, and what is said of those that do not fit."""

import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.data.downscale import Fields
from keras_wx.errors import DataError
from keras_wx.spec import Sample

LAT, LON = np.linspace(44, 40, 9), np.linspace(0, 6, 13)


def gridded(lat, lon, days=20, *, name="t2m", seed=0, units="K", start="2010-01-01", **more):
    rng = np.random.default_rng(seed)
    time = np.datetime64(start, "ns") + np.arange(days) * np.timedelta64(1, "D")
    values = rng.uniform(260, 300, (days, lat.size, lon.size)).astype("float32")
    return xr.Dataset(
        {name: (("time", "latitude", "longitude"), values, {"units": units})},
        coords={
            "time": time,
            "latitude": ("latitude", lat, {"units": "degrees_north"}),
            "longitude": ("longitude", lon, {"units": "degrees_east"}),
        },
        attrs={"institution": "nowhere"},
    ).assign(**more)


def fine(**options):
    return gridded(LAT, LON, **options)


def coarse(**options):
    """Latitudes ascend, longitudes are counted from 0, where the fine grid's may be negative."""
    return gridded(
        np.array([39.0, 41, 43, 45]), np.array([-1.0, 1, 3, 5, 7]), **({"seed": 1} | options)
    )


def pair(first=None, second=None, **options):
    first = fine() if first is None else first
    second = coarse() if second is None else second
    return keras_wx.open_dataset("paired", fine=first, coarse=second, **options)


def test_form():
    first, second = fine(), coarse()
    found = pair(first, second, area="A0")
    assert found["t2m"].dims == ("time", "lat", "lon")
    assert found["coarse_t2m"].dims == ("time", "coarse_lat", "coarse_lon")
    np.testing.assert_array_equal(found["t2m"], first["t2m"])
    np.testing.assert_array_equal(found["coarse_t2m"], second["t2m"])
    np.testing.assert_array_equal(found["coarse_lat"], second["latitude"])
    assert found["coarse_lon"].attrs["units"] == "degrees_east"
    assert found["lat"].attrs["standard_name"] == "latitude"
    assert found.attrs == {"institution": "nowhere", "area": "A0"}


def test_from_files_and_lazily(tmp_path):
    first, second = fine(), coarse()
    first.isel(time=slice(8)).to_netcdf(tmp_path / "fine_1.nc")
    first.isel(time=slice(8, None)).to_netcdf(tmp_path / "fine_2.nc")
    second.to_netcdf(tmp_path / "coarse.nc")
    found = pair(str(tmp_path / "fine_*.nc"), tmp_path / "coarse.nc")
    assert not found["t2m"].variable._in_memory
    assert not found["coarse_t2m"].variable._in_memory
    xr.testing.assert_equal(found.compute(), pair(first, second))


def test_samples_of_a_pair():
    linear = {"transform": {"linear": {"low": 250, "high": 300}}, "units": "K"}
    sample = Sample.model_validate(
        {
            "step": "1d",
            "layout": "channels",
            "grids": {
                "fine": {"dims": ["lat", "lon"]},
                "coarse": {"dims": ["coarse_lat", "coarse_lon"], "onto": "fine"},
            },
            "variables": [
                linear | {"name": "coarse_t2m", "role": "input", "grid": "coarse"},
                linear | {"name": "t2m", "role": "target", "grid": "fine"},
            ],
        }
    )
    found = pair()
    fields = Fields(found, sample)
    window = np.arange(20), np.zeros((20, 2), int), (9, 13)
    (x, _), (y, _) = fields.x(*window), fields.y(*window)
    # Of two points at the same distance, that at the lower coordinate.
    points = {"coarse_lat": found["lat"] - 1e-6, "coarse_lon": found["lon"] - 1e-6}
    nearest = found["coarse_t2m"].sel(points, method="nearest")
    np.testing.assert_allclose(x[..., 0], (nearest - 250) / 50, rtol=1e-5)
    np.testing.assert_allclose(y[..., 0], (found["t2m"] - 250) / 50, rtol=1e-5)


def test_variables_that_are_kept():
    first = fine(name="rain", land=(("latitude", "longitude"), np.ones((9, 13))))
    second = coarse().assign(w=coarse(name="w", seed=5)["w"])
    found = pair(first, second)
    assert set(found.data_vars) == {"rain", "land", "t2m", "w"}
    assert found["land"].dims == ("lat", "lon")
    found = pair(first, second, fine_variables=["rain"], coarse_variables=["w"])
    assert set(found.data_vars) == {"rain", "w"}
    with pytest.raises(DataError, match=r"coarse: No variable 'v' in the data, which have t2m, w"):
        pair(first, second, coarse_variables=["v"])


def test_days_match_by_their_date():
    second = coarse(days=30, start="2009-12-28T12:00")
    found = pair(fine(), second)
    assert found.sizes["time"] == 20
    np.testing.assert_array_equal(found["time"], fine()["time"])
    np.testing.assert_array_equal(found["coarse_t2m"], second["t2m"][4:24])


def test_days_beyond_the_fine_record():
    second = coarse(days=30, start="2009-12-28")
    found = pair(fine().chunk(time=4), second, beyond_fine=True)
    assert found.sizes["time"] == 30
    np.testing.assert_array_equal(found["coarse_t2m"], second["t2m"])
    np.testing.assert_array_equal(found["t2m"][4:24], fine()["t2m"])
    assert np.isnan(found["t2m"].values[:4]).all()
    assert np.isnan(found["t2m"].values[24:]).all()


def test_elevation_of_a_finer_chart():
    """A plane comes back as it was; its chart is 16 times finer and counted from 0 to 360."""
    lat = np.linspace(38, 46, 8 * 32 + 1)
    lon = np.arange(-2, 8, 1 / 32)

    def plane(north, east):
        return 100 * north + 10 * east

    chart = xr.DataArray(
        plane(*np.meshgrid(lat, lon, indexing="ij")).astype("float32"),
        dims=("lat", "lon"),
        coords={"lat": lat, "lon": lon % 360},
        name="z",
        attrs={"units": "m"},
    )
    found = pair(elevation=chart)["elevation"]
    expected = plane(*np.meshgrid(LAT, LON, indexing="ij"))
    np.testing.assert_allclose(found, expected, atol=1)
    assert found.attrs["units"] == "m"
    km = (chart.isel(lat=slice(None, None, 20), lon=slice(None, None, 20)) / 1000).to_dataset()
    km["z"].attrs["units"] = "km"
    np.testing.assert_allclose(pair(elevation=km)["elevation"], expected, atol=1)
    with pytest.raises(DataError, match="'z' does not cover the fine one of 't2m'"):
        pair(elevation=chart.sel(lat=slice(41, None)))
    with pytest.raises(DataError, match="elevation: expected metres, received units 'K'"):
        pair(elevation=chart.assign_attrs(units="K"))


def test_elevation_that_ends_with_the_grid():
    """Its cells end where those of the grid do: there are no others to average."""
    step = 0.5 / 10
    lat = np.arange(40 - 0.25 + step / 2, 44.25, step)
    lon = np.arange(-0.25 + step / 2, 6.25, step)
    height = 100 * lat[:, None] + 10 * lon
    chart = xr.DataArray(
        height, dims=("lat", "lon"), coords={"lat": lat, "lon": lon}, attrs={"units": "m"}
    )
    expected = 100 * LAT[:, None] + 10 * LON
    np.testing.assert_allclose(pair(elevation=chart)["elevation"], expected, atol=3)


def test_exchanged():
    with pytest.raises(DataError, match=r"Received points 0.5 x 0.5 apart.*exchanged"):
        keras_wx.open_dataset(
            "paired",
            fine=gridded(np.array([41.0, 43]), np.array([1.0, 3, 5])),
            coarse=fine(seed=1),
        )


def test_dates_of_cftime_in_the_usual_calendar():
    times = xr.date_range("2010-01-01", periods=20, calendar="standard", use_cftime=True)
    found = pair(fine().assign_coords(time=times), coarse().assign_coords(time=times))
    xr.testing.assert_equal(found.drop_encoding(), pair().drop_encoding())


def test_units_that_differ():
    celsius = coarse(units="degC")
    celsius["t2m"] -= 273.15
    celsius["t2m"].attrs["units"] = "degC"
    with pytest.raises(DataError, match=r"'t2m' differ within the pair: fine 'K', coarse 'degC'"):
        pair(second=celsius)
    found = pair(second=celsius, convert_units=True)
    np.testing.assert_allclose(found["coarse_t2m"], coarse()["t2m"], rtol=1e-6)
    assert found["coarse_t2m"].attrs["units"] == "K"
    with pytest.raises(DataError, match=r"coarse 'mm'. dataset\['t2m'\].attrs"):
        pair(second=coarse(units="mm"), convert_units=True)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            coarse().convert_calendar("noleap"),
            r"pair differ: fine 'standard', coarse 'noleap'.*con",
        ),
        (
            coarse().convert_calendar("360_day", align_on="date"),
            "fine 'standard', coarse '360_day'",
        ),
        (
            coarse().isel(latitude=slice(2, 4)),
            r"'coarse_t2m' does not cover.*'lat' its cells reach from ",
        ),
        (coarse(start="2012-01-01"), r"no time in common: fine 2010-01-01.*, coarse 2012-01-01"),
        (coarse().isel(time=slice(0)), r"no time in common: fine 2010-01-01.*, coarse none"),
        (
            coarse().assign_coords(
                time=np.datetime64("2010-01-01", "ns") + np.arange(20) * np.timedelta64(6, "h")
            ),
            "steps of the pair differ: fine 1d, coarse 6h",
        ),
        (
            coarse().rename(latitude="level").drop_vars("level"),
            "coarse: Expected one dimension along y",
        ),
    ],
    ids=["noleap", "360_day", "smaller", "later", "none", "6h", "dims"],
)
def test_pairs_that_do_not_fit(second, message):
    with pytest.raises(DataError, match=message):
        pair(second=second)


def test_a_calendar_in_a_file(tmp_path):
    """Both of a calendar that is not the standard one are said to be so."""
    for name, dataset in (("fine", fine()), ("coarse", coarse())):
        dataset.convert_calendar("noleap").to_netcdf(tmp_path / f"{name}.nc")
    with pytest.raises(DataError, match=r"are not the standard one: fine 'noleap', coarse 'nol"):
        pair(tmp_path / "fine.nc", tmp_path / "coarse.nc")


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"coarse: No such file: .*nothing.nc"):
        pair(second=tmp_path / "nothing.nc")
