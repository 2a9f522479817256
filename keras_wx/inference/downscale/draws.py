"""How a model of task downscale is asked for fields: one batch of tiles."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import numpy as np

from keras_wx.errors import ModelError
from keras_wx.inference.network import is_stochastic, run

if TYPE_CHECKING:
    import keras

    from keras_wx.baselines import Baseline


def takes_noise(model: keras.Model | Baseline) -> bool:
    """Whether the model's samples begin with noise that can be given to it."""
    sample = getattr(model, "sample", None)
    return sample is not None and "noise" in inspect.signature(sample).parameters


def draw(
    model: keras.Model | Baseline,
    x: np.ndarray,
    members: int,
    targets: int,
    noise: np.ndarray | None = None,
) -> np.ndarray:
    """Fields of a batch.

    A model with a method `sample(x, members=...)` reads each input once, however many members are
    drawn. Any other is run once for each of them.

    Args:
        model: gives network numbers.
        x: `(batch, y, x, channels)`.
        members: number of fields for each input.
        targets: number of channels of a field.
        noise: `(members, batch, y, x, targets)`, for models that take it.

    Returns:
        float32 `(members, batch, y, x, targets)`.

    Raises:
        ModelError: the model gives another shape.
    """
    expected = (*x.shape[1:3], targets)
    if hasattr(model, "sample") and is_stochastic(model):
        given = {} if noise is None else {"noise": noise}
        drawn = np.asarray(model.sample(x, members=members, **given), np.float32)
        if drawn.shape != (members, len(x), *expected):
            raise ModelError(
                f"{model.name}.sample: expected fields (members, batch, y, x, targets) = "
                f"{(members, len(x), *expected)}. Received: {drawn.shape}"
            )
        return drawn
    return np.stack([run(model, {"x": x}, expected) for _ in range(members)])
