"""Optical flow: known motions are found, and nothing moves where nothing is seen to move."""

import numpy as np
import pytest
from moving_echo import rotated, translated

from keras_wx.baselines.optical_flow import lucas_kanade_flow, variational_flow
from keras_wx.baselines.optical_flow.gray import check_gray_range, to_gray
from keras_wx.errors import ModelError


def variational(frames: np.ndarray) -> np.ndarray:
    return variational_flow(*to_gray(frames[-2:]))


def lucas_kanade(frames: np.ndarray) -> np.ndarray:
    return lucas_kanade_flow(to_gray(frames))


BOTH = pytest.mark.parametrize("flow", [variational, lucas_kanade])


# === Known motions ===


@BOTH
@pytest.mark.parametrize(("u", "v"), [(0.6, -0.35), (-1.4, 2.2), (0.15, 0.1)])
def test_finds_parts_of_a_grid_point(flow, u, v):
    frames = translated(u, v, np.arange(-2, 1))
    speeds = flow(frames)[:, frames[-1] > 10]
    np.testing.assert_allclose(speeds.mean(axis=1), [u, v], atol=0.05)
    assert np.abs(speeds - [[u], [v]]).max() < 0.5


@BOTH
@pytest.mark.parametrize("size", [64, 101])
def test_finds_a_motion_that_needs_the_pyramid(flow, size):
    frames = translated(8, -5, np.arange(-2, 1), size)
    error = flow(frames)[:, frames[-1] > 10] - [[8], [-5]]
    assert np.abs(error).mean() < 0.25


@BOTH
def test_finds_a_rotation(flow):
    frames, velocity = rotated(4, np.arange(-2, 1))
    echo = frames[-1] > 10
    error = flow(frames)[:, echo] - velocity[:, echo]
    assert np.abs(velocity[:, echo]).max() > 1.5
    assert np.abs(error).mean() < 0.4 * np.abs(velocity[:, echo]).mean()


@BOTH
def test_finds_different_motions_side_by_side(flow):
    left = translated(1.5, 0, np.arange(-2, 1), 48)
    right = translated(0, -1.5, np.arange(-2, 1), 48)
    velocity = flow(np.concatenate([left, right], axis=2))
    for part, known in ((np.s_[:, :, :48], (1.5, 0)), (np.s_[:, :, 48:], (0, -1.5))):
        echo = (left if known[0] else right)[-1] > 15
        np.testing.assert_allclose(velocity[part][:, echo].mean(axis=1), known, atol=0.2)


def test_velocity_belongs_to_the_newer_frame():
    """A small cell far from its old place: the flow has to be where the advection starts."""
    y, x = np.indices((40, 80))
    older, newer = (np.maximum(0, 50 - 4 * np.hypot(y - 20, x - column)) for column in (30, 36))
    velocity = variational(np.stack([older, newer]))
    assert abs(velocity[0, 20, 36] - 6) < 0.5


# === Where nothing is seen to move ===


@BOTH
def test_velocity_reaches_where_there_is_no_echo(flow):
    frames = translated(1.2, -0.8, np.arange(-2, 1))
    velocity = flow(frames)
    assert np.isfinite(velocity).all()
    beside = (frames == 0).all(axis=0)
    assert beside.mean() > 0.3
    error = velocity[:, beside] - [[1.2], [-0.8]]
    assert np.abs(error).mean() < 0.4
    assert np.abs(np.diff(velocity, axis=1)).max() < 1, "a jump from one row to the next"


@BOTH
@pytest.mark.parametrize("value", [0.0, 23.5])
def test_constant_frames_stand_still(flow, value):
    np.testing.assert_array_equal(flow(np.full((3, 20, 31), value)), 0)


@BOTH
def test_echo_that_stands_still_stands_still(flow):
    np.testing.assert_allclose(flow(translated(0, 0, np.arange(3))), 0, atol=1e-3)


@BOTH
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 2), (8, 8), (5, 17), (33, 64)])
def test_any_grid(flow, shape):
    frames = np.random.default_rng(0).uniform(0, 50, size=(3, *shape))
    velocity = flow(frames)
    assert velocity.shape == (2, *shape)
    assert np.isfinite(velocity).all()


# === Gray levels ===


def test_gray_levels_are_linear_and_clipped():
    gray = to_gray(np.array([-32, 0, 15, 60, 75]))
    np.testing.assert_allclose(gray, [0, 0, 63.75, 255, 255])
    np.testing.assert_allclose(to_gray(np.array([0.5]), (0, 1)), [127.5])


def test_nonlinear_gray_levels():
    """arctan(0) in the middle, arctan(1) = pi/4 four dBZ above it."""
    ends = np.arctan([-33 / 4, 27 / 4])
    expected = 255 * (np.array([0, np.pi / 4, np.inf]) - ends[0]) / (ends[1] - ends[0])
    expected[2] = 255
    np.testing.assert_allclose(to_gray(np.array([33, 37, 60]), nonlinear=True), expected, rtol=1e-6)


@pytest.mark.parametrize("ends", [(0,), (60, 0), (5, 5), (0, np.nan)])
def test_a_range_of_gray_has_two_ends(ends):
    with pytest.raises(ModelError, match="low and high"):
        check_gray_range(ends)
