"""Every model on the same events: scores with intervals, differences, cost."""

from keras_wx.verification.leaderboard.board import leaderboard
from keras_wx.verification.leaderboard.result import Leaderboard

__all__ = ["Leaderboard", "leaderboard"]
