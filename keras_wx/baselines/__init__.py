"""Forecasts without training, with the `predict` of a Keras model."""

from keras_wx.baselines.base import Baseline

__all__ = ["Baseline"]
