"""Patches against plain NumPy."""

import keras
import numpy as np
import pytest
import reference_convlstm as reference

from keras_wx.errors import ModelError
from keras_wx.layers import DepthToSpace, SpaceToDepth


@pytest.mark.parametrize("lead", [(2,), (2, 3)], ids=["image", "sequence"])
@pytest.mark.parametrize(("patch_size", "channels"), [(1, 1), (2, 1), (2, 3), (3, 2)])
def test_equals_plain_numpy(lead, patch_size, channels):
    x = np.random.default_rng(0).normal(size=(*lead, 6, 12, channels)).astype("float32")
    patches = SpaceToDepth(patch_size)(x)
    np.testing.assert_array_equal(patches, reference.to_patches(x, patch_size))
    np.testing.assert_array_equal(DepthToSpace(patch_size)(patches), x)


def test_a_patch_holds_its_pixels_row_by_row():
    x = np.arange(16.0, dtype="float32").reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(SpaceToDepth(2)(x)[0, 0, 1], [2, 3, 6, 7])


def test_shapes_of_an_open_grid():
    patches = SpaceToDepth(2)(keras.Input((5, None, 8, 3)))
    assert patches.shape == (None, 5, None, 4, 12)
    assert DepthToSpace(2)(patches).shape == (None, 5, None, 8, 3)


@pytest.mark.parametrize("built_open", [True, False])
def test_patch_that_does_not_divide_the_grid(built_open):
    layer = SpaceToDepth(4)
    if built_open:
        layer(keras.Input((5, None, None, 1)))
    with pytest.raises(ModelError, match=r"patch_size=4 does not divide the grid.*\(8, 10\)"):
        layer(np.zeros((1, 5, 8, 10, 1), "float32"))


@pytest.mark.parametrize("layer", [SpaceToDepth, DepthToSpace])
def test_config_round_trip(layer):
    config = layer(3, name="p").get_config()
    assert layer.from_config(config).get_config() == config
