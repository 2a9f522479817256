"""Schedules against diffusers' tables, and against numbers from the papers' formulas."""

import json

import numpy as np
import pytest
from keras import ops

from keras_wx.diffusion import ContinuousCosineSchedule, CosineSchedule, LinearSchedule, Schedule
from keras_wx.errors import ModelError, UnknownNameError

EVERY = [
    CosineSchedule(steps=50),
    CosineSchedule(steps=50, s=0.01, max_beta=0.9, zero_terminal_snr=True),
    LinearSchedule(steps=50),
    LinearSchedule(steps=50, last_beta=0.01, zero_terminal_snr=True),
    ContinuousCosineSchedule(steps=50),
    ContinuousCosineSchedule(steps=50, min_logsnr=-15.0, zero_terminal_snr=True),
]


@pytest.mark.parametrize("schedule", [CosineSchedule(), LinearSchedule()], ids=lambda s: s.name)
def test_equal_diffusers_in_float64(schedule, golden):
    """beta_schedule "squaredcos_cap_v2" and "linear" (beta_start 1e-4, beta_end 0.02) of T=1000."""
    np.testing.assert_allclose(
        schedule.alphas_cumprod, golden[f"schedule_{schedule.name}"], rtol=1e-11
    )


@pytest.mark.parametrize("kind", [CosineSchedule, LinearSchedule])
def test_zero_terminal_snr_equals_diffusers(kind, golden):
    """rescale_betas_zero_snr=True, in float64."""
    table = kind(zero_terminal_snr=True).alphas_cumprod
    expected = golden[f"schedule_{kind.name}_zero_terminal_snr"]
    np.testing.assert_allclose(table, expected, rtol=1e-9, atol=1e-16)
    assert table[-1] == 0
    np.testing.assert_allclose(table[0], kind().alphas_cumprod[0], rtol=1e-14)


def test_cosine_by_hand():
    """T = 2: f(0), f(1), f(2) = cos^2 of 0.008/1.008, 0.508/1.008 and 1 times pi/2."""
    f = np.cos(np.array([0.008, 0.508, 1.008]) / 1.008 * np.pi / 2) ** 2
    betas = CosineSchedule(steps=2).betas()
    np.testing.assert_allclose(betas, [1 - f[1] / f[0], 0.999], rtol=1e-12)


def test_linear_keeps_its_end_at_another_number_of_steps():
    table = [LinearSchedule(steps=n).alphas_cumprod[-1] for n in (500, 1000, 4000)]
    np.testing.assert_allclose(np.log(table), np.log(table[1]), rtol=0.01)
    np.testing.assert_allclose(LinearSchedule(steps=500).betas()[[0, -1]], [2e-4, 0.04])


def test_continuous_cosine_by_hand():
    """From logsnr 20 at t = -1 to -20 at t = T - 1, and 0 half way, linear in the angle."""
    schedule = ContinuousCosineSchedule(steps=100)
    times = np.array([-1.0, 49.0, 24.5, 99.0])
    alpha, sigma = (ops.convert_to_numpy(v) for v in schedule.alpha_sigma(times))
    ends = np.arctan(np.exp([-10.0, 10.0]))
    angle = ends[0] + 0.255 * (ends[1] - ends[0])
    expected = [np.exp(-10), 1.0, np.tan(angle), np.exp(10)]
    np.testing.assert_allclose(sigma / alpha, expected, rtol=2e-3)
    np.testing.assert_allclose(alpha**2 + sigma**2, 1, rtol=1e-6)
    np.testing.assert_allclose(schedule.sigmas[-1] / schedule.alphas[-1], np.exp(10), rtol=1e-9)


@pytest.mark.parametrize("schedule", EVERY, ids=repr)
class TestEverySchedule:
    def test_noise_only_rises(self, schedule):
        assert np.all(np.diff(schedule.alphas) < 0)
        assert np.all(np.diff(schedule.sigmas) > 0)
        assert (schedule.alphas[-1] == 0) == schedule.zero_terminal_snr
        np.testing.assert_allclose(schedule.alphas**2 + schedule.sigmas**2, 1, rtol=1e-14)
        np.testing.assert_allclose(schedule.alphas**2, schedule.alphas_cumprod, atol=1e-16)

    def test_tensors_hold_the_same_as_the_table(self, schedule):
        times = np.arange(schedule.steps, dtype="float32")
        alpha, sigma = (ops.convert_to_numpy(v) for v in schedule.alpha_sigma(times))
        assert alpha.dtype == sigma.dtype == np.float32
        np.testing.assert_allclose(alpha, schedule.alphas, atol=2e-7)
        np.testing.assert_allclose(sigma, schedule.sigmas, rtol=5e-4, atol=1e-9)

    def test_times_of_their_own_levels(self, schedule):
        times = np.arange(schedule.steps - 1)
        found = schedule.times_of(schedule.sigmas[:-1] / schedule.alphas[:-1])
        np.testing.assert_allclose(found, times, atol=1e-6)

    def test_configuration_survives_a_file(self, schedule):
        config = json.loads(json.dumps(schedule.get_config()))
        assert Schedule.from_config(config) == schedule
        assert type(schedule).from_config(config) == schedule

    def test_times_of_training_cover_the_schedule(self, schedule):
        times = ops.convert_to_numpy(schedule.draw_times(20_000, seed=3))
        first = -1 if isinstance(schedule, ContinuousCosineSchedule) else 0
        assert times.shape == (20_000,)
        assert times.dtype == np.float32
        assert first <= times.min() < first + 0.5
        assert schedule.steps - 1.5 < times.max() <= schedule.steps - 1
        share = np.histogram(times, bins=5, range=(first - 0.5 * (first == 0), 49.5))[0]
        np.testing.assert_allclose(share / len(times), 0.2, atol=0.015)


def test_what_does_not_exist_is_named():
    with pytest.raises(UnknownNameError, match="Did you mean 'cosine'"):
        Schedule.from_config({"name": "cosin"})
    with pytest.raises(ModelError, match=r"no argument 'step'.*steps, zero_terminal_snr"):
        Schedule.from_config({"name": "cosine", "step": 5})
    with pytest.raises(ModelError, match="continuous_cosine"):
        Schedule.from_config({"steps": 5})


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "cosine", "steps": 1},
        {"name": "linear", "steps": 10},
        {"name": "linear", "first_beta": 0.03},
        {"name": "continuous_cosine", "min_logsnr": 30},
    ],
)
def test_what_cannot_be_is_refused(arguments):
    with pytest.raises(ModelError, match="Received"):
        Schedule.from_config(arguments)
