"""Rain that enters from outside: the trained network brings it in, extrapolation cannot."""

import numpy as np
import pytest

import keras_wx

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def front():
    return keras_wx.open_dataset("rain_front", events=8)


def probability_of_detection(name, front, part):
    radar = front[["reflectivity"]]
    starts = front.time[front.forecast_step == 0].values
    forecast = keras_wx.predict(keras_wx.load(name), radar, init_times=starts)
    scores = keras_wx.verify(forecast, radar.where(part), thresholds=10, floor=0)
    return float(scores.pod.mean())


def test_truth_of_the_inflow_alone(front):
    """By the last frame 18 of 64 columns came from outside (15 m/s, 5 min, 3.75 km: 1.2 a frame),
    nearly all of them rain."""
    last = front.isel(time=19)
    assert last.inflow.values.any(axis=0).sum() == 18
    assert (last.reflectivity.values[:, :14] >= 10).mean() > 0.9


@pytest.mark.parametrize("name", ["rover1", "rover3", "lucas_kanade"])
def test_extrapolation_loses_what_enters(name, front):
    assert probability_of_detection(name, front, front.inflow) < 0.15
    assert probability_of_detection(name, front, ~front.inflow) > 0.65


def test_the_network_brings_it_in(front):
    network, last_frame = (
        probability_of_detection(name, front, front.inflow)
        for name in ("convlstm_hko", "persistence")
    )
    assert network > 0.5
    assert network > last_frame


def test_no_rain_falls_from_nothing():
    """Without a front in sight there is nothing to bring in."""
    clear = keras_wx.open_dataset("rain_front", events=1)[["reflectivity"]]
    clear = clear.copy(data={"reflectivity": np.full_like(clear.reflectivity, -10)})
    forecast = keras_wx.predict(keras_wx.load("convlstm_hko"), clear, init_times=clear.time[4])
    assert float((forecast.reflectivity >= 10).mean()) < 0.01
