"""Names of channels, against the arrays that samples stack."""

from __future__ import annotations

import explain_cases as cases
import numpy as np

import keras_wx
from keras_wx.explain.channels import data_channels


def test_channels_are_named_as_samples_stack_them():
    common = {"units": "1", "grid": "radar"}
    sample = cases.preset_of(
        "nowcast",
        {"radar": {}},
        [
            {"name": "terrain", "role": "static", **common},
            {"name": "covered", "role": "mask", "steps": [-1, 0], **common},
            {"name": "rain", "role": "input", "steps": [-1, 0], **common},
            {"name": "rain", "role": "target", "steps": [1, 1], **common},
        ],
        step="5min",
    ).sample
    field = cases.radar().reflectivity
    data = field.to_dataset(name="rain").map(np.zeros_like)
    data["covered"] = data.rain + 1
    data["terrain"] = data.rain[0].drop_vars("time") + 2
    for each in data.data_vars.values():
        each.attrs["units"] = "1"
    x, *_ = keras_wx.samples(data, sample, split=None, batch_size=1)[0]
    named = {
        variable.name: float(x[..., at].mean()) for at, variable in data_channels(sample).items()
    }
    assert named == {"rain": 0, "terrain": 2}
