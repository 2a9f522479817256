"""Searches for better configurations: `keras_wx.tune`, and its parts."""
