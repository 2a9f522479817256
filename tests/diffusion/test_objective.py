"""What is drawn, and the loss, against plain NumPy."""

import numpy as np
import pytest
from keras import ops, random
from scipy import stats

from keras_wx.diffusion import (
    ContinuousCosineSchedule,
    CosineSchedule,
    Drawn,
    LinearSchedule,
    draw,
    loss,
    point_losses,
)
from keras_wx.errors import UnknownNameError

SCHEDULE = LinearSchedule(steps=100)
X0 = np.random.default_rng(0).normal(size=(3, 4, 5, 1)).astype("float32")
TIMES = np.float32([0, 40, 99])
NOISE = np.random.default_rng(1).normal(size=X0.shape).astype("float32")


def fixed():
    alpha, sigma = (table[TIMES.astype(int)].reshape(-1, 1, 1, 1) for table in tables())
    return Drawn(TIMES, NOISE, (alpha * X0 + sigma * NOISE).astype("float32"))


def tables():
    kept = np.cumprod(1 - np.linspace(1e-4, 0.02, 100) * 10)
    return np.sqrt(kept), np.sqrt(1 - kept)


@pytest.mark.parametrize("schedule", [SCHEDULE, CosineSchedule(), ContinuousCosineSchedule()])
def test_fields_are_noised_as_their_times_say(schedule):
    x0 = np.random.default_rng(0).normal(size=(64, 16, 16, 1)).astype("float32")
    drawn = draw(random.SeedGenerator(3), x0, schedule)
    times, noise, x_t = (ops.convert_to_numpy(each) for each in drawn)
    assert times.shape == (64,)
    assert len(np.unique(times)) > 25
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(1, abs=0.02)
    alpha, sigma = (
        ops.convert_to_numpy(v).reshape(-1, 1, 1, 1) for v in schedule.alpha_sigma(times)
    )
    np.testing.assert_allclose(x_t, alpha * x0 + sigma * noise, rtol=1e-5, atol=1e-5)


def test_noise_tells_nothing_of_the_time():
    """A whole number as the seed must not give both draws the same bits."""
    schedule = ContinuousCosineSchedule()
    drawn = draw(11, np.zeros((500, 1), "float32"), schedule)
    times, noise = (ops.convert_to_numpy(each).ravel() for each in (drawn.times, drawn.noise))
    assert abs(stats.spearmanr(times, noise).statistic) < 0.15


def test_seeds():
    generator = random.SeedGenerator(3)
    first, second = draw(generator, X0, SCHEDULE), draw(generator, X0, SCHEDULE)
    again = draw(random.SeedGenerator(3), X0, SCHEDULE)
    np.testing.assert_array_equal(first.x_t, again.x_t)
    assert np.abs(np.array(first.noise) - np.array(second.noise)).max() > 0.1
    np.testing.assert_array_equal(draw(5, X0, SCHEDULE).x_t, draw(5, X0, SCHEDULE).x_t)


@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v", "mean"])
@pytest.mark.parametrize("gamma", [None, 2.0])
def test_point_losses_equal_numpy(prediction, gamma):
    output = np.random.default_rng(2).normal(size=X0.shape).astype("float32")
    alpha, sigma = (v[TIMES.astype(int)].reshape(-1, 1, 1, 1) for v in tables())
    velocity = alpha * NOISE - sigma * X0
    targets = {"epsilon": NOISE, "x0": X0, "v": velocity, "mean": -velocity / sigma}
    target = targets[prediction]
    snr = alpha**2 / sigma**2
    weight = sigma**2 if prediction == "mean" else np.ones_like(snr)
    if gamma is not None:
        divisor = {"x0": 1, "epsilon": snr, "v": snr + 1, "mean": (snr + 1) ** 2}[prediction]
        weight = np.minimum(snr, gamma) / divisor
    expected = weight * (output - target) ** 2
    options = {"prediction": prediction, "min_snr_gamma": gamma}
    found = point_losses(output, fixed(), X0, SCHEDULE, **options)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-4, atol=1e-7)
    mean = loss(output, fixed(), X0, SCHEDULE, **options)
    assert float(mean) == pytest.approx(expected.mean(), rel=1e-5)


@pytest.mark.parametrize("shape", [(3,), (3, 4, 5), (3, 4, 5, 1)])
def test_masked_mean(shape):
    weight = np.random.default_rng(4).integers(0, 3, shape).astype("float32")
    expanded = np.broadcast_to(weight.reshape(shape + (1,) * (4 - len(shape))), X0.shape)
    found = loss(NOISE * 0, fixed(), X0, SCHEDULE, prediction="x0", sample_weight=weight)
    assert float(found) == pytest.approx(np.average(X0**2, weights=expanded), rel=1e-5)


def test_nothing_to_learn_from_is_no_loss():
    value = loss(NOISE, fixed(), X0, SCHEDULE, prediction="x0", sample_weight=np.zeros(3))
    assert float(value) == 0


def test_lower_precision_is_compared_in_float32():
    output = ops.cast(NOISE, "bfloat16")
    assert point_losses(output, fixed(), X0, SCHEDULE, prediction="v").dtype == "float32"


def test_an_unknown_prediction_is_named():
    with pytest.raises(UnknownNameError, match="prediction"):
        loss(NOISE, fixed(), X0, SCHEDULE, prediction="eps")
