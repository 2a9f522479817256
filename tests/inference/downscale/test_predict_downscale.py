"""`predict` of downscaling models against fields that are written down in plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from small_pairs import (
    LAGS,
    Mixed,
    NoiseAlone,
    kelvin,
    make_pair,
    model_of,
    numbers,
    on_fine,
    preset_of,
)

import keras_wx
from keras_wx.errors import DataError, ModelError
from keras_wx.inference import output
from keras_wx.inference.downscale.noise import domain_noise

TILES = {"tile": 8, "overlap": 6, "halo": 2}


def mixed(pair, *, own, last=0.5, oldest=0.25, first=LAGS):
    """The recursion of `Mixed` over whole domains, in kelvin."""
    air, coarse = numbers(pair.air.values.astype(float)), numbers(on_fine(pair).astype(float))
    made = air.copy()
    source = made if own else air
    for t in range(first, len(air)):
        made[t] = last * source[t - 1] + oldest * source[t - LAGS]
        made[t] += (1 - last - oldest) * coarse[t]
    return kelvin(made[first:])


@pytest.mark.parametrize("own", [False, True])
def test_fields_and_their_history(own):
    pair = make_pair()
    history = "own" if own else "data"
    got = keras_wx.predict(model_of(Mixed()), pair, history=history, **TILES)
    assert got.air.dims == ("time", "lat", "lon")
    np.testing.assert_allclose(got.air, mixed(pair, own=own), atol=1e-3)
    np.testing.assert_array_equal(got.time, pair.time[LAGS:])
    xr.testing.assert_identical(got.lat, pair.lat)
    assert got.air.attrs == {"units": "K", "long_name": "air"}
    assert (got.attrs["model"], got.attrs["license"]) == ("small", "CC0")
    assert got.attrs["history_of_targets"] == history


def test_own_history_goes_beyond_the_fine_record():
    pair = make_pair()
    cut = pair.assign(air=pair.air.where(pair.time < pair.time[LAGS]))
    got = keras_wx.predict(model_of(Mixed()), cut, history="own", **TILES)
    np.testing.assert_allclose(got.air, mixed(pair, own=True), atol=1e-3)
    with pytest.raises(DataError, match="history='own' goes on with"):
        keras_wx.predict(model_of(Mixed()), cut, **TILES)


@pytest.mark.parametrize(("value", "what"), [(-999, "-999 at 1 points"), (np.inf, "infinite at")])
def test_own_history_begins_with_what_is_no_number(value, what):
    pair = make_pair(6)
    pair.air[LAGS - 1, 0, 0] = value
    with pytest.raises(DataError, match=what):
        keras_wx.predict(model_of(Mixed()), pair, history="own", **TILES)


def test_after_a_jump_the_history_is_the_data_s_again():
    pair = make_pair(14).isel(time=[*range(7), *range(8, 14)])
    got = keras_wx.predict(model_of(Mixed()), pair, history="own", **TILES)
    parts = pair.isel(time=slice(0, 7)), pair.isel(time=slice(7, None))
    expected = np.concatenate([mixed(part, own=True) for part in parts])
    np.testing.assert_allclose(got.air, expected, atol=1e-3)
    np.testing.assert_array_equal(got.time, np.concatenate([p.time[LAGS:] for p in parts]))


def test_times_that_are_asked_for():
    pair, model = make_pair(), model_of(Mixed())
    whole = keras_wx.predict(model, pair, **TILES)
    some = keras_wx.predict(model, pair, init_times=pair.time.values[[4, 8]], **TILES)
    xr.testing.assert_identical(some.air, whole.air.sel(time=some.time))
    with pytest.raises(ModelError, match="every time is made"):
        keras_wx.predict(model, pair, init_times=2, history="own")


def test_members_have_histories_of_their_own():
    """Each member follows the recursion from its own samples, whatever noise it drew."""
    pair = make_pair()
    model = model_of(Mixed(noise=0.1))
    got = keras_wx.predict(model, pair, history="own", members=3, seed=5, tile=100, halo=0)
    assert got.air.dims == ("realization", "time", "lat", "lon")
    coarse = numbers(on_fine(pair).astype(float))
    residuals = []
    for member in numbers(got.air.values):
        fields = np.concatenate([numbers(pair.air.values[:LAGS]), member])
        for t in range(LAGS, len(fields)):
            expected = 0.5 * fields[t - 1] + 0.25 * fields[t - LAGS] + 0.25 * coarse[t]
            residuals.append(fields[t] - expected)
    residuals = np.stack(residuals)
    assert residuals.std() == pytest.approx(0.1, rel=0.03)
    assert abs(np.corrcoef(residuals.reshape(len(residuals), -1)) - np.eye(21)).max() < 0.4
    again = keras_wx.predict(model, pair, history="own", members=3, seed=5, tile=100, halo=0)
    xr.testing.assert_identical(again, got)
    other = keras_wx.predict(model, pair, history="own", members=3, seed=6, tile=100, halo=0)
    assert not np.allclose(other.air, got.air)


@pytest.mark.parametrize("history", ["data", "own"])
@pytest.mark.parametrize("tiles", [TILES, {"tile": (100, 6), "overlap": 4, "halo": 1}])
def test_noise_is_one_field_over_all_tiles(history, tiles):
    """A member's noise is that of the domain, however it is tiled and batched."""
    pair, model = make_pair(6), model_of(NoiseAlone("noise"))
    for batch_size in (None, 5):
        got = keras_wx.predict(
            model, pair, members=3, seed=7, history=history, batch_size=batch_size, **tiles
        )
        for member in range(3):
            for time, field in zip(got.time.values, got.air[member].values, strict=True):
                expected = domain_noise(7, member, time, slice(0, 12), 14, 1)[..., 0]
                np.testing.assert_allclose(numbers(field), expected, atol=1e-5)


