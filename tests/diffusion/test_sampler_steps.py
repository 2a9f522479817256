"""Each step of each sampler against diffusers: same network output, schedule, noise and steps.

The options compared are those of `STEPS` in tests/golden/make_diffusion_golden.py:

* DDPMScheduler: variance_type fixed_small and fixed_large, clip_sample, all three spacings,
  rescale_betas_zero_snr, and every step of the schedule. Left out: diffusers adds noise to the last
  step of fixed_large where its time is not 0; here no sampler adds noise to a clean field.
* DDIMScheduler: eta 0, 0.7 and 1, clip_sample with use_clipped_model_output=True (here always so),
  rescale_betas_zero_snr; set_alpha_to_one=True. Left out: numbers of steps that do not divide T,
  where diffusers steps to times that are not on its list.
* DPMSolverMultistepScheduler: algorithm_type dpmsolver++, solver_order 2, solver_type midpoint,
  final_sigmas_type zero, all three spacings, use_karras_sigmas, use_lu_lambdas.
* HeunDiscreteScheduler: use_karras_sigmas, spacings trailing and leading, clip_sample. Left out:
  linspace, which has fractional times there.
"""

import make_diffusion_golden as source
import numpy as np
import pytest
from keras import ops

from keras_wx.diffusion import Sampler, Schedule
from keras_wx.diffusion.sampling import follow


def trajectory(case):
    """Every field that the network saw and the last one, and the times that it was told."""
    *_, steps, schedule, sampler, prediction = source.STEPS[case]
    sampler = Sampler.from_config(sampler)
    plan = sampler.plan(Schedule.from_config(schedule), steps)
    seen, times = [], []

    def network(x, t):
        seen.append(ops.convert_to_numpy(x))
        times.append(ops.convert_to_numpy(t))
        return source.network(seen[-1], len(seen) - 1)

    last = follow(
        network,
        source.noise(-1),
        plan,
        prediction,
        clip=sampler.clip,
        draw=lambda number, like: source.noise(int(number)),
    )
    return np.stack([*seen, ops.convert_to_numpy(last)]), np.stack(times)


@pytest.mark.parametrize("case", source.STEPS)
def test_every_step_equals_diffusers_in_float64(case, golden):
    fields, times = trajectory(case)
    expected = golden[f"steps_{case}_x"]
    assert fields.dtype == np.float64
    assert fields.shape == expected.shape
    np.testing.assert_allclose(fields, expected, rtol=1e-9, atol=1e-9)
    assert times.shape == (len(fields) - 1, source.SHAPE[0])
    # diffusers rounds or cuts off the fractional times of these two.
    tolerance = 1.0 if case in ("dpm_solver_karras", "dpm_solver_logsnr") else 1e-4
    np.testing.assert_allclose(times[:, 0], golden[f"steps_{case}_times"], atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("case", source.STEPS)
def test_the_golden_steps_are_what_diffusers_gives(case, golden):
    pytest.importorskip("diffusers")
    pytest.importorskip("torch")
    np.testing.assert_allclose(
        source.trajectory(case)["x"], golden[f"steps_{case}_x"], rtol=1e-9, atol=1e-9
    )


@pytest.mark.slow
@pytest.mark.parametrize("case", source.LOOPS)
def test_the_golden_loops_are_what_diffusers_gives(case, golden):
    pytest.importorskip("diffusers")
    pytest.importorskip("torch")
    for dtype, name in (("float32", f"loop_{case}"), ("float64", f"loop_{case}_float64")):
        expected = golden[name]
        difference = np.abs(source.loop(case, dtype) - expected).max()
        assert difference < 1e-5 * np.abs(expected).max()


def test_a_wrong_step_is_seen(golden):
    """The comparison can fail: the wrong variance, and the wrong order of the solver."""
    for case, other in (
        ("ddpm_every_step", {"name": "ddpm", "variance": "fixed_large"}),
        ("dpm_solver_trailing", {"name": "ddim"}),
    ):
        *_, steps, schedule, _, prediction = source.STEPS[case]
        plan = Sampler.from_config(other).plan(Schedule.from_config(schedule), steps)
        numbers = iter(range(steps))
        last = follow(
            lambda x, t, numbers=numbers: source.network(ops.convert_to_numpy(x), next(numbers)),
            source.noise(-1),
            plan,
            prediction,
            draw=lambda number, like: source.noise(int(number)),
        )
        difference = np.abs(ops.convert_to_numpy(last) - golden[f"steps_{case}_x"][-1])
        assert difference.max() > 1e-3
