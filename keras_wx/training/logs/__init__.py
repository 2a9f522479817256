"""Logs of a training run: CSV files, TensorBoard, Weights & Biases."""

from keras_wx.training.logs.loggers import loggers

__all__ = ["loggers"]
