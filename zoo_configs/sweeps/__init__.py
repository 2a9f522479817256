"""Search spaces for `keras_wx.tune`, one YAML file for each architecture."""
