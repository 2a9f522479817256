"""`python -m keras_wx.cli` is `keras-wx`."""

from keras_wx.cli import app

app(prog_name="keras-wx")
