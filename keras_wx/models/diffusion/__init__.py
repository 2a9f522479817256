"""Diffusion models: for downscaling, with their rivals and the transfer network; for gaps."""

from keras_wx.models.diffusion.ddpm import DDPM
from keras_wx.models.diffusion.downscale_unet import DownscaleUNet
from keras_wx.models.diffusion.regression_diffusion import RegressionDiffusion
from keras_wx.models.diffusion.repaint import Repaint
from keras_wx.models.diffusion.transfer import TransferEncoder, TransferUNet, transfer_encoder
from keras_wx.models.diffusion.vae import VAE

__all__ = [
    "DDPM",
    "VAE",
    "DownscaleUNet",
    "RegressionDiffusion",
    "Repaint",
    "TransferEncoder",
    "TransferUNet",
    "transfer_encoder",
]
