"""Velocity fields from radar frames, by OpenCV."""

from keras_wx.baselines.optical_flow.lucas_kanade import lucas_kanade_flow
from keras_wx.baselines.optical_flow.variational import variational_flow

__all__ = ["lucas_kanade_flow", "variational_flow"]
