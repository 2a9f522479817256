"""Diffusion models without the network: schedules, samplers, the objective.

A network takes noisy fields and times, and predicts the noise ("epsilon"), the clean field ("x0"),
the velocity ("v") or the mean about which clean fields scatter ("mean"); it knows no schedule.
`draw` and `loss` train it, `sample` draws from it.
"""

from keras_wx.diffusion.guidance import guided
from keras_wx.diffusion.inpainting import repaint, resampled
from keras_wx.diffusion.objective import Drawn, draw, loss, point_losses
from keras_wx.diffusion.prediction import (
    PREDICTIONS,
    min_snr_weight,
    plain_weight,
    target,
    to_epsilon,
    to_v,
    to_x0,
)
from keras_wx.diffusion.samplers import DDIM, DDPM, DPMSolver, Heun, Sampler
from keras_wx.diffusion.sampling import sample
from keras_wx.diffusion.schedules import (
    ContinuousCosineSchedule,
    CosineSchedule,
    LinearSchedule,
    Schedule,
)

__all__ = [
    "DDIM",
    "DDPM",
    "PREDICTIONS",
    "ContinuousCosineSchedule",
    "CosineSchedule",
    "DPMSolver",
    "Drawn",
    "Heun",
    "LinearSchedule",
    "Sampler",
    "Schedule",
    "draw",
    "guided",
    "loss",
    "min_snr_weight",
    "plain_weight",
    "point_losses",
    "repaint",
    "resampled",
    "sample",
    "target",
    "to_epsilon",
    "to_v",
    "to_x0",
]
