"""Writes diffusion.npz: where the schedulers of diffusers go, step by step.

Needs diffusers and PyTorch, which the tests do without:

    python tests/golden/make_diffusion_golden.py

Nothing of keras_wx is imported: each case names the options of both, and what stands for a network
is a formula, so that both see the same output, noise and list of steps.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from unittest import mock

import numpy as np

SHAPE = (2, 3, 2, 1)
_LINEAR = {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}
_COSINE = {"beta_schedule": "squaredcos_cap_v2"}
_KEPT = {"clip_sample": False}
_ALL_LEVELS = {"sigma_min": 0.0, "sigma_max": float("inf")}

# name -> (scheduler of diffusers, its options, arguments of its `step`, number of steps,
#          schedule, sampler and prediction of keras_wx)
STEPS = {
    "ddpm_fixed_small": (
        "DDPMScheduler",
        _LINEAR | _KEPT | {"prediction_type": "epsilon", "timestep_spacing": "leading"},
        {},
        10,
        {"name": "linear"},
        {"name": "ddpm", "spacing": "leading"},
        "epsilon",
    ),
    "ddpm_fixed_large_clipped": (
        "DDPMScheduler",
        _COSINE
        | {"prediction_type": "sample", "variance_type": "fixed_large", "clip_sample_range": 0.4},
        {},
        10,
        {"name": "cosine"},
        {
            "name": "ddpm",
            "spacing": "leading",
            "variance": "fixed_large",
            "clip": [-0.4, 0.4],
        },
        "x0",
    ),
    "ddpm_zero_terminal_snr": (
        "DDPMScheduler",
        _LINEAR
        | _KEPT
        | {
            "prediction_type": "v_prediction",
            "timestep_spacing": "trailing",
            "rescale_betas_zero_snr": True,
        },
        {},
        12,
        {"name": "linear", "zero_terminal_snr": True},
        {"name": "ddpm"},
        "v",
    ),
    "ddpm_linspace": (
        "DDPMScheduler",
        _COSINE | _KEPT | {"prediction_type": "v_prediction", "timestep_spacing": "linspace"},
        {},
        12,
        {"name": "cosine"},
        {"name": "ddpm", "spacing": "linspace"},
        "v",
    ),
    "ddpm_every_step": (
        "DDPMScheduler",
        _COSINE | _KEPT | {"prediction_type": "epsilon", "num_train_timesteps": 25},
        {},
        25,
        {"name": "cosine", "steps": 25},
        {"name": "ddpm"},
        "epsilon",
    ),
    "ddim": (
        "DDIMScheduler",
        _LINEAR | _KEPT | {"prediction_type": "epsilon", "timestep_spacing": "leading"},
        {"eta": 0.0},
        10,
        {"name": "linear"},
        {"name": "ddim", "spacing": "leading"},
        "epsilon",
    ),
    "ddim_eta_clipped": (
        "DDIMScheduler",
        _COSINE
        | {
            "prediction_type": "v_prediction",
            "timestep_spacing": "trailing",
            "clip_sample_range": 0.4,
        },
        {"eta": 0.7, "use_clipped_model_output": True},
        10,
        {"name": "cosine"},
        {"name": "ddim", "eta": 0.7, "clip": [-0.4, 0.4]},
        "v",
    ),
    "ddim_zero_terminal_snr": (
        "DDIMScheduler",
        _COSINE
        | _KEPT
        | {
            "prediction_type": "sample",
            "timestep_spacing": "trailing",
            "rescale_betas_zero_snr": True,
        },
        {"eta": 1.0},
        10,
        {"name": "cosine", "zero_terminal_snr": True},
        {"name": "ddim", "eta": 1.0},
        "x0",
    ),
    "dpm_solver": (
        "DPMSolverMultistepScheduler",
        _LINEAR | {"prediction_type": "epsilon", "timestep_spacing": "linspace"},
        {},
        20,
        {"name": "linear"},
        {"name": "dpm_solver", "spacing": "linspace"},
        "epsilon",
    ),
    "dpm_solver_trailing": (
        "DPMSolverMultistepScheduler",
        _COSINE | {"prediction_type": "sample", "timestep_spacing": "trailing"},
        {},
        8,
        {"name": "cosine"},
        {"name": "dpm_solver"},
        "x0",
    ),
    "dpm_solver_leading": (
        "DPMSolverMultistepScheduler",
        _COSINE | {"prediction_type": "v_prediction", "timestep_spacing": "leading"},
        {},
        10,
        {"name": "cosine"},
        {"name": "dpm_solver", "spacing": "leading"},
        "v",
    ),
    "dpm_solver_karras": (
        "DPMSolverMultistepScheduler",
        _LINEAR | {"prediction_type": "v_prediction", "use_karras_sigmas": True},
        {},
        10,
        {"name": "linear"},
        {"name": "dpm_solver", "spacing": "karras"} | _ALL_LEVELS,
        "v",
    ),
    "dpm_solver_logsnr": (
        "DPMSolverMultistepScheduler",
        _LINEAR | {"prediction_type": "epsilon", "use_lu_lambdas": True},
        {},
        10,
        {"name": "linear"},
        {"name": "dpm_solver", "spacing": "logsnr"} | _ALL_LEVELS,
        "epsilon",
    ),
    "heun_karras": (
        "HeunDiscreteScheduler",
        _LINEAR | {"prediction_type": "epsilon", "use_karras_sigmas": True},
        {},
        10,
        {"name": "linear"},
        {"name": "heun"} | _ALL_LEVELS,
        "epsilon",
    ),
    "heun_trailing_clipped": (
        "HeunDiscreteScheduler",
        _COSINE
        | {
            "prediction_type": "sample",
            "timestep_spacing": "trailing",
            "clip_sample": True,
            "clip_sample_range": 0.4,
        },
        {},
        10,
        {"name": "cosine"},
        {"name": "heun", "spacing": "trailing", "clip": [-0.4, 0.4]},
        "x0",
    ),
    "heun_leading": (
        "HeunDiscreteScheduler",
        _LINEAR | {"prediction_type": "v_prediction", "timestep_spacing": "leading"},
        {},
        10,
        {"name": "linear"},
        {"name": "heun", "spacing": "leading"},
        "v",
    ),
}
LOOPS = {
    "ddpm_1000": ("ddpm_fixed_small", 1000, {}, {}),
    "ddpm_1000_cosine": ("ddpm_linspace", 1000, {}, {}),
    "ddpm_zero_terminal_snr": ("ddpm_zero_terminal_snr", 50, {}, {}),
    "ddim": ("ddim", 50, {}, {}),
    "ddim_eta": ("ddim_eta_clipped", 50, {}, {}),
    "dpm_solver": ("dpm_solver_trailing", 20, {}, {}),
    "heun": ("heun_karras", 25, {}, {}),
}
"""Whole loops in float32: one of STEPS, its number of steps, and what changes in the options of
diffusers and in the schedule of keras_wx."""


def noise(number: int) -> np.ndarray:
    """Something like noise for each step, -1 for the start; any numbers would do."""
    points = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    return np.sqrt(2) * np.sin(1.7 * (number + 1) ** 1.3 + 2.3 * points**1.1)


def network(x, t, sine=np.sin):
    """Something like a network."""
    return 0.5 * sine(3.0 * x + t / 200.0) + 0.2 * x


def trajectory(case: str) -> dict[str, np.ndarray]:
    """Every field that the network saw and the last one, in float64, and the list of steps.

    The network is told the number of the evaluation instead of the time.
    """
    name, options, arguments, steps, *_ = STEPS[case]
    with _float64():
        seen, times = _follow(name, options, arguments, steps, "float64", lambda x, i, t: (x, i))
    return {"x": seen, "times": times}


def loop(case: str, dtype: str = "float32") -> np.ndarray:
    """The last field of a whole loop, in diffusers' usual float32 or in float64."""
    case, steps, changes, _ = LOOPS[case]
    name, options, arguments, *_ = STEPS[case]
    with _float64() if dtype == "float64" else contextlib.nullcontext():
        return _follow(name, options | changes, arguments, steps, dtype, lambda x, i, t: (x, t))[0][
            -1
        ]


