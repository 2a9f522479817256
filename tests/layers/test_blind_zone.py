"""Hiding and merging by a mask, and the class gate, against cases worked out by hand."""

import keras
import numpy as np
import pytest

from keras_wx.errors import ModelError
from keras_wx.layers import ClassGate, HideBlindZone, MergeMeasured, RepeatMeasured

# One column of four gates from the ground: blind, blind, ramp, measured; two variables, the mask.
COLUMN = np.array(
    [[[[0.1, 0.5, 1.0]], [[0.2, 0.6, 1.0]], [[0.3, 0.7, 0.4]], [[0.4, 0.8, 0.0]]]], "float32"
)


def column(y):
    return np.asarray(y)[0, :, 0]


def test_hides_every_variable_where_the_mask_is_one():
    expected = [[-1, -1, 1], [-1, -1, 1], [0.3, 0.7, 0.4], [0.4, 0.8, 0]]
    np.testing.assert_allclose(column(HideBlindZone()(COLUMN)), expected, rtol=1e-6)


def test_hides_the_first_variables_only():
    found = column(HideBlindZone(channels=1, value=-2)(COLUMN))
    np.testing.assert_allclose(found[:, 0], [-2, -2, 0.3, 0.4], rtol=1e-6)
    np.testing.assert_array_equal(found[:, 1:], COLUMN[0, :, 0, 1:])
    np.testing.assert_array_equal(HideBlindZone(channels=0)(COLUMN), COLUMN)


def test_what_is_hidden_may_be_anything():
    wrong = COLUMN.copy()
    wrong[0, :2, :, :2] = np.nan
    np.testing.assert_array_equal(HideBlindZone()(wrong), HideBlindZone()(COLUMN))


def test_repeats_the_lowest_gate_that_was_measured():
    expected = [[0.3, 0.7, 1], [0.3, 0.7, 1], [0.3, 0.7, 0.4], [0.4, 0.8, 0]]
    np.testing.assert_allclose(column(RepeatMeasured()(COLUMN)), expected, rtol=1e-6)
    found = column(RepeatMeasured(channels=1)(COLUMN))
    np.testing.assert_array_equal(found[:, 1:], COLUMN[0, :, 0, 1:])


def test_a_column_of_which_nothing_was_measured_is_clear():
    blind = COLUMN.copy()
    blind[..., :2], blind[..., 2] = np.nan, 1
    np.testing.assert_array_equal(column(RepeatMeasured()(blind))[:, :2], -1)


@pytest.mark.parametrize(("channels", "size"), [(3, 3), (-1, 3), (None, 1)])
def test_channels_that_are_not_there(channels, size):
    with pytest.raises(ModelError, match=f"at most {size - 1} hidden"):
        HideBlindZone(channels=channels)(COLUMN[..., -size:])


def test_merges_by_the_mask():
    forecast = np.full((1, 4, 1, 1), -0.5, "float32")
    expected = [-0.5, -0.5, 0.4 * -0.5 + 0.6 * 0.3, 0.4]
    np.testing.assert_allclose(column(MergeMeasured()(forecast, COLUMN))[:, 0], expected, rtol=1e-6)


def test_measurements_survive_a_network_that_went_wrong_and_half_precision():
    forecast = np.full((1, 4, 1, 2), np.nan, "float32")
    found = column(MergeMeasured(dtype="float32")(forecast, COLUMN))
    np.testing.assert_array_equal(found[3], COLUMN[0, 3, 0, :2])
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        curtain = COLUMN + np.float32(1e-4)  # nothing that bfloat16 could hold
        curtain[..., -1] = [[[0.999], [0.999], [0.4], [0.0]]]
        hidden = column(HideBlindZone()(curtain))
        merged = column(MergeMeasured()(np.zeros((1, 4, 1, 2), "float32"), curtain))
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(hidden, curtain[0, :, 0])  # 0.999 is no 1
    np.testing.assert_array_equal(merged[3], curtain[0, 3, 0, :2])


def test_gate_keeps_what_is_there_and_empties_the_rest():
    forecast = np.random.default_rng(0).normal(size=(3, 2, 2, 1)).astype("float32")
    classes = np.array([[0.2, 0.7], [0.7, 0.2], [0.5, 0.5]], "float32")
    found = np.asarray(ClassGate(empty=-1.0)(forecast, classes))
    np.testing.assert_array_equal(found[0], forecast[0])
    np.testing.assert_array_equal(found[1:], -1)


@pytest.mark.parametrize(
    "layer", [HideBlindZone(1, -2.0), RepeatMeasured(1), MergeMeasured(), ClassGate(-1.0)], ids=str
)
def test_config_round_trip(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
