"""Samplers: each makes a table of steps from a schedule, which `sample` follows."""

from keras_wx.diffusion.samplers.base import Sampler
from keras_wx.diffusion.samplers.ddim import DDIM
from keras_wx.diffusion.samplers.ddpm import DDPM
from keras_wx.diffusion.samplers.dpm_solver import DPMSolver
from keras_wx.diffusion.samplers.heun import Heun

__all__ = ["DDIM", "DDPM", "DPMSolver", "Heun", "Sampler"]
