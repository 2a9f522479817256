"""Scores of forecasts: what `predict` gives, against what was observed."""

from keras_wx.verification.pooling import pool
from keras_wx.verification.table import to_frame
from keras_wx.verification.verify import verify

__all__ = ["pool", "to_frame", "verify"]
