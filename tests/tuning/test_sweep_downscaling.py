"""What a search over models of downscaling refuses and adds, before anything is trained."""

from __future__ import annotations

import pytest

import keras_wx
from keras_wx.errors import PresetError, TrainingError, UnknownNameError
from keras_wx.tuning.checks import (
    VAL_MEMBERS,
    check_first,
    check_keys,
    direction_of,
    with_draws,
)

DDPM = keras_wx.info("ddpm_ncep_air")


@pytest.mark.parametrize("key", ["config.prediction", "config.min_snr_gamma", "config.schedule"])
def test_a_loss_of_another_question(key):
    with pytest.raises(TrainingError, match=rf"since {key} varies.*objective='val_crps'"):
        check_keys([key], DDPM, "val_loss", "random")
    check_keys([key], DDPM, "val_crps", "random")
    check_keys(["config.dropout"], DDPM, "val_loss", "random")


def test_fields_are_drawn_for_an_objective_that_needs_them():
    assert with_draws({"epochs": 3}, "val_loss", DDPM) == {"epochs": 3}
    assert with_draws({}, "val_crps", DDPM) == {"val_members": VAL_MEMBERS}
    assert with_draws({"val_members": 2}, "val_crps", DDPM) == {"val_members": 2}
    unet = keras_wx.info("unet_ncep_air")
    assert with_draws({}, "val_mae", unet) == {"val_members": 1}
    radar = keras_wx.info("convlstm_hko")
    assert with_draws({}, "val_mae", radar) == {}
    for objective in ("val_crps", "val_mae"):
        assert direction_of(objective, DDPM.training, DDPM) == "min"
    with pytest.raises(UnknownNameError):
        direction_of("val_crps", radar.training, radar)


def test_the_first_sample_is_that_of_load():
    """A whole sample, a list of variables, and changes of some: each as `load` takes it."""
    whole = DDPM.sample.model_dump(mode="json")
    for sample in (DDPM.sample, whole, {"step": "6h"}, {"variables": ["air", "coarse_air"]}, None):
        check_first({}, DDPM, {"sample": sample})
    with pytest.raises(UnknownNameError, match="coarse_air"):
        check_first({}, DDPM, {"sample": {"variables": ["air", "coarse_aer"]}})
    with pytest.raises(PresetError, match="layout"):
        check_first({}, DDPM, {"sample": {"layout": "rows"}})
    with pytest.raises(UnknownNameError, match="widths"):
        check_first({}, DDPM, {"config": {"width": [8]}})
