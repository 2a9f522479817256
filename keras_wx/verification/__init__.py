"""Scores of forecasts: what `predict` gives, against what was observed."""

from keras_wx.verification.bootstrap import difference, interval
from keras_wx.verification.downscale import season_area_table, verify_downscaled
from keras_wx.verification.leaderboard import Leaderboard, leaderboard
from keras_wx.verification.pooling import pool
from keras_wx.verification.spectra import spectra
from keras_wx.verification.table import to_frame
from keras_wx.verification.verify import verify

__all__ = [
    "Leaderboard",
    "difference",
    "interval",
    "leaderboard",
    "pool",
    "season_area_table",
    "spectra",
    "to_frame",
    "verify",
    "verify_downscaled",
]
