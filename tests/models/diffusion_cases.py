"""Small models of downscaling, and maps for them."""

from __future__ import annotations

import keras
import numpy as np

from keras_wx.models.diffusion import DDPM, VAE, DownscaleUNet, TransferUNet

HISTORY, CONDITIONS = 3, 2
TRANSFER = {
    "widths": [4, 8],
    "blocks": 1,
    "encoder_attention": [],
    "head_size": 4,
    "groups": 4,
}
NETWORK = TRANSFER | {
    "history": HISTORY,
    "conditions": CONDITIONS,
    "widths": [8],
    "encoder_attention": [],
    "decoder_attention": [1],
}
MODELS = {"unet": DownscaleUNet, "vae": VAE, "ddpm": DDPM}
MORE = {
    "unet": {},
    "vae": {"latent": 2, "posterior_widths": [4, 8]},
    "ddpm": {
        "schedule": {"name": "cosine", "steps": 50},
        "sampler": {"name": "dpm_solver", "steps": 4},
    },
}


def model_of(kind: str, **config):
    """One of `MODELS`; with a frozen encoder unless `config` says otherwise."""
    return MODELS[kind](**NETWORK | MORE[kind] | {"encoder": TRANSFER} | config)


def transfer_unet(seed: int = 0) -> TransferUNet:
    """A network whose way down fits into the models above, with weights of every kind."""
    model = TransferUNet(history=HISTORY, decoder_attention=[], **TRANSFER)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
    return model


def maps(batch: int = 2, size=(6, 10), channels: int = HISTORY + CONDITIONS, seed: int = 0):
    """Random maps `(batch, *size, channels)`."""
    return np.random.default_rng(seed).normal(size=(batch, *size, channels)).astype("float32")


def frozen_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """The weights of the transfer encoder by path."""
    return {w.path: np.array(w) for w in model.weights if w.path.startswith("transfer_encoder/")}
