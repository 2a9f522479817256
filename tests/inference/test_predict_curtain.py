"""`predict` for curtains: what was measured stays, gaps part, members differ in the hole alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import xarray as xr
from filelock import FileLock

import keras_wx
from keras_wx.data import conform
from keras_wx.errors import DataError, ModelError
from keras_wx.inference.curtain_inputs import CurtainInputs

ROWS, COLUMNS = 128, 96
HOLE = 16  # rows of 78.125 m below 1250 m


@pytest.fixture(scope="module")
def curtain() -> xr.Dataset:
    return keras_wx.open_dataset(
        "synthetic_curtain", columns=COLUMNS, rows=ROWS, events=1, seed=5
    ).load()


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(3)
    return keras_wx.load(
        "unet3plus_kazr", weights=None, filters=4, depth=3, deep_supervision=False, dropout=0.3
    )


def test_a_baseline_repeats_the_lowest_gate_that_is_measured(curtain):
    found = keras_wx.predict(keras_wx.load("repeat"), curtain)
    assert found.reflectivity.dims == ("time", "height")
    truth = curtain.reflectivity.values
    np.testing.assert_array_equal(found.blind_zone[:, :HOLE], 1)
    lowest = np.maximum(truth[:, [HOLE]], -60)
    above = found.blind_zone.values == 0
    np.testing.assert_array_equal(found.reflectivity.values[above], truth[above])
    np.testing.assert_allclose(
        found.reflectivity[:, :HOLE], np.broadcast_to(lowest, (COLUMNS, HOLE)), atol=1e-4
    )
    xr.testing.assert_identical(found.time, curtain.time)
    xr.testing.assert_identical(found.height, curtain.height)
    assert found.reflectivity.attrs["units"] == "dBZ"
    assert found.attrs["model"] == "repeat"


def test_what_lies_in_the_hole_does_not_matter(curtain, network):
    network.stochastic = False
    rows = xr.DataArray(np.arange(ROWS) < HOLE, dims="height")
    noise = curtain.assign(reflectivity=curtain.reflectivity.where(~rows))
    np.testing.assert_array_equal(
        keras_wx.predict(network, noise).reflectivity,
        keras_wx.predict(network, curtain).reflectivity,
    )


def test_a_jump_in_time_and_a_missing_profile_part_the_curtain(curtain, network):
    network.stochastic = False
    broken = curtain.copy(deep=True)
    broken.reflectivity[40] = np.nan
    found = keras_wx.predict(network, broken).reflectivity
    assert np.isnan(found[40]).all()
    times = curtain.time.values.copy()
    times[40:] += np.timedelta64(1, "h")
    jumped = keras_wx.predict(network, curtain.assign_coords(time=times)).reflectivity
    left = keras_wx.predict(network, curtain.isel(time=slice(40))).reflectivity
    right = keras_wx.predict(network, curtain.isel(time=slice(40, None))).reflectivity
    np.testing.assert_allclose(found[:40], left, atol=1e-4)
    np.testing.assert_allclose(found[41:], keras_wx.predict(
        network, curtain.isel(time=slice(41, None))
    ).reflectivity, atol=1e-4)  # fmt: skip
    np.testing.assert_allclose(jumped[:40], left, atol=1e-4)
    np.testing.assert_allclose(jumped[40:], right, atol=1e-4)


def test_members_differ_in_the_blind_zone_alone(curtain, network):
    network.stochastic = True
    ensemble = keras_wx.predict(network, curtain, members=4, seed=2)
    assert ensemble.reflectivity.dims == ("realization", "time", "height")
    spread = ensemble.reflectivity.std("realization").values
    mask = ensemble.blind_zone.values
    assert (spread[mask == 0] == 0).all()
    assert (spread[mask == 1] > 0).mean() > 0.1  # gates that all members see as clear do not differ
    above = mask == 0
    for member in ensemble.reflectivity.values:
        np.testing.assert_array_equal(member[above], curtain.reflectivity.values[above])
    again = keras_wx.predict(network, curtain, members=4, seed=2)
    xr.testing.assert_identical(again, ensemble)
    other = keras_wx.predict(network, curtain, members=4, seed=3)
    assert (other.reflectivity != ensemble.reflectivity).any()
    assert ensemble.attrs["seed"] == 2


def test_tiles_of_a_model_that_sees_columns_alone_leave_no_trace(curtain):
    model = keras_wx.load("repeat")
    whole = keras_wx.predict(model, curtain)
    tiled = keras_wx.predict(model, curtain, tile=(ROWS, 32), overlap=(0, 8))
    np.testing.assert_allclose(tiled.reflectivity, whole.reflectivity, atol=1e-4)


def broken(curtain: xr.Dataset) -> xr.Dataset:
    """With a missing profile at 40, two at the end, and a jump in time at 70."""
    found = curtain.copy(deep=True)
    found.reflectivity[[40, -2, -1]] = np.nan
    times = curtain.time.values.copy()
    times[70:] += np.timedelta64(1, "h")
    return found.assign_coords(time=times)


@pytest.mark.parametrize("members", [1, 3])
def test_a_store_holds_what_memory_would(curtain, network, tmp_path, members):
    network.stochastic = members > 1
    data = broken(curtain)
    whole = keras_wx.predict(network, data, members=members, seed=4)
    assert whole.reflectivity.isnull().all("height").sum() == 3 * members
    stored = keras_wx.predict(network, data, members=members, seed=4, path=tmp_path / "a.zarr")
    assert not stored["reflectivity"].variable._in_memory
    xr.testing.assert_identical(stored.load(), whole)
    again = xr.open_zarr(tmp_path / "a.zarr", consolidated=False)
    assert again.reflectivity.dims == (("realization",) if members > 1 else ()) + (
        "time",
        "height",
    )
    assert again.attrs["model"] == network.preset.full_name
    with pytest.raises(DataError, match="exists already"):
        keras_wx.predict(network, data, path=tmp_path / "a.zarr")


def test_what_a_killed_process_has_left_is_removed(curtain, tmp_path):
    left = tmp_path / ".a.zarr.partial"
    left.mkdir()
    (left / "zarr.json").write_text("{}")
    keras_wx.predict(keras_wx.load("repeat"), curtain, path=tmp_path / "a.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_two_processes_do_not_write_one_store(curtain, tmp_path):
    with (
        FileLock(tmp_path / ".a.zarr.lock"),
        pytest.raises(DataError, match="another process is writing"),
    ):
        keras_wx.predict(keras_wx.load("repeat"), curtain, path=tmp_path / "a.zarr")
    assert not (tmp_path / "a.zarr").exists()


def test_profiles_are_read_and_filled_in_a_few_at_a_time(curtain, tmp_path, monkeypatch):
    """Between two tiles no more is read than a tile, by the chunks that it touches, thrice."""
    for module in ("curtain", "curtain_inputs"):
        monkeypatch.setattr(f"keras_wx.inference.{module}.COLUMNS_AT_ONCE", 32)
    model, events = keras_wx.load("repeat"), []
    expected = keras_wx.predict(model, curtain)

    class Watched(type(model)):
        def predict_on_batch(self, x):
            events.append(("fill", x.shape[2]))
            return super().predict_on_batch(x)

    def read(block):
        events.append(("read", block.shape[0]))
        return block

    lazy = curtain.assign(reflectivity=curtain.reflectivity.chunk(time=8).copy())
    lazy["reflectivity"] = lazy.reflectivity.copy(
        data=lazy.reflectivity.data.map_blocks(read, dtype="float32")
    )
    events.clear()
    model.__class__ = Watched
    found = keras_wx.predict(model, lazy, path=tmp_path / "a.zarr")
    fills = [size for what, size in events if what == "fill"]
    assert fills == [32, 32, 32, 32]
    first, second = [at for at, (what, _) in enumerate(events) if what == "fill"][:2]
    read_between = sum(size for what, size in events[first:second] if what == "read")
    assert 0 < read_between <= 3 * 40
    assert sum(size for what, size in events if what == "read") > COLUMNS
    np.testing.assert_allclose(found.reflectivity, expected.reflectivity, atol=1e-4)


def test_tiles_in_batches(curtain, network):
    """A batch of tiles is one call; the last may have fewer."""
    network.stochastic = False
    calls = []
    monitored = network.predict_on_batch
    try:
        network.predict_on_batch = lambda x: calls.append(len(x)) or monitored(x)
        one, three = (
            keras_wx.predict(network, curtain, tile=(ROWS, 24), overlap=(0, 8), batch_size=size)
            for size in (1, 3)
        )
    finally:
        del network.predict_on_batch
    assert calls == [1] * 6 + [3, 3]
    np.testing.assert_allclose(one.reflectivity, three.reflectivity, atol=1e-3)


def test_missing_gates_outside_of_the_blind_zone_are_refused(curtain):
    broken = curtain.copy(deep=True)
    broken.reflectivity[7, 50] = np.nan
    with pytest.raises(DataError, match=r"NaN outside the mask.*row 50"):
        keras_wx.predict(keras_wx.load("repeat"), broken)


def test_a_curtain_without_profiles_is_refused(curtain):
    with pytest.raises(DataError, match="no profiles"):
        keras_wx.predict(keras_wx.load("repeat"), curtain.isel(time=slice(0)))


def test_options_of_forecasts_are_refused(curtain):
    with pytest.raises(ModelError, match=r"init_times.*curtains"):
        keras_wx.predict(keras_wx.load("repeat"), curtain, init_times="all")


def test_a_real_orbit_with_its_own_blind_zone(shared_data):
    orbit = keras_wx.open_dataset("gpm_ku", path=shared_data / "gpm_ku_brisbane_20141206.nc")
    model = keras_wx.load("repeat")
    found = keras_wx.predict(model, orbit, regrid=True)
    tops = np.maximum(orbit.blind_zone_top.values, model.preset.sample.blind_zone.height or 0)
    depth = (found.blind_zone == 1).sum("height").values
    expected = [(found.height.values < top).sum() for top in tops]
    np.testing.assert_array_equal(depth, expected)
    assert not found.reflectivity.isnull().any()


def test_profiles_without_a_state_are_told_of(curtain):
    curtain = curtain.copy(deep=True)
    curtain.temperature[30:33] = np.nan
    sample = keras_wx.info("unet3plus_kazr_era5").sample
    with pytest.warns(UserWarning, match=r"'temperature' is missing at every height in 3 of 96"):
        inputs = CurtainInputs(conform(curtain, sample), sample)
    assert [(run.start, run.stop) for run in inputs.runs()] == [(0, 30), (33, 96)]


@pytest.mark.parametrize("option", ["members", "batch_size", "seed"])
def test_numbers_that_are_not_whole(curtain, network, option):
    with pytest.raises(ModelError, match=f"{option}: expected a whole number.*1.5"):
        keras_wx.predict(network, curtain, **{option: 1.5})
