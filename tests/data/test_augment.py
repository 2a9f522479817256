"""Crops, flips and quarter turns, against plain indexing."""

from __future__ import annotations

import numpy as np
import pytest

from keras_wx.data.augment import Augmentation, Pose, centre, crop_kind, cropped_shape
from keras_wx.errors import DataError

FRAMES = np.arange(2 * 4 * 5).reshape(2, 4, 5)


def test_crop_then_flip_then_turn():
    pose = Pose(row=1, column=2, flip=True, mirror=True, quarter_turns=1)
    square = FRAMES[:, 1:4, 2:5]
    turned = np.stack([np.rot90(frame[::-1, ::-1]) for frame in square])
    np.testing.assert_array_equal(pose.apply(FRAMES, (3, 3)), turned)


@pytest.mark.parametrize("quarter_turns", range(4))
def test_a_turn_is_counterclockwise(quarter_turns):
    frame = np.array([[[1, 2], [3, 4]]])
    turned = Pose(quarter_turns=quarter_turns).apply(frame, (2, 2))[0]
    expected = [[[1, 2], [3, 4]], [[2, 4], [1, 3]], [[4, 3], [2, 1]], [[3, 1], [4, 2]]]
    assert turned.tolist() == expected[quarter_turns]


def test_nothing_asked_nothing_done():
    poses = Augmentation((), [(4, 5)]).draw(np.random.default_rng(0), 50)
    assert set(poses) == {Pose()}


def test_every_pose_occurs_about_as_often():
    augmentation = Augmentation(("flip", "rotate"), [(4, 4)], room=(1, 2))
    poses = augmentation.draw(np.random.default_rng(0), 9_600)
    kinds, counts = np.unique(np.array(poses), axis=0, return_counts=True)
    assert len(kinds) == 2 * 3 * 2 * 2 * 4
    # Binomial with p = 1/96: mean 100, standard deviation 10.
    assert 50 < counts.min() <= counts.max() < 150


def test_draws_depend_on_the_generator_alone():
    draw = Augmentation("flip", [(4, 4)]).draw
    assert draw(np.random.default_rng(3), 9) == draw(np.random.default_rng(3), 9)
    assert draw(np.random.default_rng(3), 9) != draw(np.random.default_rng(4), 9)


def test_turns_need_squares():
    with pytest.raises(DataError, match=r"square grid.*4 x 5.*augment=\('flip',\)"):
        Augmentation(("rotate",), [(4, 4), (4, 5)])
    Augmentation(("flip",), [(4, 5)])


def test_unknown_kind():
    with pytest.raises(DataError, match=r"augment: expected some of.*Received: \['shear'\]"):
        Augmentation(("flip", "shear"), [(4, 4)])


def test_kind_of_crop():
    assert crop_kind("auto", training=True) == "random"
    assert crop_kind("auto", training=False) == "center"
    assert crop_kind(None, training=True) is None
    with pytest.raises(DataError, match="crop='middle'"):
        crop_kind("middle", training=True)


def test_shape_of_a_sample():
    assert cropped_shape((9, 8), (4, None), "center") == (4, 8)
    assert cropped_shape((9, 8), (4, 4), None) == (9, 8)
    assert centre((9, 8), (4, 8)) == (slice(2, 6), slice(0, 8))
    with pytest.raises(DataError, match=r"grid of 10 x 4, the data have 9 x 8\. crop=None"):
        cropped_shape((9, 8), (10, 4), "random")
