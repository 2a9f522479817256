"""Layers that the models are built from."""

from keras_wx.layers.convlstm import ConvLSTM
from keras_wx.layers.patches import DepthToSpace, SpaceToDepth

__all__ = ["ConvLSTM", "DepthToSpace", "SpaceToDepth"]
