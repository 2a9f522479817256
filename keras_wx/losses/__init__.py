"""Losses of weather fields, on `keras.ops`.

`SequenceCrossEntropy` and `BalancedError` of sequences `(batch, time, height, width, channels)`,
`BlindMAE` and `CloudLikelihood` of curtains `(batch, height, time, channels)` give one value a grid
point; their default reduction is the mean with sample weight, which is exactly the mean over the
points that a mask keeps. The others compare whole fields, and take the mask inside: `Hybrid` those
of curtains.
"""

from keras_wx.losses.balanced_error import BalancedError
from keras_wx.losses.blind_mae import BlindMAE
from keras_wx.losses.cloud_distribution import CloudDistribution
from keras_wx.losses.cloud_likelihood import CloudLikelihood
from keras_wx.losses.combined import Combined
from keras_wx.losses.cross_entropy import SequenceCrossEntropy
from keras_wx.losses.hybrid import Hybrid
from keras_wx.losses.ms_ssim import MultiScaleSSIM
from keras_wx.losses.named import LOSSES, get
from keras_wx.losses.soft_csi import SoftCSI
from keras_wx.losses.spectral import SpectralError

__all__ = [
    "LOSSES",
    "BalancedError",
    "BlindMAE",
    "CloudDistribution",
    "CloudLikelihood",
    "Combined",
    "Hybrid",
    "MultiScaleSSIM",
    "SequenceCrossEntropy",
    "SoftCSI",
    "SpectralError",
    "get",
]
