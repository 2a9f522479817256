"""Optical flow: known motions are found, and nothing moves where nothing is seen to move."""

import numpy as np
import pytest
from moving_echo import rotated, translated
from scipy import ndimage

from keras_wx.baselines.advection import advect
from keras_wx.baselines.optical_flow import lucas_kanade_flow, variational_flow
from keras_wx.baselines.optical_flow.beyond_echo import beyond_echo
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


def blob(t: int, u: float, v: float) -> np.ndarray:
    """A single cell in the middle of nothing, `t` steps on its way."""
    y, x = np.indices((96, 96))
    return np.maximum(45 * np.exp(-((y - 30 - v * t) ** 2 + (x - 30 - u * t) ** 2) / 128) - 3, 0)


@pytest.mark.parametrize(("u", "v"), [(2, 1), (1, 0), (3, -1)])
def test_a_cell_keeps_its_speed_over_an_empty_grid(u, v):
    """After 15 steps it is where it should be, as large as before; the smoothness alone, without
    `beyond_echo`, left it up to six grid points behind with 0.7 of its echo."""
    velocity = variational(np.stack([blob(t, u, v) for t in (-1, 0)]))
    forecast, truth = advect(blob(0, u, v), velocity, 15, fill=0)[-1], blob(15, u, v)
    behind = np.subtract(ndimage.center_of_mass(forecast), ndimage.center_of_mass(truth))
    assert np.hypot(*behind) < 1.5
    assert forecast.sum() == pytest.approx(truth.sum(), rel=0.12)


def test_a_front_is_not_squeezed():
    """On a way of 30 grid points; without `beyond_echo` the edge stays 7 behind."""
    y, x = np.indices((96, 96))

    def front(t):
        cells = 0.7 + 0.3 * np.sin(y / 5) * np.cos((x - 2 * t) / 4)
        return 35 * np.clip((30 + 2 * t - x) / 4, 0, 1) * cells

    def edge(frame):
        return np.mean([np.flatnonzero(row > 15).max() for row in frame[20:70]])

    forecast = advect(front(0), variational(np.stack([front(-1), front(0)])), 15, fill=0)[-1]
    assert edge(forecast) == pytest.approx(edge(front(15)), abs=2)


def test_beyond_echo_by_loops():
    """Against sums over all points, each with its weight, from coarse to fine."""
    rng = np.random.default_rng(0)
    gray = np.zeros((20, 26))
    gray[6:12, 4:11] = rng.uniform(50, 200, (6, 7))
    velocity = rng.normal(size=(2, 20, 26))
    weight = ndimage.gaussian_gradient_magnitude(gray, 1) ** 2
    y, x = np.indices(gray.shape)
    expected = np.broadcast_to(
        (velocity * weight).sum((1, 2))[:, None, None] / weight.sum(), velocity.shape
    )
    trust = 0.03 * weight.mean()
    for sigma in (32, 8, 2):
        found = np.empty_like(velocity)
        for i, j in np.ndindex(gray.shape):
            near = np.exp(-((y - i) ** 2 + (x - j) ** 2) / (2 * sigma**2))
            near *= weight / (2 * np.pi * sigma**2)
            total = (velocity * near).sum((1, 2)) + trust * expected[:, i, j]
            found[:, i, j] = total / (near.sum() + trust)
        expected = found
    result = beyond_echo(velocity, gray)
    echo = gray > 0
    np.testing.assert_array_equal(result[:, echo], velocity[:, echo])
    np.testing.assert_allclose(result[:, ~echo], expected[:, ~echo], atol=0.01)


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
