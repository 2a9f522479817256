"""What a stochastic baseline draws follows from seed, frames and member, and from nothing else."""

import numpy as np
import pytest

from keras_wx.baselines import Baseline
from keras_wx.baselines.base import Draws
from keras_wx.inference.network import is_stochastic, seeded


class Dice(Baseline):
    """One number a forecast."""

    stochastic = True

    def forecast(self, x):
        return np.stack([self.rng.next(frames).random((1, 1, 1, 1)) for frames in x])


FRAMES = np.arange(3 * 2 * 4, dtype="float32").reshape(3, 2, 2, 2, 1)


def throws(model, *batches, seed=1):
    with seeded(model, seed):
        return np.concatenate([model.predict(batch) for batch in batches]).ravel()


def test_batches_and_order_change_nothing():
    model = Dice()
    a, b, c = FRAMES[:, None]
    together = throws(model, FRAMES, FRAMES)  # two members of each
    assert len(set(together)) == 6
    np.testing.assert_array_equal(throws(model, a, b, c, a, b, c), together)
    np.testing.assert_array_equal(throws(model, c, c, a, b, a, b), together[[2, 5, 0, 1, 3, 4]])
    np.testing.assert_array_equal(throws(model, b), together[1:2])
    np.testing.assert_array_equal(throws(Dice(), FRAMES.astype("float64")), together[:3])


def test_seeds_differ():
    model = Dice()
    assert not set(throws(model, FRAMES, seed=1)) & set(throws(model, FRAMES, seed=2))


def test_without_a_seed_every_call_differs():
    one, other = Dice(), Dice()
    values = [*one.predict(FRAMES).ravel(), *one.predict(FRAMES).ravel()]
    assert len({*values, *other.predict(FRAMES).ravel()}) == 9


def test_seeded_gives_back_what_was():
    model, twin = Dice(), Dice()
    model.rng, twin.rng = Draws(5), Draws(5)
    before = model.predict(FRAMES)
    np.testing.assert_array_equal(twin.predict(FRAMES), before)
    with pytest.raises(TypeError), seeded(model, 1):
        model.predict(None)
    np.testing.assert_array_equal(model.predict(FRAMES), twin.predict(FRAMES))


def test_draws_are_uniform():
    """Neighbouring frames and members give numbers that have nothing to do with each other."""
    draws = Draws(0)
    frames = [np.full((1, 1, 1), value, "float32") for value in range(200)]
    numbers = np.array([[draws.next(f).random() for f in frames] for _ in range(20)])
    assert abs(numbers.mean() - 0.5) < 0.02
    assert abs(numbers.var() - 1 / 12) < 0.006
    assert np.abs(np.corrcoef(numbers) - np.eye(20)).max() < 0.3  # standard error 0.07


def test_only_who_says_so_is_stochastic():
    assert is_stochastic(Dice())
    assert not is_stochastic(Baseline())
