"""The U-Net family: curtains with a blind zone -> whole curtains."""

from keras_wx.models.unet.unet import UNet
from keras_wx.models.unet.unet3plus import UNet3Plus
from keras_wx.models.unet.unetplusplus import UNetPlusPlus

__all__ = ["UNet", "UNet3Plus", "UNetPlusPlus"]
