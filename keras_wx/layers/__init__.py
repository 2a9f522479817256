"""Layers that the models are built from."""

from keras_wx.layers.attention import SelfAttention
from keras_wx.layers.batch_norm import BatchNormalization
from keras_wx.layers.blind_zone import HideBlindZone, MergeMeasured, RepeatMeasured
from keras_wx.layers.change import AddChange
from keras_wx.layers.class_gate import ClassGate
from keras_wx.layers.convlstm import ConvLSTM
from keras_wx.layers.dropout import MonteCarloDropout, dropout_layers, switch_dropout
from keras_wx.layers.extrapolation import Extrapolation
from keras_wx.layers.fclstm import FCLSTM
from keras_wx.layers.group_norm import GroupNorm
from keras_wx.layers.patches import DepthToSpace, SpaceToDepth
from keras_wx.layers.residual import ResidualBlock
from keras_wx.layers.resolution import Downsample, ResizeLike, Upsample
from keras_wx.layers.time_embedding import TimeEmbedding
from keras_wx.layers.upsampling import UpSampling

__all__ = [
    "FCLSTM",
    "AddChange",
    "BatchNormalization",
    "ClassGate",
    "ConvLSTM",
    "DepthToSpace",
    "Downsample",
    "Extrapolation",
    "GroupNorm",
    "HideBlindZone",
    "MergeMeasured",
    "MonteCarloDropout",
    "RepeatMeasured",
    "ResidualBlock",
    "ResizeLike",
    "SelfAttention",
    "SpaceToDepth",
    "TimeEmbedding",
    "UpSampling",
    "Upsample",
    "dropout_layers",
    "switch_dropout",
]
