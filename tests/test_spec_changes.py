"""Changes of a sample: other fields, fewer variables, new ones."""

from __future__ import annotations

import pytest

import keras_wx
from keras_wx import spec
from keras_wx.errors import PresetError, UnknownNameError


def test_merged_takes_variables_out_and_puts_new_ones_in():
    sample = keras_wx.info("unet3plus_kazr_era5").sample
    kept = sample.merged({"variables": ["reflectivity", "temperature"]})
    for role, names in {
        "input": ["reflectivity", "temperature"],
        "mask": ["blind_zone"],
        "target": ["reflectivity", "temperature"],
    }.items():
        assert [v.name for v in kept.of_role(role)] == names
    assert set(kept.variables) < set(sample.variables)
    winds = {"eastward_wind": None, "northward_wind": None, "specific_humidity": None}
    assert sample.merged({"variables": winds}) == kept

    new = {
        "role": "input",
        "units": "m s-1",
        "transform": {"linear": {"low": -3.0, "high": 3.0, "clip": False}},
    }
    more = sample.merged({"variables": {"vertical_velocity": new}})
    assert more.variables[:-1] == sample.variables
    assert more.inputs[-1].model_dump(exclude_defaults=True) == new | {
        "name": "vertical_velocity",
        "grid": "curtain",
    }
    with pytest.raises(UnknownNameError, match=r"'temperatur'.*'temperature'.*has role and units"):
        sample.merged({"variables": {"temperatur": {"fill": 0}}})
    with pytest.raises(UnknownNameError, match=r"'temperatur'.*'temperature'"):
        sample.merged({"variables": ["temperatur"]})
    with pytest.raises(PresetError, match=r"sample.variables.temperature: expected the fields"):
        sample.merged({"variables": {"temperature": "K"}})
    with pytest.raises(PresetError, match=r"or names to keep, received 'temperature'"):
        sample.merged({"variables": "temperature"})


def test_merged_keeps_what_a_blind_zone_says_beside():
    sample = keras_wx.info("unet3plus_kazr").sample.merged({"blind_zone": {"buffer": 2}})
    zone = sample.merged({"blind_zone": {"height": 800}}).blind_zone
    assert (zone.height, zone.buffer, zone.train_buffer) == (800, 2, (1, 9))
    assert sample.merged({"blind_zone": None}).blind_zone is None


def test_read_sample_is_whole_or_changes_another():
    sample = keras_wx.info("convlstm_hko").sample
    whole = sample.model_dump(mode="json")
    assert spec.read_sample(whole) == spec.read_sample(whole, sample) == sample
    assert spec.read_sample({"step": "10min"}, sample) == sample.merged({"step": "10min"})
    assert spec.read_sample(sample, sample) is sample
    with pytest.raises(PresetError, match=r"grids: this key is missing"):
        spec.read_sample({"step": "10min"})
    with pytest.raises(PresetError, match=r"step: expected a time such as '5min'"):
        spec.read_sample({"step": "ten"}, sample)
