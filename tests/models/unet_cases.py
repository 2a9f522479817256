"""Small networks of the U-Net family, and curtains for them."""

from __future__ import annotations

import numpy as np


def randomised(model, seed=0, scale=0.3):
    """Weights away from their initial values, statistics too; generators as they are."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        values = rng.normal(size=weight.shape, scale=scale)
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.path else values)
    return model


def curtains(batch=2, height=32, width=16, data=2, blind=4, buffer=4, seed=1):
    """Random data, then a mask as the data API makes it."""
    x = np.random.default_rng(seed).uniform(-1, 1, (batch, height, width, data + 1))
    rows = np.arange(height)
    x[..., -1] = np.clip(1 - (rows - blind + 1) / (buffer + 1), 0, 1)[:, None]
    return x.astype("float32")


def weights_by_layer(model):
    layers = [layer for layer in model._flatten_layers(include_self=False) if layer.weights]
    return {layer.name: [np.asarray(v, "float64") for v in layer.get_weights()] for layer in layers}
