"""Baselines of rain rate in mm/h: the same motion, values that are not touched, units."""

import numpy as np
import pytest
import xarray as xr
from moving_echo import translated

import keras_wx
from keras_wx.baselines.echo import RAIN_RATE, EchoBaseline
from keras_wx.errors import DataError

U, V, PAST = 1.3, -0.6, 4
STEPS = 10


def rain_rate(dbz: np.ndarray) -> np.ndarray:
    """By Z = 200 R**1.6, dry below 0 dBZ."""
    return np.where(dbz > 0, (10 ** (dbz / 10) / 200) ** (1 / 1.6), 0).astype("float32")


def rain(values: np.ndarray, units: str = "mm h-1", name: str = "rain_rate") -> xr.Dataset:
    times = np.datetime64("2020-06-01", "ns") + np.arange(len(values)) * np.timedelta64(5, "m")
    return xr.Dataset({name: (("time", "y", "x"), values, {"units": units})}, {"time": times})


@pytest.fixture(scope="module")
def moving():
    """mm/h, with a known displacement a step."""
    return rain_rate(translated(U, V, np.arange(PAST + STEPS)))


def forecast(name, dataset, **options):
    return keras_wx.predict(keras_wx.load(name, output_frames=STEPS), dataset, **options)


@pytest.mark.parametrize("name", ["rover1", "rover3", "lucas_kanade", "steps"])
def test_rain_moves_as_before(name, moving):
    model = keras_wx.load(name, output_frames=STEPS)
    if name == "steps":
        model.drift = 0.0
    found = keras_wx.predict(model, rain(moving[:PAST]))
    assert found["rain_rate"].attrs["units"] == "mm h-1"
    values = found["rain_rate"].values.reshape(STEPS, 64, 64)
    error, still = (np.abs(f - moving[PAST:]).mean(axis=(1, 2)) for f in (values, moving[PAST - 1]))
    assert (error < (0.35 if name == "steps" else 0.2) * still).all()
    assert (values >= 0).all()
    assert (values[:, :12, :6] == 0).all(), "dry stays dry"


@pytest.mark.parametrize("name", ["rover2", "lucas_kanade"])
def test_the_velocity_is_that_of_the_reflectivity_behind(name, moving):
    dbz = np.where(moving > 0, 10 * np.log10(200 * np.maximum(moving, 1e-9) ** 1.6), -10)
    model = keras_wx.load(name)
    expected = model.velocity(dbz[: model.input_frames].astype("float32"))
    seen = []
    model.velocity = lambda frames: seen.append(frames) or expected
    keras_wx.predict(model, rain(moving[: model.input_frames]))
    np.testing.assert_allclose(seen[0], dbz[: model.input_frames], atol=1e-3)


def test_persistence_keeps_every_value_of_any_variable(moving):
    for units, name in (("mm h-1", "rain_rate"), ("mm/h", "rate"), ("K", "brightness")):
        found = forecast("persistence", rain(moving[:2], units, name))
        np.testing.assert_array_equal(found[name].values[0], np.stack([moving[1]] * STEPS))
        assert found[name].attrs["units"] == ("K" if units == "K" else "mm h-1")


def test_a_flux_is_converted_on_request(moving):
    dataset = rain(moving[:PAST] / 3600, "kg m-2 s-1")
    with pytest.raises(DataError, match="convert_units=True"):
        forecast("rover1", dataset)
    found = forecast("rover1", dataset, convert_units=True)
    expected = forecast("rover1", rain(moving[:PAST]))
    np.testing.assert_allclose(found["rain_rate"], expected["rain_rate"], rtol=1e-4, atol=1e-4)


def test_reflectivity_comes_first_and_a_relation_still_gives_it(moving):
    both = rain(moving[:PAST]).assign(reflectivity=rain(moving[:PAST] + 20, "dBZ")["rain_rate"])
    both["reflectivity"].attrs["units"] = "dBZ"
    assert list(forecast("rover1", both).data_vars) == ["reflectivity"]
    found = forecast("rover1", rain(moving[:PAST]), zr="marshall_palmer")
    assert list(found.data_vars) == ["reflectivity"]


def test_what_no_optical_flow_knows(moving):
    with pytest.raises(DataError, match=r"'reflectivity' \[dBZ\].*'brightness' \[K\]"):
        forecast("rover1", rain(moving[:PAST], "K", "brightness"))
    two = rain(moving[:PAST]).assign(other=rain(moving[:PAST])["rain_rate"])
    with pytest.raises(DataError, match="needs variable 'reflectivity'"):
        forecast("rover1", two)


def test_a_sample_of_rain_rate_and_a_saved_model(moving, tmp_path):
    sample = keras_wx.info("rover1").sample.model_dump()
    for variable in sample["variables"]:
        variable |= {"name": "rain_rate", "units": RAIN_RATE[1]}
    model = keras_wx.load("rover1", sample=sample, output_frames=STEPS)
    expected = forecast("rover1", rain(moving[:PAST]))["rain_rate"].values
    for one in (model, keras_wx.load(keras_wx.save(model, tmp_path / "mine"))):
        found = keras_wx.predict(one, rain(moving[:PAST]), output_frames=STEPS)["rain_rate"]
        np.testing.assert_array_equal(found, expected)


def test_dbz_and_back():
    model = keras_wx.load("rover1")
    assert isinstance(model, EchoBaseline)
    x = np.float32([0, 0.1, 5, 80])
    np.testing.assert_array_equal(model.dbz(x), x)
    variable = {"name": "rain_rate", "units": "mm h-1", "grid": "radar"}
    sample = {
        "grids": {"radar": {}},
        "variables": [
            variable | {"role": "input", "steps": [-1, 0], "fill": 0},
            variable | {"role": "target", "steps": [1, 15]},
        ],
    }
    model = keras_wx.load("rover1", sample=sample)
    # 10 log10(200) = 23.01 dBZ at 1 mm/h, 16 dB more at each tenfold.
    np.testing.assert_allclose(model.dbz(x)[[0, 1]], [-10, 23.0103 - 16], atol=1e-3)
    np.testing.assert_allclose(model.from_dbz(model.dbz(x)), x, rtol=1e-5)
