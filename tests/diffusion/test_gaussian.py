"""Fields whose every denoiser, flow and sample is known: x0 ~ N(mean, spread^2), each by itself.

The denoiser is `E[x0 | x] = mean + alpha spread^2 (x - alpha mean) / var` with
`var = alpha^2 spread^2 + sigma^2`, the variance of x at that level. The flow of probability carries
each x along at the same number of standard deviations.

Plans of many steps are followed in plain NumPy and float64; the compiled loop, which other tests
compare with diffusers, comes in at the end.
"""

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_wx.diffusion import (
    DDIM,
    DDPM,
    ContinuousCosineSchedule,
    CosineSchedule,
    DPMSolver,
    Heun,
    LinearSchedule,
    sample,
    to_v,
)

MEAN, SPREAD = 0.3, 0.5
SCHEDULES = [
    CosineSchedule(),
    LinearSchedule(),
    CosineSchedule(zero_terminal_snr=True),
    ContinuousCosineSchedule(),
    ContinuousCosineSchedule(zero_terminal_snr=True),
]
CONTINUOUS = ContinuousCosineSchedule()


def denoised(x, alpha, sigma):
    variance = alpha**2 * SPREAD**2 + sigma**2
    return MEAN + alpha * SPREAD**2 * (x - alpha * MEAN) / variance


def quantiles(number):
    """A standard normal sample without the luck of the draw."""
    return stats.norm.ppf((np.arange(number) + 0.5) / number)[:, None]


def flow(start, first, last):
    """Where the flow takes the start, from one level (alpha, sigma) to another."""
    deviations = [np.sqrt(alpha**2 * SPREAD**2 + sigma**2) for alpha, sigma in (first, last)]
    return last[0] * MEAN + deviations[1] / deviations[0] * (start - first[0] * MEAN)


def followed(plan, x, noise=lambda number: 0.0):
    """The plan as its columns are documented."""
    x_before = x0_before = np.zeros_like(x)
    for i in range(len(plan)):
        x0 = denoised(x, plan.alpha[i], plan.sigma[i])
        x, x_before, x0_before = (
            plan.x[i] * x
            + plan.x_before[i] * x_before
            + plan.x0[i] * x0
            + plan.x0_before[i] * x0_before
            + plan.noise[i] * noise(i),
            x,
            x0,
        )
    return x


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@pytest.mark.parametrize(
    ("sampler", "steps"),
    [
        (DDIM(), 1000),
        (DDIM(spacing="logsnr"), 1000),
        (DPMSolver(), 200),
        (DPMSolver(spacing="logsnr"), 200),
        (DPMSolver(spacing="karras"), 200),
        (Heun(), 150),
        (Heun(spacing="logsnr"), 150),
    ],
    ids=repr,
)
def test_samplers_of_the_flow_end_where_it_does(schedule, sampler, steps):
    """Point by point, not only in the moments: at most a hundredth of the spread away."""
    start = quantiles(201)
    plan = sampler.plan(schedule, steps)
    expected = flow(start, (plan.alpha[0], plan.sigma[0]), (1.0, 0.0))
    assert np.abs(followed(plan, start) - expected).max() < 0.03 * SPREAD
    inside = np.abs(start) < 1
    assert np.abs(followed(plan, start) - expected)[inside].max() < 0.01 * SPREAD


def test_every_plan_is_finite_and_ends_at_the_clean_field():
    """From one step on; the factors of x and x0 in the last row are 0 and 1."""
    churning = Heun(churn=10.0, churn_min=0.1, churn_max=20.0)
    for schedule in SCHEDULES:
        for sampler in (DDPM(), DDPM("linspace"), DDIM(eta=0.5), DPMSolver("leading"), DPMSolver()):
            for steps in (1, 2, 3, 50, 500):
                table = sampler.plan(schedule, steps).table
                assert np.isfinite(table).all(), (schedule, sampler, steps)
                np.testing.assert_allclose(table[-1, 3:], [0, 0, 1, 0, 0], atol=1e-7)
        for sampler in (Heun(), churning, DDPM("karras"), DDIM("logsnr"), DPMSolver("karras")):
            for steps in (2, 3, 50, 500):
                table = sampler.plan(schedule, steps).table
                assert np.isfinite(table).all(), (schedule, sampler, steps)
                np.testing.assert_allclose(table[-1, 3:], [0, 0, 1, 0, 0], atol=1e-7)


@pytest.mark.parametrize(
    ("sampler", "order"),
    [(DDIM, 1), (DPMSolver, 2), (Heun, 2)],
    ids=["ddim", "dpm_solver", "heun"],
)
def test_order_of_convergence(sampler, order):
    """Half the step, half the error (DDIM) or a quarter of it.

    Between the first and the last noisy level: the single step from there to the clean field is the
    same however many steps there are.
    """
    start, errors = quantiles(21), []
    for steps in (40, 80, 160):
        plan = sampler(spacing="logsnr", sigma_min=0.01).plan(CONTINUOUS, steps)
        levels = [(plan.alpha[i], plan.sigma[i]) for i in (0, -1)]
        found = followed(plan.rows(range(len(plan) - 1)), start)
        errors.append(np.abs(found - flow(start, *levels)).max())
    rates = np.log2(np.divide(errors[:-1], errors[1:]))
    np.testing.assert_allclose(rates, order, atol=0.25)


