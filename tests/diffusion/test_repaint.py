"""RePaint against diffusers' order of steps, and on two correlated Gaussian numbers.

Of `x ~ N(MEAN, COVARIANCE)` the first number is known; the second one's mean and spread, given the
first, have a closed form, and so have those that the algorithm arrives at.
"""

import make_diffusion_golden as source
import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_wx.diffusion import DDIM, DDPM, CosineSchedule, DPMSolver, Heun, repaint, resampled
from keras_wx.errors import ModelError

SCHEDULE = CosineSchedule()
MEAN = np.array([0.2, -0.3])
COVARIANCE = np.array([[0.6, 0.48], [0.48, 0.6]])
KNOWN = 1.0
TRUE_MEAN = MEAN[1] + 0.8 * (KNOWN - MEAN[0])
TRUE_SPREAD = np.sqrt(0.6 * (1 - 0.8**2))


def test_the_order_equals_diffusers(golden):
    """RePaintScheduler with 25 steps, jump_length 5 and jump_n_sample 3."""
    np.testing.assert_array_equal(resampled(25, 5, 3), golden["repaint_order"])


@pytest.mark.slow
def test_the_golden_order_is_what_diffusers_gives(golden):
    pytest.importorskip("diffusers")
    pytest.importorskip("torch")
    np.testing.assert_array_equal(source.repaint_order(25, 5, 3), golden["repaint_order"])


def test_the_order_by_hand():
    """Two rows back when three rows remain, and when one does."""
    assert resampled(5, 2, 2) == [0, 1, 0, 1, 2, 3, 2, 3, 4]
    assert resampled(4, 10, 5) == resampled(4, 1, 1) == [0, 1, 2, 3]
    assert len(resampled(250, 10, 10)) == 2410, "as often as the paper's settings call the network"


def algorithm_moments(steps, jump_length, resamplings, variance):
    """Mean and spread of the second number, carried through the algorithm by its formulas."""
    every = SCHEDULE.steps // steps
    alphas_cumprod = np.append(1.0, SCHEDULE.alphas_cumprod[every - 1 :: every])
    remaining = [steps - row for row in resampled(steps, jump_length, resamplings)]
    mean, covariance, one = np.zeros(2), np.eye(2), np.eye(2)
    for left, then in zip(remaining, [*remaining[1:], 0], strict=True):
        now, reached = alphas_cumprod[left], alphas_cumprod[left - 1]
        beta = 1 - now / reached
        gain = np.sqrt(now) * COVARIANCE @ np.linalg.inv(now * COVARIANCE + (1 - now) * one)
        weight = np.sqrt(reached) * beta / (1 - now)
        factor = np.sqrt(1 - beta) * (1 - reached) / (1 - now) * one + weight * gain
        mean = factor @ mean + weight * (MEAN - np.sqrt(now) * gain @ MEAN)
        added = beta * (1 - reached) / (1 - now) if variance == "fixed_small" else beta
        covariance = factor @ covariance @ factor.T + added * (left > 1) * one
        mean[0], covariance[0] = np.sqrt(reached) * KNOWN, (1 - reached, 0)
        covariance[1, 0] = 0
        kept = alphas_cumprod[then] / reached
        mean, covariance = np.sqrt(kept) * mean, kept * covariance + (1 - kept) * one
    return mean[1], np.sqrt(covariance[1, 1])


def test_resampling_leads_to_what_is_true_of_the_gap():
    """In closed form: without it the gap hardly heeds what is known around it."""
    means = [algorithm_moments(250, 10, r, "fixed_large")[0] for r in (1, 3, 10, 50)]
    assert np.all(np.diff(np.abs(np.subtract(means, TRUE_MEAN))) < 0)
    assert abs(means[0] - TRUE_MEAN) > 0.2
    mean, spread = algorithm_moments(250, 10, 50, "fixed_large")
    assert mean == pytest.approx(TRUE_MEAN, abs=0.01)
    assert spread == pytest.approx(TRUE_SPREAD, abs=0.01)


def network(x, t):
    """The exact denoiser of the pair, at the whole times of the schedule."""
    alpha, sigma = (ops.reshape(v, (-1, 1)) for v in SCHEDULE.alpha_sigma(t))
    values, vectors = (v.astype("float32") for v in np.linalg.eigh(COVARIANCE))
    mean = MEAN.astype("float32")
    along = ops.matmul(x - alpha * mean, vectors)
    along = along * alpha * values / (alpha**2 * values + sigma**2)
    return mean + ops.matmul(along, vectors.T)


def start(number):
    every = stats.norm.ppf((np.arange(number) + 0.5) / number)
    rng = np.random.default_rng(0)
    return np.stack([rng.permutation(every), rng.permutation(every)], axis=1).astype("float32")


def repainted(sampler, steps, **options):
    import tensorflow as tf

    noise = start(6_000)
    known = np.full_like(noise, np.nan)
    known[:, 0] = KNOWN

    @tf.function
    def run(noise):
        return repaint(
            network,
            noise,
            known,
            np.array([1, 0]),
            SCHEDULE,
            sampler,
            steps,
            prediction="x0",
            seed=3,
            **options,
        )

    return ops.convert_to_numpy(run(noise))


@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
@pytest.mark.parametrize(("steps", "jump_length", "resamplings"), [(25, 5, 6), (20, 1, 1)])
def test_samples_have_the_moments_of_the_algorithm(steps, jump_length, resamplings, variance):
    found = repainted(
        DDPM(variance=variance), steps, jump_length=jump_length, resamplings=resamplings
    )
    mean, spread = algorithm_moments(steps, jump_length, resamplings, variance)
    assert np.all(found[:, 0] == KNOWN)
    assert found[:, 1].mean() == pytest.approx(mean, abs=0.02)
    assert found[:, 1].std() == pytest.approx(spread, rel=0.03)


def test_ddim_with_eta_1_is_the_ancestral_sampler():
    found = repainted(DDIM(eta=1.0), 25, jump_length=5, resamplings=3)
    mean, spread = algorithm_moments(25, 5, 3, "fixed_small")
    assert found[:, 1].mean() == pytest.approx(mean, abs=0.02)
    assert found[:, 1].std() == pytest.approx(spread, rel=0.03)


@pytest.mark.parametrize(
    ("sampler", "options", "message"),
    [
        (DPMSolver(), {}, "'ddpm' or 'ddim'"),
        (Heun(), {}, "'ddpm' or 'ddim'"),
        (DDPM(), {"jump_length": 0}, "at least 1"),
        (DDPM(), {"resamplings": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_inpainted(sampler, options, message):
    with pytest.raises(ModelError, match=message):
        repaint(
            network,
            start(4),
            start(4),
            np.array([1, 0]),
            SCHEDULE,
            sampler,
            10,
            prediction="x0",
            seed=0,
            **options,
        )
