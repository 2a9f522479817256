"""How the layers of diffusion models begin."""

from __future__ import annotations

import keras


def fan_in_uniform() -> keras.initializers.Initializer:
    """Uniform between plus and minus `1 / sqrt(fan_in)`: with what PyTorch's layers, and so the
    published diffusion models, begin."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
