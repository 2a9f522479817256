"""MERRA-2 and G5NR: files made in the layouts that their archives document."""

import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.data.downscale import Fields
from keras_wx.data.sources._daily import as_periods
from keras_wx.data.sources._dust_splits import dust_splits
from keras_wx.data.splits import split_periods
from keras_wx.errors import DataError, PresetError, UnknownNameError
from keras_wx.spec import Sample

MERRA_LAT, MERRA_LON = np.arange(28, 45.5, 0.5), np.arange(58.75, 82, 0.625)
# Every eighth point of the grid of G5NR: a sixteenth of a degree would be large for a test.
G5NR_LAT, G5NR_LON = np.arange(28.0625, 45, 0.5), np.arange(59.03125, 82, 0.5)
DAY = np.timedelta64(1, "D")


def dust(days, lat, lon, *, start, frames=1, seed=0):
    """Optical depths; hourly files are stamped half past."""
    rng = np.random.default_rng(seed)
    step = DAY.astype("m8[ns]") // frames
    time = np.datetime64(start, "ns") + np.arange(days * frames) * step
    time = time + (step // 2 if frames > 1 else np.timedelta64(0, "ns"))
    values = rng.lognormal(-3, 1, (days * frames, lat.size, lon.size)).astype("float32")
    return xr.Dataset(
        {
            "DUEXTTAU": (
                ("time", "lat", "lon"),
                values,
                {"long_name": "Dust Extinction AOT [550 nm]", "units": "1"},
            ),
            "TOTEXTTAU": (("time", "lat", "lon"), values * 2, {"units": "1"}),
        },
        coords={
            "time": ("time", time),
            "lat": ("lat", lat, {"units": "degrees_north"}),
            "lon": ("lon", lon, {"units": "degrees_east"}),
        },
    )


@pytest.fixture
def files(tmp_path):
    """Daily files of both, MERRA-2 from the fifth day of G5NR's fixed record."""
    merra = dust(70, MERRA_LAT, MERRA_LON, start="2005-05-10")
    g5nr = dust(60, G5NR_LAT, G5NR_LON, start="2005-05-15", seed=1)
    merra.to_netcdf(tmp_path / "merra2.nc4")
    g5nr.to_netcdf(tmp_path / "g5nr.nc4")
    return {"merra2": tmp_path / "merra2.nc4", "g5nr": tmp_path / "g5nr.nc4"}, merra, g5nr


def opened(files, **options):
    return keras_wx.open_dataset("merra2_g5nr", **(files | options))


def inside(field, margin=0):
    """The area A0, by its published limits."""
    lat = np.flatnonzero((field.lat >= 29.223) & (field.lat <= 43.406))
    lon = np.flatnonzero((field.lon >= 60.308) & (field.lon <= 80.427))
    lat, lon = (slice(part[0] - margin, part[-1] + 1 + margin) for part in (lat, lon))
    return field.isel(lat=lat, lon=lon)


def test_form(files):
    paths, merra, g5nr = files
    found = opened(paths)
    assert set(found.data_vars) == {"dust_optical_depth", "coarse_dust_optical_depth"}
    assert found.sizes["time"] == 60
    fine = inside(g5nr["DUEXTTAU"])
    coarse = inside(merra["DUEXTTAU"], margin=1).isel(time=slice(5, 65))
    np.testing.assert_array_equal(found["dust_optical_depth"], fine)
    np.testing.assert_array_equal(found["coarse_dust_optical_depth"], coarse)
    assert not found["dust_optical_depth"].variable._in_memory
    assert found.attrs["area"] == "A0"
    assert found["dust_optical_depth"].attrs["units"] == "1"


def test_hourly_and_half_hourly_files(tmp_path):
    """One file a day, as MERRA-2's tavg1_2d_aer_Nx and G5NR's come."""
    expected = {}
    for name, frames, lat, lon in (
        ("merra2", 24, MERRA_LAT, MERRA_LON),
        ("g5nr", 48, G5NR_LAT, G5NR_LON),
    ):
        whole = dust(4, lat, lon, start="2006-01-01", frames=frames, seed=frames)
        for day in range(4):
            part = whole.isel(time=slice(day * frames, (day + 1) * frames))
            part.to_netcdf(tmp_path / f"{name}.2006010{day + 1}.nc4")
        shape = 4, frames, lat.size, lon.size
        expected[name] = whole["DUEXTTAU"].values.reshape(shape).mean(axis=1)
    found = opened(
        {name: str(tmp_path / f"{name}.*.nc4") for name in expected}, area=None, split_days=False
    )
    np.testing.assert_allclose(found["dust_optical_depth"], expected["g5nr"], rtol=1e-5)
    np.testing.assert_allclose(found["coarse_dust_optical_depth"], expected["merra2"], rtol=1e-5)
    assert found["time"].values[1] == np.datetime64("2006-01-02")


def test_days_without_dates(files, tmp_path):
    """MERRA-2 counts from 2000-01-01, G5NR from 1,961 days later."""
    _, merra, g5nr = files
    first = (np.datetime64("2005-05-10") - np.datetime64("2000-01-01")) // DAY
    merra.assign_coords(time=first + np.arange(70)).to_netcdf(tmp_path / "m.nc")
    g5nr.drop_vars("time").to_netcdf(tmp_path / "g.nc")
    numbered = opened({"merra2": tmp_path / "m.nc", "g5nr": tmp_path / "g.nc"})
    xr.testing.assert_equal(numbered.compute(), opened(files[0]).compute())


def test_the_series_of_the_transfer_network(files):
    paths, merra, g5nr = files
    alone = opened({"merra2": paths["merra2"]})
    np.testing.assert_array_equal(alone["dust_optical_depth"], inside(merra["DUEXTTAU"]))
    series = opened(paths, series=True)
    assert set(series.data_vars) == {"dust_optical_depth"}
    fine = inside(g5nr["DUEXTTAU"])
    expected = merra["DUEXTTAU"].sel(lat=fine.lat, lon=fine.lon, method="nearest")
    np.testing.assert_array_equal(series["dust_optical_depth"], expected)
    assert series.sizes["time"] == 70


def test_days_beyond_g5nr(files):
    found = opened(files[0], beyond_fine=True)
    assert found.sizes["time"] == 70
    assert np.isnan(found["dust_optical_depth"].values[65:]).all()
    assert np.isfinite(found["coarse_dust_optical_depth"].values).all()


def days_of(periods):
    return {
        day
        for start, end in periods
        for day in np.arange(start.astype("M8[D]"), end.astype("M8[D]") + DAY)
    }


@pytest.mark.parametrize("season", [None, "DJF", "JJA"])
def test_the_published_split(season):
    days = np.datetime64("2005-05-15") + np.arange(763)
    attrs = dust_splits(days, season, 1007715536)
    assert attrs == dust_splits(days, season, 1007715536)
    assert attrs != dust_splits(days, season, 1)
    parts = {
        name: days_of(periods)
        for name, periods in split_periods(days.astype("M8[ns]"), attrs=attrs).items()
    }
    train, val, test = (parts[name] for name in ("train", "val", "test"))
    assert not train & val
    assert not train & test
    assert not val & test
    assert min(test) > days[40]
    assert min(train | val) >= days[40]
    assert len(val) == round(0.2 * len(train | val))
    months = {"DJF": {12, 1, 2}, "JJA": {6, 7, 8}, None: set(range(1, 13))}[season]
    season_days = [day for day in days if (day.astype("M8[M]").astype(int) % 12 + 1) in months]
    assert test <= set(season_days)
    if season is None:
        assert len(test) == round(0.1 * (763 - 41))
        assert len(train | val | test) == 763 - 40
    else:
        nearest = [min(abs((day - other) // DAY) for other in season_days) for day in train | val]
        assert max(nearest) == 45
        held_out = days_of(
            split_periods(days.astype("M8[ns]"), attrs=dust_splits(days, None, 1007715536))["test"]
        )
        assert test == held_out & set(season_days), "all seasons hold out the same days"


def test_periods():
    days = np.array(["2005-01-01", "2005-01-02", "2005-02-01", "2005-02-03"], "M8[D]")
    expected = "2005-01-01/2005-01-02,2005-02-01/2005-02-01,2005-02-03/2005-02-03"
    assert as_periods(days) == expected


def test_samples_and_statistics_by_season_and_area(files):
    dust = {
        "units": "1",
        "transform": [{"log": {"floor": 1e-6}}, {"minmax": {}}],
        "statistics_by": ["season", "area"],
    }
    sample = Sample.model_validate(
        {
            "step": "1d",
            "layout": "channels",
            "grids": {
                "fine": {"dims": ["lat", "lon"], "shape": [16, 16]},
                "coarse": {"dims": ["coarse_lat", "coarse_lon"], "onto": "fine"},
            },
            "variables": [
                dust
                | {
                    "name": "dust_optical_depth",
                    "role": "input",
                    "grid": "fine",
                    "steps": [-40, -1],
                },
                dust | {"name": "coarse_dust_optical_depth", "role": "input", "grid": "coarse"},
                dust | {"name": "dust_optical_depth", "role": "target", "grid": "fine"},
            ],
        }
    )
    pair = opened(files[0], season="JJA")
    fitted = keras_wx.data.fit_statistics(sample, pair)
    history = fitted.inputs[0]
    train = days_of(split_periods(pair["time"].values, attrs=pair.attrs)["train"])
    assert set(history.statistics) == {"JJA/A0"}
    summer = pair["dust_optical_depth"].sel(time=sorted(train))
    logs = np.log10(np.maximum(summer.values, 1e-6))
    expected = {"low": logs.min(), "high": logs.max()}
    assert history.statistics["JJA/A0"] == pytest.approx(expected, rel=1e-5)
    # The first days have a history in May, of which the training part of this record has none.
    with pytest.raises(PresetError, match="no statistics of 'MAM/A0'"):
        Fields(pair, fitted).x(np.array([45]), np.array([[0, 0]]), (16, 16))


def test_what_is_refused(files, tmp_path):
    paths, merra, _ = files
    with pytest.raises(UnknownNameError, match=r"area: 'A2'.*'A0'"):
        opened(paths, area="A2")
    with pytest.raises(UnknownNameError, match=r"season: 'MMA'.*'MAM'"):
        opened(paths, season="MMA")
    with pytest.raises(DataError, match=r"Area A1 reaches from 10.65 to 37.643 along 'lat', and"):
        opened(paths, area="A1")
    merra.drop_vars("DUEXTTAU").to_netcdf(tmp_path / "other.nc")
    with pytest.raises(DataError, match=r"other.nc: expected 'DUEXTTAU' .*TOTEXTTAU"):
        opened(paths, merra2=tmp_path / "other.nc")
    with pytest.raises(DataError, match="60 days in common has none for 'train' in DJF"):
        opened(paths, season="DJF")
