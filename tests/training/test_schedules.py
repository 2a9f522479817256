"""Learning rates against plain NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_wx.spec import Training
from keras_wx.training.schedules import LearningRate, learning_rate

STEPS = np.arange(120)


def recipe(**options):
    return Training(loss="mse", optimizer="adam", epochs=10, **options)


def rates(**options):
    schedule = learning_rate(recipe(**options), 1e-3, steps_per_epoch=10)
    return np.array([float(schedule(step)) for step in STEPS])


def test_constant_needs_no_schedule():
    assert learning_rate(recipe(), 1e-3, 10) is None
    assert learning_rate(recipe(schedule="constant"), 1e-3, 10) is None


def test_warm_up_and_fall():
    # As recipes/convlstm_hko_taasrad19.py has it: full after 8 steps, falling over the last 20.
    expected = 1e-3 * np.clip(np.minimum((STEPS + 1) / 8, (100 - STEPS) / 20), 0, 1)
    np.testing.assert_allclose(rates(warmup_steps=8, schedule="fall"), expected, atol=1e-10)


def test_cosine_begins_after_the_warm_up():
    expected = np.where(
        STEPS < 20,
        (STEPS + 1) / 20,
        0.1 + 0.9 * (1 + np.cos(np.pi * np.minimum((STEPS - 20) / 80, 1))) / 2,
    )
    found = rates(warmup_steps=20, schedule={"cosine": True, "end": 0.1})
    np.testing.assert_allclose(found, 1e-3 * expected, rtol=1e-5)


def test_drops():
    expected = 1e-3 * np.select([STEPS < 45 // 10 * 10, STEPS < 70], [1, 0.1], 0.02)
    found = rates(schedule={"drops": {4: 0.1, "7": 0.2}})
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_round_trip():
    schedule = LearningRate(0.1, 50, warmup=3, drops={20: 0.5}, cosine=True, end=0.01)
    optimizer = keras.optimizers.SGD(schedule)
    again = keras.optimizers.SGD.from_config(optimizer.get_config())._learning_rate
    for step in (0, 2, 19, 20, 49):
        assert float(again(step)) == float(schedule(step))


@pytest.mark.parametrize("value", ["cosin", {"drop": {1: 0.1}}, {"drops": {4: 0}}, {"fall": 2}])
def test_nonsense_is_refused(value):
    with pytest.raises(ValueError, match="schedule"):
        recipe(schedule=value)
