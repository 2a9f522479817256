"""What fills a blind zone without training: the techniques that networks are compared with."""

from keras_wx.baselines.inpainting.base import InpaintingBaseline
from keras_wx.baselines.inpainting.harmonic import Biharmonic, Laplace
from keras_wx.baselines.inpainting.linear import Linear
from keras_wx.baselines.inpainting.marching_average import MarchingAverage
from keras_wx.baselines.inpainting.opencv import NavierStokes, Telea
from keras_wx.baselines.inpainting.repeat import Repeat

__all__ = [
    "Biharmonic",
    "InpaintingBaseline",
    "Laplace",
    "Linear",
    "MarchingAverage",
    "NavierStokes",
    "Repeat",
    "Telea",
]
