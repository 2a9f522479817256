"""`predict` with models whose forecasts are known by heart."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr
from small_models import START, STEP, Climb, climb, preset_of, radar_of, random_radar

import keras_wx
from keras_wx.errors import DataError, ModelError
from keras_wx.inference import output
from keras_wx.inference.blocks import Batches

GRAY = {"linear": {"low": -10, "high": 60}}


def minutes(*numbers):
    return np.array(numbers) * np.timedelta64(1, "m").astype("timedelta64[ns]")


def test_times_values_and_names_by_hand():
    """From the frames of 15:05 and 15:10, three forecast frames: 15:15, 15:20, 15:25."""
    radar = radar_of([[[10, 20], [0, 0]], [[11, 21], [0, 0]], [[12, 22], [-10, 2]]])
    forecast = keras_wx.predict(climb(slope=0.1, transform=GRAY), radar)
    field = forecast["reflectivity"]
    assert field.dims == ("init_time", "lead_time", "y", "x")
    assert field.dtype == np.float32
    assert field.attrs["units"] == "dBZ"
    assert forecast.init_time.values.tolist() == [(START + 2 * STEP).astype(int)]
    np.testing.assert_array_equal(forecast.lead_time, minutes(5, 10, 15))
    np.testing.assert_array_equal(forecast.valid_time, [START + minutes(15, 20, 25)])
    # 0.1 of the 70 dBZ between black and white is 7 dBZ a step.
    expected = [[[19, 29], [-3, 9]], [[26, 36], [4, 16]], [[33, 43], [11, 23]]]
    np.testing.assert_allclose(field[0], expected, rtol=1e-5)


def test_coordinates_and_attributes():
    radar = random_radar(3, (4, 5))
    latitude = (("y", "x"), 60 + 0.01 * np.arange(20.0).reshape(4, 5), {"units": "degrees_north"})
    radar = radar.assign_coords(lat=latitude, quality=("time", [1, 2, 3]))
    radar["crs"] = ((), 0, {"grid_mapping_name": "polar_stereographic"})
    radar["reflectivity"].attrs |= {
        "long_name": "lowest CAPPI",
        "grid_mapping": "crs",
        "valid_max": 60,
    }
    forecast = keras_wx.predict(climb(), radar)
    for name in ("y", "x", "lat", "crs"):
        xr.testing.assert_identical(
            forecast[name].variable.to_base_variable(), radar[name].variable.to_base_variable()
        )
    assert set(forecast.coords) == {
        *("init_time", "lead_time", "valid_time"),
        *("y", "x", "lat", "crs"),
    }
    assert forecast["reflectivity"].attrs == {
        "units": "dBZ",
        "long_name": "lowest CAPPI",
        "grid_mapping": "crs",
    }
    assert forecast["init_time"].attrs["standard_name"] == "forecast_reference_time"
    assert forecast["lead_time"].attrs["standard_name"] == "forecast_period"
    assert forecast.attrs["model"] == "small"
    assert forecast.attrs["Conventions"].startswith("CF-")
    assert (forecast.attrs["source"], forecast.attrs["license"]) == ("made up", "CC0")
    assert "history" not in forecast.attrs


def test_latitude_and_longitude_keep_their_names():
    radar = random_radar(2, (4, 5)).rename(y="lat", x="lon")
    radar = radar.assign_coords(
        lat=("lat", 46 - 0.009 * np.arange(4), {"units": "degrees_north"}),
        lon=("lon", 11 + 0.009 / np.cos(np.deg2rad(46)) * np.arange(5), {"units": "degrees_east"}),
    )
    forecast = keras_wx.predict(climb(), radar.transpose("lon", "time", "lat"))
    assert forecast["reflectivity"].dims == ("init_time", "lead_time", "lat", "lon")
    np.testing.assert_array_equal(forecast["reflectivity"][0, 0], radar["reflectivity"][-1])


def test_a_forecast_survives_netcdf(tmp_path):
    forecast = keras_wx.predict(climb(), random_radar(), init_times="all")
    forecast.to_netcdf(tmp_path / "forecast.nc")
    with xr.open_dataset(tmp_path / "forecast.nc") as read:
        xr.testing.assert_identical(read.load(), forecast)


def test_persistence_of_the_zoo_repeats_the_last_frame_at_the_step_of_the_data():
    radar = random_radar(4)
    forecast = keras_wx.predict(keras_wx.load("persistence"), radar, init_times="all")
    assert forecast.sizes["init_time"] == 4
    np.testing.assert_array_equal(forecast.lead_time, minutes(*range(5, 80, 5)))
    for lead in (0, 14):
        np.testing.assert_array_equal(forecast["reflectivity"][:, lead], radar["reflectivity"])


@pytest.mark.parametrize("stored", [False, True])
def test_a_grid_without_coordinates(tmp_path, stored):
    values = np.arange(24, dtype="float32").reshape(2, 3, 4)
    times = START + np.arange(2) * STEP
    radar = xr.Dataset(
        {"reflectivity": (("time", "y", "x"), values, {"units": "dBZ"})}, coords={"time": times}
    )
    path = tmp_path / "forecast.zarr" if stored else None
    forecast = keras_wx.predict(keras_wx.load("persistence", output_frames=2), radar, path=path)
    assert forecast.reflectivity.dims == ("init_time", "lead_time", "y", "x")
    np.testing.assert_array_equal(forecast.reflectivity[0], np.stack([values[1]] * 2))


def test_another_horizon():
    radar = random_radar(4)
    forecast = keras_wx.predict(keras_wx.load("persistence"), radar, output_frames=20)
    np.testing.assert_array_equal(forecast.lead_time, minutes(*range(5, 105, 5)))
    np.testing.assert_array_equal(forecast["reflectivity"][0, 19], radar["reflectivity"][-1])


@pytest.mark.parametrize("batch_size", [1, 3, 4, 100])
def test_many_start_times_give_what_single_ones_give(batch_size):
    model, radar = climb(slope=0.5), random_radar(9)
    many = keras_wx.predict(model, radar, init_times="all", batch_size=batch_size)
    assert many.sizes["init_time"] == 8
    shapes = {batch.shape for batch in model.batches}
    assert len(shapes) == 1
    assert len(model.batches) == -(-8 // batch_size)
    single = [keras_wx.predict(model, radar, init_times=t) for t in many.init_time.values]
    xr.testing.assert_identical(many, xr.concat(single, "init_time", data_vars="minimal"))


@pytest.mark.parametrize("options", [{"tile": 4}, {"tile": (5, 3), "overlap": 2, "batch_size": 5}])
def test_tiles_of_a_model_that_looks_at_one_point_give_what_the_whole_gives(options):
    model, radar = climb(slope=0.5), random_radar(5)
    whole = keras_wx.predict(model, radar, init_times="all")
    model.batches.clear()
    tiled = keras_wx.predict(model, radar, init_times="all", **options)
    assert len(model.batches) > 1
    assert len({batch.shape for batch in model.batches}) == 1
    xr.testing.assert_allclose(tiled, whole, rtol=1e-6)


def test_several_variables_are_channels_in_the_order_of_the_preset():
    model = climb(names=("reflectivity", "height"))
    model.forecast = lambda x: np.repeat((x[:, -1:, ..., :1] + 2 * x[:, -1:, ..., 1:]), 3, axis=1)
    radar = random_radar(3)
    radar["height"] = radar["reflectivity"] * 0 + 100
    forecast = keras_wx.predict(model, radar)
    np.testing.assert_allclose(forecast["reflectivity"][0, 2], radar["reflectivity"][-1] + 200)


def test_variables_with_other_steps_are_arrays_by_name():
    model = climb(names=("reflectivity", "wind"))
    first, second, target = model.preset.sample.variables
    variables = (first, second.model_copy(update={"steps": (0, 0)}), target)
    sample = model.preset.sample.model_copy(update={"variables": variables})
    model.preset = model.preset.model_copy(update={"sample": sample})
    radar = random_radar(3)
    radar["wind"] = radar["reflectivity"] + 1
    keras_wx.predict(model, radar, tile=4)
    (batch, *_) = model.batches
    assert {name: x.shape[1:] for name, x in batch.items()} == {
        "reflectivity": (2, 4, 4, 1),
        "wind": (1, 4, 4, 1),
    }
    np.testing.assert_allclose(batch["wind"][:, 0], batch["reflectivity"][:, -1] + 1)


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        ((9, 1, 8), (5, 5)),  # 5 + 4, not 8 + 1
        ((3, 5, 4), (1, 3)),  # each start time as 3 + 2 tiles
        ((10, 3, 8), (2, 6)),
        ((1, 1, 8), (1, 1)),
    ],
)
def test_batches_are_divided_evenly(work, expected):
    assert tuple(Batches.plan(*work)) == expected


def test_verify_takes_the_forecast():
    """Persistence of a field that climbs by 2 dBZ a frame is wrong by 2 dBZ more at each lead."""
    radar = radar_of(10 + 2 * np.arange(8.0)[:, None, None] + np.zeros((4, 4)))
    forecast = keras_wx.predict(climb(), radar, init_times="all")
    scores = keras_wx.verify(forecast, radar)
    np.testing.assert_allclose(scores["mae"], [2, 4, 6])
    assert scores["n_forecasts"].values.tolist() == [6, 5, 4]


# --- Missing and dry data ---


def test_dry_input_gives_a_finite_forecast():
    forecast = keras_wx.predict(climb(slope=0.1, transform=GRAY), radar_of(np.zeros((3, 4, 4))))
    np.testing.assert_allclose(forecast["reflectivity"][0, :, 2, 2], [7, 14, 21], rtol=1e-5)


def test_missing_points_are_filled_and_wholly_missing_ones_stay_missing():
    frames = np.full((3, 2, 3), 30.0)
    frames[2, 0, 0] = np.nan
    frames[1:, 1, 2] = np.nan
    model = climb(slope=0.1, transform=GRAY, fill=-3)
    forecast = keras_wx.predict(model, radar_of(frames))["reflectivity"][0, 0]
    (batch,) = model.batches
    assert np.isfinite(batch).all()
    np.testing.assert_allclose(forecast[0], [4, 37, 37], rtol=1e-5)
    np.testing.assert_allclose(forecast[1], [37, 37, np.nan], rtol=1e-5)


def test_all_missing_input_gives_all_missing_output_without_asking_the_model():
    frames = np.full((4, 2, 3), np.nan)
    frames[0] = 5
    model = climb()
    with pytest.warns(UserWarning, match="Of the 2 frames .* 1 have no data at all"):
        forecast = keras_wx.predict(model, radar_of(frames), init_times="all")
    assert forecast["reflectivity"].shape == (3, 3, 2, 3)
    # The filled frame is the last one of the first forecast; the frame before it is there.
    assert (forecast["reflectivity"][0] == 0).all()
    assert forecast["reflectivity"][1:].isnull().all()
    model.batches.clear()
    forecast = keras_wx.predict(model, radar_of(frames))
    assert forecast["reflectivity"].isnull().all()
    assert model.batches == []


@pytest.mark.parametrize("batch_size", [1, 8])
def test_forecasts_without_data_are_told_once(batch_size):
    frames = np.full((8, 2, 3), 5.0)
    frames[2:5] = np.nan  # read as a whole by the forecasts from the frames 3 and 4
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        keras_wx.predict(climb(), radar_of(frames), init_times="all", batch_size=batch_size)
    (message,) = [str(w.message) for w in told if "no value" in str(w.message)]
    assert "2 forecasts" in message
    assert "from 2016-09-28T15:15:00, the last from 2016-09-28T15:20:00" in message
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        keras_wx.predict(climb(), radar_of(frames[:2]))


def test_tiles_without_data_are_left_out():
    frames = np.full((2, 8, 8), 20.0)
    frames[:, :, 3:] = np.nan
    model = climb(slope=1.0)
    forecast = keras_wx.predict(model, radar_of(frames), tile=4, overlap=0, batch_size=1)
    forecast = forecast["reflectivity"]
    assert len(model.batches) == 2
    np.testing.assert_allclose(forecast[0, 0, :, :3], 21)
    assert forecast[..., 3:].isnull().all()


@pytest.mark.parametrize("lazy", [False, True])
def test_nan_without_a_fill_is_an_error(lazy, tmp_path):
    frames = np.full((4, 2, 3), 30.0)
    frames[0, 0, 0] = frames[2, 1, 1] = frames[3, 0, 0] = np.nan
    radar = radar_of(frames)
    if lazy:
        radar.to_netcdf(tmp_path / "radar.nc")
        radar = xr.open_dataset(tmp_path / "radar.nc")
    with pytest.raises(DataError, match=r"NaN.*'reflectivity'.*2016-09-28T15:10:00.*fill"):
        keras_wx.predict(climb(fill=None), radar)
    radar.close()


# --- Data that do not fit ---


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.isel(time=[0]), "too few"),
        (lambda r: r.isel(time=[0, 1, 2, 4]), None),
        (lambda r: r.isel(time=slice(None, None, -1)), "times that increase"),
        (lambda r: r.rename(reflectivity="rain"), "needs variable 'reflectivity'"),
        (lambda r: r.isel(time=0, drop=True), r"dims \(time, y, x\)"),
    ],
)
def test_frames_that_do_not_fit(change, message):
    radar = change(random_radar(5))
    if message is None:
        with pytest.warns(UserWarning, match="gap of 10min"):
            keras_wx.predict(climb(), radar)
    else:
        with pytest.raises(DataError, match=message):
            keras_wx.predict(climb(), radar)


def test_a_field_alone_is_no_dataset():
    with pytest.raises(DataError, match=r"expected an xarray.Dataset.*Received: DataArray"):
        keras_wx.predict(climb(), random_radar()["reflectivity"])


def test_a_gap_before_the_time_asked_for():
    with pytest.raises(DataError, match=r"gap of 10min between .*15:10:00 and .*15:20:00"):
        keras_wx.predict(
            climb(), random_radar(6).isel(time=[0, 1, 2, 4, 5]), init_times="2016-09-28T15:20"
        )


def test_units_step_and_spacing_are_converted_on_request_only():
    radar = random_radar(5)
    radar["reflectivity"].attrs["units"] = "m"
    rain = preset_of(units="mm")
    model = climb()
    model.preset = rain
    with pytest.raises(DataError, match="convert_units=True"):
        keras_wx.predict(model, radar)
    forecast = keras_wx.predict(model, radar, convert_units=True)["reflectivity"]
    np.testing.assert_allclose(forecast[0, 0], 1000 * radar["reflectivity"][-1], rtol=1e-6)
    assert forecast.attrs["units"] == "mm"

    radar = random_radar(5)
    del radar["reflectivity"].attrs["units"]
    with pytest.raises(DataError, match="says no units"):
        keras_wx.predict(climb(), radar)

    radar = random_radar(5)
    with pytest.raises(DataError, match="resample=True"):
        keras_wx.predict(climb(step="10min"), radar)
    forecast = keras_wx.predict(climb(step="10min"), radar, resample=True)
    np.testing.assert_array_equal(forecast.lead_time, minutes(10, 20, 30))
    np.testing.assert_array_equal(forecast["reflectivity"][0, 0], radar["reflectivity"][4])

    with pytest.raises(DataError, match="regrid=True"):
        keras_wx.predict(climb(spacing_km=2.0), radar)


def test_one_frame_does_not_say_a_step():
    with pytest.raises(DataError, match="at least two frames"):
        keras_wx.predict(keras_wx.load("persistence"), random_radar(1))


def test_regridding_a_real_composite(shared_data):
    """2x2 points of 1 km become one of 2 km: the mean of Z, worked out here for some cells."""
    options = {"spacing_km": 1.0}
    radar = keras_wx.open_dataset("radar", path=shared_data / "fmi_20160928.nc", **options)
    model = climb(transform=GRAY, spacing_km=2.0, fill=-10)
    with pytest.raises(DataError, match="regrid=True"):
        keras_wx.predict(model, radar)
    forecast = keras_wx.predict(model, radar, regrid=True)["reflectivity"]
    assert forecast.shape == (1, 3, 613, 380)
    blocks = radar["reflectivity"][-1].values.reshape(613, 2, 380, 2).swapaxes(1, 2)
    blocks = blocks.reshape(613, 380, 4)
    z = 10 ** (blocks / 10)
    expected = np.clip(10 * np.log10(z.mean(axis=2)), -10, 60)
    whole = np.isfinite(blocks).all(axis=2)
    assert whole.sum() > 100_000
    np.testing.assert_allclose(forecast.values[0, 0][whole], expected[whole], atol=1e-3)
    both = np.isnan(radar["reflectivity"][-2:].values).all(axis=0)
    both = both.reshape(613, 2, 380, 2).all(axis=(1, 3))
    assert both.sum() > 10_000
    assert np.isnan(forecast.values[0][:, both]).all()


# --- Requests that do not fit ---


def test_a_model_without_a_preset():
    with pytest.raises(ModelError, match="carries no preset"):
        keras_wx.predict(Climb(), random_radar())


def test_an_ensemble_of_a_deterministic_model():
    with pytest.raises(ModelError, match=r"deterministic.*members=5"):
        keras_wx.predict(climb(), random_radar(), members=5)


@pytest.mark.parametrize("option", ["members", "batch_size", "output_frames"])
def test_numbers_below_one(option):
    with pytest.raises(ModelError, match="seed: expected a whole number, at least 0"):
        keras_wx.predict(climb(), random_radar(), seed=-1)
    with pytest.raises(ModelError, match=f"{option}: expected a whole number, at least 1"):
        keras_wx.predict(climb(), random_radar(), **{option: 0})


def test_a_model_that_does_not_keep_what_its_preset_says():
    model = climb(leads=4)
    model.output_frames = 3
    with pytest.raises(ModelError, match=r"\(4, 9, 7, 1\).*gave \(3, 9, 7, 1\)"):
        keras_wx.predict(model, random_radar())


# --- Large forecasts ---


def test_a_zarr_store_holds_what_memory_would(tmp_path):
    model, radar = climb(slope=0.5), random_radar(9)
    path = tmp_path / "new" / "forecast.zarr"
    options = {"init_times": "all", "batch_size": 3}
    stored = keras_wx.predict(model, radar, path=path, **options)
    assert not stored["reflectivity"].variable._in_memory
    assert stored["reflectivity"].encoding["chunks"] == (3, 3, 9, 7)
    xr.testing.assert_identical(stored.load(), keras_wx.predict(model, radar, **options))
    assert [p.name for p in path.parent.iterdir()] == ["forecast.zarr"]
    with pytest.raises(DataError, match="exists already"):
        keras_wx.predict(model, radar, path=path)


def test_a_store_that_fails_half_way_leaves_nothing(tmp_path):
    model = climb()
    forecast = model.forecast

    def breaks(x):
        if len(model.batches) == 2:
            raise KeyboardInterrupt
        return forecast(x)

    model.forecast = breaks
    with pytest.raises(KeyboardInterrupt):
        keras_wx.predict(
            model, random_radar(9), init_times="all", batch_size=2, path=tmp_path / "f.zarr"
        )
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_no_store(tmp_path):
    with pytest.raises(DataError, match=r"named \*\.zarr.*to_netcdf"):
        keras_wx.predict(climb(), random_radar(), path=tmp_path / "forecast.nc")


def test_a_forecast_too_large_for_memory_is_announced(monkeypatch):
    monkeypatch.setattr(output, "LARGE_BYTES", 4 * 3 * 9 * 7)
    keras_wx.predict(climb(), random_radar())
    with pytest.warns(UserWarning, match=r"GiB of memory.*path="):
        keras_wx.predict(climb(), random_radar(), init_times="all")


def test_the_bar_is_for_terminals(capsys):
    keras_wx.predict(climb(), random_radar(), init_times="all", batch_size=1)
    assert capsys.readouterr() == ("", "")
    keras_wx.predict(climb(), random_radar(), init_times="all", batch_size=1, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "small" in err
