"""Downscaling: transfer network, diffusion models, and their rivals with the same conditions."""

from keras_wx.models.diffusion.ddpm import DDPM
from keras_wx.models.diffusion.downscale_unet import DownscaleUNet
from keras_wx.models.diffusion.regression_diffusion import RegressionDiffusion
from keras_wx.models.diffusion.transfer import TransferEncoder, TransferUNet, transfer_encoder
from keras_wx.models.diffusion.vae import VAE

__all__ = [
    "DDPM",
    "VAE",
    "DownscaleUNet",
    "RegressionDiffusion",
    "TransferEncoder",
    "TransferUNet",
    "transfer_encoder",
]