def alphas_cumprod(options: dict) -> np.ndarray:
    """The table of a schedule, in float64."""
    import diffusers

    with _float64():
        return diffusers.DDIMScheduler(**options).alphas_cumprod.numpy()


def repaint_order(steps: int, jump_length: int, resamplings: int) -> np.ndarray:
    """The rows that RePaint evaluates, counted from the noisiest."""
    from diffusers import RePaintScheduler

    scheduler = RePaintScheduler(num_train_timesteps=steps)
    scheduler.set_timesteps(steps, jump_length, resamplings)
    times = np.append(scheduler.timesteps.numpy(), -1)
    return steps - 1 - times[:-1][np.diff(times) < 0]


def _follow(name, options, arguments, steps, dtype, tell):
    import diffusers
    import torch

    scheduler = getattr(diffusers, name)(**options)
    scheduler.set_timesteps(steps)
    heun = name == "HeunDiscreteScheduler"
    # diffusers' Heun has its fields on a scale of their own: those of the others divided by alpha.
    scales = np.sqrt(1 + scheduler.sigmas.numpy() ** 2) if heun else np.ones(steps + 1, dtype)
    field, seen = noise(-1).astype(dtype) * scales[0], []
    for number, (t, scale) in enumerate(zip(scheduler.timesteps, scales, strict=False)):
        seen.append(field / scale)
        output = network(*tell(seen[-1], number, t.item())).astype(dtype)
        fresh = torch.from_numpy(noise(number).astype(dtype))
        with _drawing(scheduler, fresh):
            step = scheduler.step(torch.from_numpy(output), t, torch.from_numpy(field), **arguments)
        field = step.prev_sample.numpy()
    return np.stack([*seen, field]), scheduler.timesteps.numpy()


def _drawing(scheduler, fresh):
    """Whatever noise the scheduler draws is this."""
    if type(scheduler).__name__ not in ("DDPMScheduler", "DDIMScheduler"):
        return contextlib.nullcontext()
    return mock.patch(f"{type(scheduler).__module__}.randn_tensor", return_value=fresh)


@contextlib.contextmanager
def _float64():
    """diffusers rounds tables and samples to float32; here that means float64 to it."""
    import torch

    with (
        mock.patch.object(torch, "float32", torch.float64),
        mock.patch.object(np, "float32", np.float64),
    ):
        yield


if __name__ == "__main__":
    arrays = {}
    for case in STEPS:
        arrays |= {f"steps_{case}_{key}": value for key, value in trajectory(case).items()}
    for case in LOOPS:
        arrays[f"loop_{case}"] = loop(case)
        arrays[f"loop_{case}_float64"] = loop(case, "float64")
    for key, options in (("linear", _LINEAR), ("cosine", _COSINE)):
        arrays[f"schedule_{key}"] = alphas_cumprod(options)
        arrays[f"schedule_{key}_zero_terminal_snr"] = alphas_cumprod(
            options | {"rescale_betas_zero_snr": True}
        )
    arrays["repaint_order"] = repaint_order(25, 5, 3)
    np.savez_compressed(Path(__file__).with_name("diffusion.npz"), **arrays)
