"""Logs of a training run: CSV files, TensorBoard, Weights & Biases."""

from keras_wx.training.logs.loggers import check_loggers, loggers

__all__ = ["check_loggers", "loggers"]
