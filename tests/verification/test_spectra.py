"""Power spectra against waves of known length, Parseval's theorem, and loops over rings."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from verification_fields import START, STEP, forecast_of, random_fields, truth_of

from keras_wx.errors import DataError
from keras_wx.verification import interval, pool, spectra


def of_field(field, spacing=None, **options):
    """The spectrum of one field, as forecast and as truth."""
    forecast = forecast_of(field[None, None])
    truth = truth_of(field[None], start=START + STEP)
    if spacing is not None:
        dy, dx = spacing
        grid = {
            "y": ("y", dy * np.arange(field.shape[0]), {"units": "km"}),
            "x": ("x", dx * np.arange(field.shape[1]), {"units": "km"}),
        }
        forecast, truth = forecast.assign_coords(grid), truth.assign_coords(grid)
    return spectra(forecast, truth, **options).isel(lead_time=0)


def reference(field):
    """Mean of |FFT|^2 / N by rings of rounded wavenumber, on a square grid, from its definition."""
    n = len(field)
    power = np.abs(np.fft.fft2(field)) ** 2 / field.size
    k = np.fft.fftfreq(n) * n
    rings = {}
    for i in range(n):
        for j in range(n):
            rings.setdefault(round(np.hypot(k[i], k[j])), []).append(power[i, j])
    return [np.mean(rings[ring]) for ring in range(1, (n + 1) // 2)]


@pytest.mark.parametrize("size", [8, 9, 16])
def test_equals_loops_over_rings(size):
    field = np.random.default_rng(size).normal(10, 3, (size, size))
    found = of_field(field)
    np.testing.assert_allclose(found.truth_power, reference(field))
    np.testing.assert_allclose(found.forecast_power, reference(field))
    np.testing.assert_array_equal(found.wavenumber, range(1, (size + 1) // 2))
    np.testing.assert_allclose(found.wavelength, size / found.wavenumber)  # of 1 km


@pytest.mark.parametrize(
    ("shape", "spacing"), [((64, 64), (1, 1)), ((64, 96), (2, 2)), ((60, 45), (1.5, 2.5))]
)
@pytest.mark.parametrize("along", [0, 1])
def test_a_wave_has_its_length_on_any_grid(shape, spacing, along):
    length = {64: 12.8, 96: 32.0, 45: 22.5}[shape[1]]  # fits both sides
    position = np.arange(shape[along]) * spacing[along]
    wave = np.sin(2 * np.pi * position / length)
    field = np.broadcast_to(wave[:, None] if along == 0 else wave, shape).astype(float)
    power = of_field(field, spacing).truth_power
    assert float(power.wavelength[power.argmax("wavenumber")]) == pytest.approx(length)
    assert float(power.max() / power.sum()) > 0.999


def test_white_noise_is_white():
    noise = np.random.default_rng(0).normal(0, 3, (80, 120))
    power = of_field(noise).truth_power
    # Parseval: |FFT|^2 / N is the variance on average.
    assert float(power[10:].mean()) == pytest.approx(9, rel=0.05)


def test_missing_pixels_are_the_floor_on_both_sides():
    forecast, truth = random_fields(seed=1, size=(8, 8), inits=2, leads=2)
    with pytest.raises(DataError, match=r"missing ones.*floor=0"):
        spectra(forecast, truth)
    found = spectra(forecast, truth, floor=4, preserve_dims=("init_time", "lead_time"))
    f, t = forecast.reflectivity.values[1, 0], truth.reflectivity.values[2]
    missing = np.isnan(f) | np.isnan(t)
    for name, field in (("forecast_power", f), ("truth_power", t)):
        field = np.where(missing, 4, np.maximum(field, 4))
        one = found[name].isel(init_time=1, lead_time=0)
        np.testing.assert_allclose(one, reference(field))


def test_frames_without_truth_are_left_out_of_both():
    forecast, truth = random_fields(seed=2, size=(8, 8), inits=3, leads=2, missing=0)
    short = truth.isel(time=slice(0, 4))  # without the last of forecast 2
    found = spectra(forecast, short)
    assert found.n_forecasts.values.tolist() == [3, 2]
    expected = np.mean([reference(f) for f in forecast.reflectivity.values[:2, 1]], axis=0)
    np.testing.assert_allclose(found.forecast_power.isel(lead_time=1), expected)
    xr.testing.assert_allclose(
        found.isel(lead_time=1), spectra(forecast.isel(init_time=[0, 1]), short).isel(lead_time=1)
    )


def test_the_mean_of_an_ensemble_is_smoother_than_its_members():
    rng = np.random.default_rng(3)
    members = rng.normal(10, 3, (6, 1, 1, 16, 16))
    truth = truth_of(rng.normal(10, 3, (1, 16, 16)), start=START + STEP)
    found = spectra(forecast_of(members), truth).isel(lead_time=0)
    each = [reference(member) for member in members[:, 0, 0]]
    np.testing.assert_allclose(found.forecast_power, np.mean(each, axis=0))
    np.testing.assert_allclose(found.ensemble_mean_power, reference(members[:, 0, 0].mean(axis=0)))
    assert float((found.ensemble_mean_power / found.forecast_power).mean()) < 0.3
    kept = spectra(forecast_of(members), truth, preserve_dims="realization")
    np.testing.assert_allclose(kept.forecast_power, each)
    assert "ensemble_mean_power" not in kept


def test_pools_and_has_intervals_like_scores():
    forecast, truth = random_fields(seed=4, size=(8, 8), inits=4, leads=2)
    cases = spectra(forecast, truth, floor=0, preserve_dims=("init_time", "lead_time"))
    whole = spectra(forecast, truth, floor=0)
    xr.testing.assert_allclose(pool(cases, "init_time"), whole)
    found = interval(cases, "forecast_power", gap="1min", by_lead_time=True)
    np.testing.assert_allclose(found.value, whole.forecast_power.transpose(*found.value.dims))
    assert (found.low < found.high).all()


def test_grids_without_distances_and_what_it_says_of_itself():
    forecast, truth = random_fields(seed=5, missing=0)
    found = spectra(forecast.drop_vars(["x", "y"]), truth.drop_vars(["x", "y"]))
    assert found.wavelength.attrs["units"] == "1"
    found = spectra(forecast, truth)
    assert found.wavelength.attrs["units"] == "km"
    assert found.forecast_power.attrs["units"] == "(dBZ)^2"
    assert found.attrs["model"] == "made_up"
    with pytest.raises(DataError, match="preserve_dims"):
        spectra(forecast, truth, preserve_dims="y")
