"""Other variables, other grids: what of a trained network stays, and what follows by itself."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest

import keras_wx
from keras_wx.errors import PresetError, UnknownNameError

KEPT = ["reflectivity", "temperature"]
STATE = ["temperature", "specific_humidity", "eastward_wind", "northward_wind"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Networks of reflectivity and four state variables, with numbers that are not the initial."""
    folders = {}
    for name in ("unet3plus_curtain_era5_small", "unet3plus_kazr_era5"):
        model = keras_wx.load(name, weights=None, compile=False, filters=2, depth=3)
        rng = np.random.default_rng(0)
        model.set_weights([rng.normal(size=w.shape) for w in model.weights])
        folders[name] = keras_wx.save(model, tmp_path_factory.mktemp("saved") / name)
    return folders


def weights(model):
    return {w.path: keras.ops.convert_to_numpy(w) for w in model.weights}


def changed(folder, **options):
    """The weights of before and of after, and the warning."""
    before = weights(keras_wx.load(folder, compile=False))
    with pytest.warns(UserWarning, match="All others are kept") as caught:
        model = keras_wx.load(folder, compile=False, **options)
    (message,) = (str(w.message) for w in caught if w.category is UserWarning)
    return before, weights(model), model, message


def test_fewer_inputs_keep_the_channels_that_remain(saved):
    folder = saved["unet3plus_curtain_era5_small"]
    before, after, model, message = changed(folder, sample={"variables": KEPT})
    assert model.input_shape[-1] == model.preset.config["inputs"] == 3
    assert [v.name for v in model.preset.sample.variables] == [*KEPT, "blind_zone", "reflectivity"]
    assert before.keys() == after.keys()
    for path, old in before.items():
        new = after[path]
        if old.shape != new.shape:
            assert path.startswith("encoder_1")
            old = old[:, :, [0, 1, 5]]
        np.testing.assert_array_equal(new, old, err_msg=path)
    assert "no place in this configuration: the channels of specific_humidity, eastward" in message
    assert "start at random" not in message


def test_new_inputs_start_at_random(saved):
    new = {"role": "input", "units": "m s-1", "transform": {"linear": {"low": -3, "high": 3}}}
    before, after, model, message = changed(
        saved["unet3plus_curtain_era5_small"],
        sample={"variables": {"vertical_velocity": new, "eastward_wind": None}},
    )
    assert model.input_shape[-1] == 6
    (first,) = [p for p in before if p.startswith("encoder_1") and before[p].shape[-2:] == (6, 2)]
    # reflectivity, temperature, humidity, northward wind, vertical velocity, mask
    np.testing.assert_array_equal(
        after[first][:, :, [0, 1, 2, 3, 5]], before[first][:, :, [0, 1, 2, 4, 5]]
    )
    assert f"random: the channels of vertical_velocity in {first}" in message
    assert "no place in this configuration: the channels of eastward_wind" in message


def test_a_file_of_the_network_that_is_asked_for(saved, tmp_path):
    few = {"sample": {"variables": KEPT}, "filters": 2, "compile": False}
    model = keras_wx.load("unet3plus_curtain_era5_small", weights=None, **few)
    model.save_weights(tmp_path / "few.weights.h5")
    again = keras_wx.load(
        "unet3plus_curtain_era5_small", weights=tmp_path / "few.weights.h5", **few
    )
    for path, weight in weights(model).items():
        np.testing.assert_array_equal(weights(again)[path], weight)


def test_another_name_keeps_the_weights(saved):
    folder = saved["unet3plus_curtain_era5_small"]
    sample = keras_wx.info(folder).sample
    renamed = [
        v.model_copy(update={"name": "t_air" if v.name == "temperature" else v.name})
        for v in sample.variables
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = keras_wx.load(folder, sample=sample.model_copy(update={"variables": renamed}))
    before = weights(keras_wx.load(folder))
    assert all(np.array_equal(before[path], new) for path, new in weights(model).items())


def test_fewer_outputs_keep_theirs(saved):
    before, after, model, _ = changed(saved["unet3plus_kazr_era5"], sample={"variables": KEPT})
    assert model.output_shape[-1] == model.preset.config["outputs"] == 2
    heads = [path for path in before if path.startswith("head")]
    assert len(heads) == 8
    for path in heads:
        np.testing.assert_array_equal(after[path], before[path][..., :2], err_msg=path)


def test_a_network_reads_what_remains(saved):
    curtain = keras_wx.open_dataset("synthetic_curtain", columns=128, events=1)
    with pytest.warns(UserWarning, match="All others are kept"):
        model = keras_wx.load(
            saved["unet3plus_curtain_era5_small"], sample={"variables": KEPT}, width=32
        )
    assert model.preset.sample.grids["curtain"].shape == (128, 32)
    few = curtain[KEPT]
    windows = keras_wx.samples(few, model.preset, split=None, batch_size=2, stride=32, filter=None)
    assert windows[0][0].shape == (2, 128, 32, 3)
    assert keras_wx.predict(model, few).reflectivity.shape == (128, 128)


@pytest.mark.parametrize(
    ("overrides", "shape"),
    [
        ({"height": 64}, (64, 64)),
        ({"width": 32}, (128, 32)),
        ({"height": None, "width": 16}, (None, 16)),
    ],
    ids=str,
)
def test_the_grid_follows(overrides, shape):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = keras_wx.load("unet3plus_curtain_small", weights=None, filters=2, **overrides)
    assert model.preset.sample.grids["curtain"].shape == shape
    assert model.preset.sample.grids["curtain"].dims == ("height", "time")


def test_other_numbers_of_channels_are_warned_of():
    options = {"weights": None, "filters": 2, "compile": False}
    names = (
        "reflectivity, temperature, specific_humidity, eastward_wind, northward_wind, blind_zone"
    )
    with pytest.warns(UserWarning, match=rf"inputs=3 .* names 6: {names}.*\{{'variables'"):
        keras_wx.load("unet3plus_curtain_era5_small", inputs=3, **options)
    with pytest.warns(UserWarning, match="outputs=1 .* names 5: reflectivity"):
        keras_wx.load("unet3plus_kazr_era5", outputs=1, depth=3, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        keep = {"variables": KEPT}
        model = keras_wx.load("unet3plus_curtain_era5_small", inputs=3, sample=keep, **options)
    assert model.input_shape[-1] == 3


def test_what_is_no_change_of_a_sample():
    for sample, error, message in (
        ({"variables": ["reflectivty"]}, UnknownNameError, "Did you mean 'reflectivity'"),
        ({"variables": STATE}, PresetError, "at least one variable with role 'target'"),
        ({"stp": "4s"}, PresetError, "Did you mean 'step'"),
        ({"blind_zone": {"height": -1}}, PresetError, "blind_zone.height: .*greater than 0"),
    ):
        with pytest.raises(error, match=message):
            keras_wx.load("unet3plus_curtain_era5_small", weights=None, sample=sample)
