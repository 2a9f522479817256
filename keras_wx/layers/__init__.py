"""Layers that the models are built from."""

from keras_wx.layers.convlstm import ConvLSTM
from keras_wx.layers.dropout import MonteCarloDropout, dropout_layers, switch_dropout
from keras_wx.layers.last_frame import AddToLastFrame
from keras_wx.layers.patches import DepthToSpace, SpaceToDepth

__all__ = [
    "AddToLastFrame",
    "ConvLSTM",
    "DepthToSpace",
    "MonteCarloDropout",
    "SpaceToDepth",
    "dropout_layers",
    "switch_dropout",
]
