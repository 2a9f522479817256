"""STEPS: an ensemble of advected fields whose small scales are renewed at random."""

from keras_wx.baselines.steps.steps import Steps

__all__ = ["Steps"]
