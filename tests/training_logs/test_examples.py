"""Which windows are shown, and that the pictures get physical values at the right times."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import small_training
import xarray as xr

import keras_wx
from keras_wx.losses import CloudDistribution
from keras_wx.spec import read_sample
from keras_wx.training.logs import examples as module
from keras_wx.training.logs.examples import CurtainExamples, Examples


class Doubled:
    """A model: the last frame that it sees, twice as large, for each of two lead times."""

    name = "doubled"
    non_trainable_variables = ()
    optimizer = SimpleNamespace(_trainable_variables=())

    def predict_on_batch(self, x):
        return np.repeat(2 * x[:, -1:], 2, axis=1)


@pytest.fixture
def shown(monkeypatch):
    """What the film strips are asked to show, instead of the strips."""
    calls = []

    def film_strip(forecast, truth, *, init_time, past):
        calls.append((forecast, truth, init_time))

    monkeypatch.setattr(module, "film_strip", film_strip)
    monkeypatch.setattr(module, "_pixels", lambda figure: figure)
    return calls


def radar_with_rain_at(*frames) -> xr.Dataset:
    radar = small_training.radar() * 0.1
    radar["reflectivity"].attrs = {"units": "dBZ"}
    for frame in frames:
        radar["reflectivity"][frame] += 20
    return radar


def samples(radar, **options):
    return keras_wx.samples(
        radar, small_training.SAMPLE, split=None, **{"batch_size": 4, "shuffle": False} | options
    )


def test_forecast_and_observation_are_physical_and_at_their_times(shown):
    radar = radar_with_rain_at(18)
    Examples(samples(radar), 1).draw(Doubled())
    ((forecast, truth, init_time),) = shown
    times = radar["time"].values
    frame = int(np.flatnonzero(times == init_time)[0])
    assert frame in (16, 17)  # frame 18 is one of the two that are forecast from here
    last = radar["reflectivity"].values[frame]
    field = forecast["reflectivity"].sel(init_time=init_time)
    np.testing.assert_allclose(field, np.stack([2 * last, 2 * last]), atol=1e-4)
    assert field.attrs["units"] == "dBZ"
    minutes = forecast["lead_time"].values / np.timedelta64(1, "m")
    assert minutes.tolist() == [5, 10]
    np.testing.assert_array_equal(truth["time"], times[frame - 1 : frame + 3])
    observed = radar["reflectivity"].values[frame - 1 : frame + 3]
    np.testing.assert_allclose(truth["reflectivity"], observed, atol=1e-4)
    np.testing.assert_array_equal(truth["x"], radar["x"])
    np.testing.assert_array_equal(truth["y"], radar["y"])


def test_the_wettest_windows_are_shown_in_order_of_time(shown):
    radar = radar_with_rain_at(18, 19, 4)
    chosen = Examples(samples(radar), 2)
    chosen.draw(Doubled())
    starts = [init_time for _, _, init_time in shown]
    assert starts[1] == radar["time"].values[17]  # the only one with two rainy frames
    assert starts[0] < starts[1]
    assert chosen.captions == [str(np.datetime_as_string(time, unit="m")) for time in starts]


@pytest.mark.parametrize("northward", [False, True])
def test_rows_are_where_the_source_has_them(shown, northward):
    """Latitudes of either direction: forecast and observation are drawn with them."""
    radar = radar_with_rain_at(18).rename(y="lat", x="lon")
    degrees = np.linspace(46, 47, 8)[:: 1 if northward else -1]
    radar = radar.assign_coords(
        lat=("lat", degrees, {"units": "degrees_north"}),
        lon=("lon", np.linspace(11, 12, 8), {"units": "degrees_east"}),
    )
    sample = small_training.SAMPLE.merged({"grids": {"radar": {"spacing_km": None}}})
    cut = keras_wx.samples(radar, sample, split=None, batch_size=4, shuffle=False)
    Examples(cut, 1).draw(Doubled())
    ((forecast, truth, _),) = shown
    for field in (forecast["reflectivity"], truth["reflectivity"]):
        assert field.dims[-2:] == ("lat", "lon")
        np.testing.assert_array_equal(field["lat"], degrees)
    observed = radar["reflectivity"].sel(time=truth["time"])
    np.testing.assert_allclose(truth["reflectivity"], observed, atol=1e-4)


def test_windows_that_are_turned_have_no_common_coordinates(shown):
    turned = samples(radar_with_rain_at(18), augment=["flip"])
    assert samples(radar_with_rain_at(18)).coords.keys() == {"y", "x"}
    assert turned.coords == {}
    Examples(turned, 1).draw(Doubled())
    ((forecast, _, _),) = shown
    np.testing.assert_array_equal(forecast["x"], np.arange(8) * 1000.0)  # of the preset's 1 km


def test_the_windows_do_not_depend_on_the_order_of_training(shown):
    radar = radar_with_rain_at(18, 19)
    shuffled = samples(radar, shuffle=True, seed=3)
    assert Examples(shuffled, 2).captions == Examples(samples(radar), 2).captions
    assert shuffled.shuffle


def test_other_inputs_are_not_taken_for_the_past(shown):
    """Two variables in one array: the past is the channel of the one that is forecast."""
    sample = small_training.SAMPLE.model_dump()
    target = next(v for v in sample["variables"] if v["role"] == "target")
    other = dict(target, name="rain_rate", units="mm h-1", role="input", steps=(-1, 0))
    sample["variables"] = (other, *sample["variables"])
    radar = radar_with_rain_at(13)
    rain = (3 * radar["reflectivity"]).assign_attrs(units="mm h-1")
    both = keras_wx.samples(
        radar.assign(rain_rate=rain), read_sample(sample), split=None, batch_size=4, shuffle=False
    )

    class Model(Doubled):
        def predict_on_batch(self, x):
            return super().predict_on_batch(x[..., 1:])

    Examples(both, 1).draw(Model())
    ((_, truth, init_time),) = shown
    expected = radar["reflectivity"].sel(time=truth["time"])
    np.testing.assert_allclose(truth["reflectivity"], expected, atol=1e-4)
    assert truth["time"].values[1] == init_time


def test_the_moving_average_forecasts_and_the_model_goes_on_as_before(shown):
    model = small_training.model()
    model.compile(keras.optimizers.SGD(0.0, use_ema=True), "mse")
    model.optimizer.build(model.trainable_variables)
    for average in model.optimizer._model_variables_moving_average:
        average.assign(keras.ops.zeros_like(average))
    # With weights of zero the forecast is the last bias, and that is zero too.
    before = [keras.ops.convert_to_numpy(v) for v in model.variables]
    Examples(samples(radar_with_rain_at(18)), 1).draw(model)
    ((forecast, _, _),) = shown
    np.testing.assert_allclose(forecast["reflectivity"], 0, atol=1e-6)
    for values, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(values, variable)


def test_a_picture_is_rgb():
    made = Examples(samples(radar_with_rain_at(13)), 1).draw(Doubled())
    assert made[0].ndim == 3
    assert made[0].shape[2] == 3
    assert made[0].dtype == np.uint8
    assert len(np.unique(made[0].reshape(-1, 3), axis=0)) > 10


def curtains():
    """Cloud in the last of three windows of eight columns."""
    echo = np.full((24, 6), -50.0, "float32")
    echo[16:] = 10.0
    return xr.Dataset(
        {"reflectivity": (("time", "height"), echo, {"units": "dBZ"})},
        {
            "time": np.datetime64("2020-01-01", "ns") + np.arange(24) * np.timedelta64(4, "s"),
            "height": ("height", (np.arange(6) + 0.5) * 100.0, {"units": "m"}),
        },
    )


def curtain_samples():
    variable = {
        "name": "reflectivity",
        "units": "dBZ",
        "grid": "curtain",
        "transform": {"linear": {"low": -60, "high": 30}},
    }
    mask = {"name": "blind_zone", "units": "1", "role": "mask", "grid": "curtain"}
    sample = read_sample(
        {
            "step": "4s",
            "grids": {"curtain": {"dims": ["height", "time"], "shape": [6, 8]}},
            "variables": [variable | {"role": "input"}, mask, variable | {"role": "target"}],
            "blind_zone": {"height": 200, "buffer": 1, "train_buffer": [1, 1]},
        }
    )
    return keras_wx.samples(curtains(), sample, split=None, batch_size=2, stride=8, shuffle=False)


class Dry(Doubled):
    """No echo, wherever it is asked."""

    def predict_on_batch(self, x):
        return np.zeros_like(x[..., :1])


def test_curtains_are_shown_with_what_was_seen_above_the_blind_zone(monkeypatch):
    calls = []
    monkeypatch.setattr(module, "curtain", lambda *args, **options: calls.append(args))
    monkeypatch.setattr(module, "_pixels", lambda figure: figure)
    chosen = CurtainExamples(curtain_samples(), 1)
    chosen.draw(Dry())
    assert chosen.captions == ["2020-01-01T00:01:04"]  # the third window
    ((found, truth),) = calls
    observed = curtains().isel(time=slice(16, 24))
    for field in (found["doubled"], truth):
        np.testing.assert_array_equal(field["time"], observed["time"])
        np.testing.assert_array_equal(field["height"], observed["height"])
        np.testing.assert_array_equal(field["blind_zone"][:, 0], [1, 1, 0.5, 0, 0, 0])
    np.testing.assert_allclose(truth["reflectivity"].T, observed["reflectivity"], atol=1e-4)
    filled = found["doubled"]["reflectivity"][:, 0]
    np.testing.assert_allclose(filled, [-60, -60, -60, 10, 10, 10], atol=1e-4)


def test_a_picture_of_a_curtain_is_rgb():
    (picture,) = CurtainExamples(curtain_samples(), 1).draw(Dry())
    assert picture.shape[2] == 3
    assert picture.dtype == np.uint8


def test_of_a_distribution_the_median_is_shown(monkeypatch):
    class Law(Dry):
        distribution = CloudDistribution

        def predict_on_batch(self, x):
            """Cloud is certain, and its number lies around 0.5."""
            return np.broadcast_to(np.float32([40, 0.5, -4]), (*x.shape[:3], 3))

    calls = []
    monkeypatch.setattr(module, "curtain", lambda *args, **options: calls.append(args))
    monkeypatch.setattr(module, "_pixels", lambda figure: figure)
    CurtainExamples(curtain_samples(), 1).draw(Law())
    (found,) = calls[0][0].values()
    np.testing.assert_allclose(found.reflectivity[:2], -15, atol=1e-3)  # 0.5 of -60 to 30 dBZ
