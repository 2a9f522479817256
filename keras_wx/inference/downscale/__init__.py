"""`predict` for models of task downscale: stitched domains, many times, ensembles."""

from keras_wx.inference.downscale.grid import with_target
from keras_wx.inference.downscale.history import History
from keras_wx.inference.downscale.reconstruct import downscaled

__all__ = ["History", "downscaled", "with_target"]
