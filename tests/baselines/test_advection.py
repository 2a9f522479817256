"""Advection: equal to pysteps, and to what can be said without computing."""

from pathlib import Path

import numpy as np
import pytest

from keras_wx.baselines.advection import advect, displacements
from keras_wx.errors import ModelError

GOLDEN = Path(__file__).parents[1] / "golden" / "advection_pysteps.npz"


def uniform(u: float, v: float, shape=(9, 12)) -> np.ndarray:
    return np.stack([np.full(shape, u), np.full(shape, v)])


def rotation(shape: tuple[int, int], degrees: float) -> np.ndarray:
    """Solid rotation about the middle of the grid, by so many degrees a step."""
    y, x = np.indices(shape) - (np.array(shape).reshape(2, 1, 1) - 1) / 2
    return np.deg2rad(degrees) * np.stack([-y, x])


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("iterations", [0, 1])
def test_equals_what_pysteps_once_gave(iterations, order):
    golden = np.load(GOLDEN)
    moved = advect(
        golden["frame"], golden["velocity"], 5, fill=-10, iterations=iterations, order=order
    )
    expected = golden[f"iterations_{iterations}_order_{order}"]
    assert (expected == -10).mean() > 0.05, "nothing enters from outside: a weaker test"
    np.testing.assert_allclose(moved, expected, atol=1e-5)


# pysteps' first guess of the midpoint is a whole step long where a step has several parts, so
# only 0 and 1 compare.
@pytest.mark.parametrize("iterations", [0, 1])
@pytest.mark.parametrize("shape", [(64, 64), (5, 8), (1, 7)])
def test_equals_pysteps(shape, iterations):
    semilagrangian = pytest.importorskip("pysteps.extrapolation.semilagrangian")
    generator = np.random.default_rng(0)
    frame = generator.normal(size=shape)
    velocity = generator.normal(1, 1, size=(2, *shape))
    expected = semilagrangian.extrapolate(frame, velocity, 15, n_iter=iterations)
    np.testing.assert_allclose(
        advect(frame, velocity, 15, iterations=iterations), expected, atol=1e-12
    )


def test_whole_grid_points_are_exact():
    frame = np.random.default_rng(0).normal(size=(9, 12)).astype("float32")
    moved = advect(frame, uniform(2, -1), steps=3, fill=-7)
    assert moved.dtype == "float32"
    for step in (1, 2, 3):
        expected = np.full_like(frame, -7)
        expected[: 9 - step, 2 * step :] = frame[step:, : 12 - 2 * step]
        np.testing.assert_array_equal(moved[step - 1], expected)


def test_half_a_grid_point_is_the_mean_of_neighbours_however_often():
    frame = np.random.default_rng(0).normal(size=(9, 12))
    moved = advect(frame, uniform(0.5, 0), steps=3)
    np.testing.assert_allclose(moved[0][:, 1:], (frame[:, 1:] + frame[:, :-1]) / 2)
    np.testing.assert_allclose(moved[2][:, 2:], (frame[:, 1:-1] + frame[:, :-2]) / 2)
    assert np.isnan(moved[0][:, 0]).all()


def test_a_quarter_turn():
    """A field linear in x and y is interpolated without error: what remains is the path's."""
    shape = (33, 33)
    y, x = np.indices(shape) - 16.0
    disc = np.hypot(x, y) < 15
    errors = []
    for iterations in (0, 1, 4):
        turned = advect(x, rotation(shape, 5), 18, iterations=iterations)[-1]
        errors.append(np.abs(turned - y)[disc].max())  # what was at the right is at the bottom
    assert errors[0] > 0.5
    assert errors[1] < 0.05
    assert errors[2] < 0.07 * errors[1]  # of second order: 4 parts, 16 times less


def test_a_displacement_follows_the_path():
    """Where the velocity grows along x, what arrives has travelled at the speeds behind it."""
    x = np.arange(40.0)
    velocity = np.stack([np.tile(0.1 * x, (3, 1)), np.zeros((3, 40))])
    *_, last = displacements(velocity, 5, iterations=4)
    np.testing.assert_allclose(last[0], np.tile(x * (1 - np.exp(-0.5)), (3, 1)), rtol=1e-3)
    np.testing.assert_array_equal(last[1], 0)


def test_nothing_leaves_the_range():
    generator = np.random.default_rng(0)
    frame = generator.uniform(0, 50, size=(30, 30))
    moved = advect(frame, generator.normal(size=(2, 30, 30)), 10, fill=0)
    assert moved.min() >= 0
    assert moved.max() <= frame.max()


def test_zero_velocity_keeps_the_frame():
    frame = np.random.default_rng(0).normal(size=(6, 5))
    np.testing.assert_array_equal(advect(frame, np.zeros((2, 6, 5)), 4), np.stack([frame] * 4))


def test_a_frame_of_whole_numbers_becomes_a_float():
    moved = advect(np.arange(12).reshape(3, 4), uniform(0.5, 0, (3, 4)), 1)
    np.testing.assert_array_equal(moved[0, :, 1:], np.arange(12).reshape(3, 4)[:, 1:] - 0.5)


def test_refuses_what_does_not_fit():
    with pytest.raises(ModelError, match=r"\(9, 12\) and \(2, 9, 11\)"):
        advect(np.zeros((9, 12)), np.zeros((2, 9, 11)), 1)
    velocity = np.zeros((2, 9, 12))
    velocity[0, 3, 3] = np.nan
    with pytest.raises(ModelError, match="1 values not finite"):
        advect(np.zeros((9, 12)), velocity, 1)
