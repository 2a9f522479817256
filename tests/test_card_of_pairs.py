"""The card of a model of downscaling: grids that meet, statistics of groups, no long lists."""

from __future__ import annotations

import numpy as np

import keras_wx


def text(preset) -> str:
    return " ".join(str(preset).split())


def test_grids_that_meet():
    card = text(keras_wx.info("unet_merra2_g5nr"))
    assert "layout channels: each frame of a variable is one" in card
    assert "coarse_lon 0.625deg, nearest onto fine" in card
    assert "minmax(from the training part), numbers by season and area" in card
    assert "layout" not in text(keras_wx.info("convlstm_hko"))


def test_statistics_of_groups():
    preset = keras_wx.info("transfer_unet_merra2")
    numbers = {"low": -6.0, "high": -0.5}

    def card(groups):
        statistics = dict.fromkeys(groups, numbers)
        variables = tuple(
            v.model_copy(update={"statistics": statistics}) for v in preset.sample.variables
        )
        sample = preset.sample.model_copy(update={"variables": variables})
        return text(preset.model_copy(update={"sample": sample}))

    few = card(["DJF/A0", "JJA/A0"])
    assert "by season and area: DJF/A0(low=-6, high=-0.5), JJA/A0(low=-6, high=-0.5)" in few
    assert "numbers by season and area of 12 groups" in card(map(str, range(12)))


def test_quantiles_are_not_listed():
    preset = keras_wx.info("quantile_mapping")
    quantiles = np.linspace(250, 300, 1001).tolist()
    config = {"quantiles": 1000, "coarse": quantiles, "fine": quantiles}
    card = text(preset.model_copy(update={"config": config}))
    assert "coarse=[250.0, ... 1,001 in all ..., 300.0]" in card
    assert len(card) < 2000
