"""Training that survives: `keras_wx.train`, and its parts for a `fit` by hand."""
