"""Losses of weather fields, on `keras.ops`.

`SequenceCrossEntropy` and `BalancedError` give one value a grid point, `(batch, time, height,
width)`; their default reduction is the mean with sample weight, which is exactly the mean over the
points that a mask keeps. The others compare whole fields, and take the mask inside.
"""

from keras_wx.losses.balanced_error import BalancedError
from keras_wx.losses.combined import Combined
from keras_wx.losses.cross_entropy import SequenceCrossEntropy
from keras_wx.losses.ms_ssim import MultiScaleSSIM
from keras_wx.losses.named import LOSSES, get
from keras_wx.losses.soft_csi import SoftCSI
from keras_wx.losses.spectral import SpectralError

__all__ = [
    "LOSSES",
    "BalancedError",
    "Combined",
    "MultiScaleSSIM",
    "SequenceCrossEntropy",
    "SoftCSI",
    "SpectralError",
    "get",
]
