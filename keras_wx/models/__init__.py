"""Networks: one file or folder an architecture family."""

from keras_wx.models.diffusion import transfer_encoder

__all__ = ["transfer_encoder"]
