"""Dropout out of the way: an explanation is that of the network, not of one draw."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from keras_wx.layers import dropout_layers, switch_dropout


@contextmanager
def without_dropout(model: keras.Model) -> Iterator[None]:
    """Turns Monte Carlo dropout off inside the block; each layer is as it was afterwards."""
    active = [layer for layer in dropout_layers(model) if layer.active]
    if not active:
        yield
        return
    switch_dropout(model, False)
    try:
        yield
    finally:
        # Drops what Keras has compiled meanwhile, and turns on layers that had been off before.
        rest = [layer for layer in dropout_layers(model) if layer not in active]
        switch_dropout(model, True)
        for layer in rest:
            layer.active = False
