"""`keras_wx.train` where there is JAX and no TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest
from jax_process import run_under_jax


@pytest.mark.slow
def test_resuming_under_jax():
    run_under_jax(Path(__file__).with_name("jax_resume.py"))


@pytest.mark.slow
def test_diffusion_under_jax():
    run_under_jax(Path(__file__).with_name("jax_downscaling.py"))
