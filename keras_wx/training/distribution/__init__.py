"""Training on several devices and in several processes."""

from keras_wx.training.distribution.choice import place
from keras_wx.training.distribution.placement import Placement

__all__ = ["Placement", "place"]
