"""Part of downscale_ncep_air.py: a diffusion model that begins as a deterministic network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import keras_wx


def write_start(name: str, network: Path, file: Path) -> None:
    """Writes weights with which a diffusion model gives what a network without noise does.

    Both have the same layers. The noisy field is multiplied by 0, and every time has the embedding
    of time 0, which is the network's; training finds out what they are good for. Targets may be
    scaled in another way.

    Args:
        name: preset of the diffusion model, which predicts the mean, or the clean field.
        network: folder of the trained network, of its size.
        file: where to write them.
    """
    source = keras_wx.load(network, compile=False)
    model = keras_wx.load(name, weights=None, compile=False)
    given = {weight.path: np.array(weight) for weight in source.weights}
    theirs, ours = (each.preset.sample.targets[0].transform for each in (source, model))
    # Physical numbers of network numbers 0 and 1, and those as network numbers of the other.
    shift, unit = ours(theirs.inverse(np.array([0.0, 1.0])))
    given["head/kernel"] = given["head/kernel"] * (unit - shift)
    given["head/bias"] = given["head/bias"] * (unit - shift) + shift
    for weight in model.weights:
        if weight.path == "stem/kernel":
            noisy = np.zeros_like(weight[:, :, : model.output_shape[-1]])
            weight.assign(np.concatenate([noisy, given[weight.path]], axis=2))
        elif weight.path in given:
            weight.assign(given[weight.path])
    first, second = (f"time/dense_{number}" for number in (1, 2))
    frequencies = given[f"{first}/kernel"].shape[0] // 2
    waves = np.repeat([1.0, 0.0], frequencies)  # cosines and sines of time 0
    hidden = _silu(waves @ given[f"{first}/kernel"] + given[f"{first}/bias"])
    embedded = hidden @ given[f"{second}/kernel"] + given[f"{second}/bias"]
    for weight in model.weights:
        if weight.path == f"{second}/kernel":
            weight.assign(np.zeros(weight.shape))
        elif weight.path == f"{second}/bias":
            weight.assign(embedded)
    model.save_weights(file)


def _silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))