def test_noise_is_standard_normal_and_never_the_same():
    time = np.datetime64("1948-01-01", "ns")
    noise = [
        domain_noise(0, 0, time, slice(0, 100), 80, 1),
        domain_noise(1, 0, time, slice(0, 100), 80, 1),
        domain_noise(0, 1, time, slice(0, 100), 80, 1),
        domain_noise(0, 0, time + np.timedelta64(1, "D"), slice(0, 100), 80, 1),
    ]
    for one in noise:
        assert abs(one.mean()) < 0.05
        assert one.std() == pytest.approx(1, abs=0.03)
    assert abs(np.corrcoef([one.ravel() for one in noise]) - np.eye(4)).max() < 0.05
    np.testing.assert_array_equal(domain_noise(0, 0, time, slice(40, 50), 80, 1), noise[0][40:50])


def test_bands_do_not_show(monkeypatch):
    """A domain in several bands, whose rows are made at different times."""
    pair, model = make_pair(5, shape=(70, 9)), model_of(Mixed())
    whole = keras_wx.predict(model, pair, history="own", **TILES)
    monkeypatch.setattr("keras_wx.inference.downscale.plan.BAND_POINTS", 1)
    banded = keras_wx.predict(model, pair, history="own", **TILES)
    np.testing.assert_allclose(banded.air, whole.air, atol=1e-4)
    np.testing.assert_allclose(banded.air, mixed(pair, own=True), atol=1e-3)


def test_batches_have_one_size():
    pair, model = make_pair(), model_of(Mixed())
    keras_wx.predict(model, pair, batch_size=7, **TILES)
    assert {shape[1:3] for shape in model.shapes} == {(8, 8)}
    assert len({shape[0] for shape in model.shapes}) == 1
    assert model.shapes[0][0] <= 7


class Network:
    """No baseline: what `predict` asks of a Keras model that takes any grid."""

    name, variables = "network", ()

    def __init__(self, preset):
        self.preset, self.shapes = preset, []

    def predict_on_batch(self, x):
        self.shapes.append(x.shape)
        return x[..., LAGS : LAGS + 1]


def test_tiles_are_those_that_the_network_learnt_from():
    """And a baseline takes the domain."""
    pair = make_pair()
    for model, tile in ((Network(preset_of((6, 8))), (6, 8)), (model_of(Mixed()), (12, 14))):
        keras_wx.predict(model, pair)
        assert {shape[1:3] for shape in model.shapes} == {tile}


def test_a_domain_smaller_than_a_tile():
    pair = make_pair(5, shape=(6, 14))
    got = keras_wx.predict(model_of(Mixed()), pair, **TILES)
    np.testing.assert_allclose(got.air, mixed(pair, own=False), atol=1e-3)


def test_the_fine_grid_from_coordinates_alone():
    pair = make_pair(4)
    model = model_of(Mixed(last=0, oldest=0, lags=0), lags=0)
    sample = model.preset.sample
    only = tuple(v for v in sample.variables if v.role in ("input", "target"))
    model.preset = model.preset.model_copy(
        update={"sample": sample.model_copy(update={"variables": only})}
    )
    bare = pair[["coarse_air"]].assign_coords(lat=pair.lat, lon=pair.lon)
    got = keras_wx.predict(model, bare)
    np.testing.assert_allclose(got.air, on_fine(pair), atol=1e-3)
    with pytest.raises(DataError, match="where are the fine points"):
        keras_wx.predict(model, pair[["coarse_air"]])


def test_fields_too_large_for_memory_are_announced(monkeypatch):
    monkeypatch.setattr(output, "LARGE_BYTES", 1)
    with pytest.warns(UserWarning, match=r"GiB of memory.*path="):
        keras_wx.predict(model_of(Mixed()), make_pair(), **TILES)


def test_what_does_not_go_is_refused():
    pair, model = make_pair(), model_of(Mixed())
    for options, message in [
        ({"history": "mine"}, "expected 'data' or 'own'"),
        ({"tile": 8, "overlap": 3, "halo": 2}, r"stride from tile to tile, .* = 5, has to be 1 to"),
        ({"members": 2}, "is deterministic"),
        ({"client": object()}, "path="),
    ]:
        with pytest.raises(ModelError, match=message):
            keras_wx.predict(model, pair, **options)
    with pytest.raises(DataError, match="too few"):
        keras_wx.predict(model, pair.isel(time=slice(0, 2)))
    with pytest.raises(DataError, match="dataset has no frames"):
        keras_wx.predict(model, pair.isel(time=slice(0)))
    with pytest.raises(ModelError, match="models that read earlier frames"):
        keras_wx.predict(model_of(Mixed(0, 0, lags=0), lags=0), pair, history="own")
