"""What a network looks at: its features, its sensitivity, and the worth of its inputs."""

from keras_wx.explain.channel_drop import channel_drop_importance
from keras_wx.explain.feature_maps import feature_maps
from keras_wx.explain.integrated_gradients import integrated_gradients
from keras_wx.explain.permutation import permutation_importance
from keras_wx.explain.saliency import saliency

__all__ = [
    "channel_drop_importance",
    "feature_maps",
    "integrated_gradients",
    "permutation_importance",
    "saliency",
]
