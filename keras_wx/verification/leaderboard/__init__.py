"""Every model on the same events: scores with intervals, differences, cost."""

from keras_wx.verification.leaderboard.board import Leaderboard, leaderboard

__all__ = ["Leaderboard", "leaderboard"]