@pytest.mark.parametrize("schedule", SCHEDULES[2:4], ids=repr)
@pytest.mark.parametrize(
    ("sampler", "steps"),
    [
        (DDPM(), 1000),
        (DDPM(variance="fixed_large"), 1000),
        (DDIM(eta=1.0), 1000),
        (DDIM(eta=0.5), 1000),
        (Heun(churn=30.0, churn_min=0.01, churn_max=20.0), 250),
    ],
    ids=repr,
)
def test_samplers_that_draw_have_the_moments(schedule, sampler, steps):
    """Mean, spread, and the share within one spread of the mean."""
    rng = np.random.default_rng(0)
    start = quantiles(10_000)
    found = followed(
        sampler.plan(schedule, steps), start, lambda number: rng.standard_normal(start.shape)
    )
    assert found.mean() == pytest.approx(MEAN, abs=0.03 * SPREAD)
    assert found.std() == pytest.approx(SPREAD, rel=0.025)
    assert np.mean(np.abs(found - MEAN) < SPREAD) == pytest.approx(0.6827, abs=0.015)


def ancestral_moments(variance, steps):
    """Mean and spread after so many ancestral steps, carried along by the formulas of the paper."""
    every = 1000 // steps
    alphas_cumprod = np.append(1.0, CosineSchedule().alphas_cumprod[every - 1 :: every])
    mean, spread_squared = 0.0, 1.0
    for k in range(steps, 0, -1):
        now, following = alphas_cumprod[k], alphas_cumprod[k - 1]
        beta = 1 - now / following
        weight = np.sqrt(following) * beta / (1 - now)
        gain = np.sqrt(now) * SPREAD**2 / (now * SPREAD**2 + 1 - now)
        factor = np.sqrt(1 - beta) * (1 - following) / (1 - now) + weight * gain
        mean = factor * mean + weight * MEAN * (1 - gain * np.sqrt(now))
        added = beta * (1 - following) / (1 - now) if variance == "fixed_small" else beta
        spread_squared = factor**2 * spread_squared + added * (k > 1)
    return mean, np.sqrt(spread_squared)


@pytest.mark.parametrize(
    ("sampler", "steps", "expected"),
    [
        (DDPM(), 25, ancestral_moments("fixed_small", 25)),
        (DDPM(variance="fixed_large"), 25, ancestral_moments("fixed_large", 25)),
        (DDIM(eta=1.0), 25, ancestral_moments("fixed_small", 25)),
        (DDIM(), 200, (MEAN, SPREAD)),
        (DPMSolver(), 40, (MEAN, SPREAD)),
        (Heun(), 60, (MEAN, SPREAD)),
    ],
    ids=repr,
)
def test_the_compiled_loop_has_the_moments(sampler, steps, expected):
    """The fewer the ancestral steps, the narrower (or wider) their samples must be: by formula."""
    import tensorflow as tf

    schedule = CosineSchedule()

    def network(x, t):
        alpha, sigma = (ops.reshape(v, (-1, 1)) for v in schedule.alpha_sigma(t))
        return to_v("x0", denoised(x, alpha, sigma), x, alpha, sigma)

    @tf.function
    def run(noise):
        return sample(network, noise, schedule, sampler, steps, prediction="v", seed=5)

    found = ops.convert_to_numpy(run(quantiles(20_000).astype("float32")))
    assert found.mean() == pytest.approx(expected[0], abs=0.02 * SPREAD)
    assert found.std() == pytest.approx(expected[1], rel=0.02)


def test_few_ancestral_steps_show():
    """What the test above tells apart."""
    assert ancestral_moments("fixed_small", 25)[1] < 0.9 * SPREAD
    assert ancestral_moments("fixed_large", 25)[1] > 1.02 * SPREAD


def test_churn_is_algorithm_2_of_karras():
    """Against the algorithm written out in `sigma / alpha`, with the same noise at each step."""
    steps, sampler = 12, Heun(churn=4.0, churn_min=0.05, churn_max=30.0, churn_noise=1.003)
    plan = sampler.plan(CONTINUOUS, steps)
    noise = np.random.default_rng(0).normal(size=(len(plan), 9, 1))

    def slope(y, s):
        return (y - denoised(y, 1.0, s)) / s

    ramp = np.linspace(0, 1, steps)
    s = np.append((80 ** (1 / 7) + ramp * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7, 0)
    y = quantiles(9) * np.sqrt(1 + 80**2)
    for i in range(steps):
        gamma = min(4.0 / steps, np.sqrt(2) - 1) if 0.05 <= s[i] <= 30 else 0
        hat = s[i] * (1 + gamma)
        if gamma:
            y = y + np.sqrt(hat**2 - s[i] ** 2) * 1.003 * noise[2 * i - 1]
        here = slope(y, hat)
        following = y + (s[i + 1] - hat) * here
        if s[i + 1] > 0:
            following = y + (s[i + 1] - hat) * (here + slope(following, s[i + 1])) / 2
        y = following
    found = followed(plan, quantiles(9), lambda number: noise[number])
    np.testing.assert_allclose(found, y, rtol=1e-9)
