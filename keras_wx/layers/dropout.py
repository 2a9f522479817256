"""Dropout that is on in forecasts too: every call is a draw of the network."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from keras_wx.errors import ModelError


@keras.saving.register_keras_serializable(package="keras_wx")
class MonteCarloDropout(keras.layers.Dropout):
    """Dropout in training and inference alike, so that forecasts become an ensemble.

    Values are set to zero with probability `rate`, and the others multiplied by `1 / (1 - rate)`,
    which leaves the mean as it was. Calling a whole model with `training=True` to the same end
    would take its batch normalisation out of inference mode; this layer leaves it alone.

    Args:
        rate: probability with which a value is dropped, `0 <= rate < 1`. At 0 the layer is the
            identity and draws nothing.
        noise_shape: shape of the mask: 1 for an axis along which it is constant, None for one
            along which it varies. `(None, 1, 1, None)` drops whole channels of images.
        seed: of the draws. `keras_wx.predict(..., seed=...)` takes its own instead.
        active: False makes the layer the identity. `switch_dropout` changes it for a whole model.

    Call arguments:
        inputs: any tensor.
        members: number of equal parts of the batch that are drawn for one after the other, as so
            many calls would: a whole ensemble in one call.
        rows: number of rows (axis 1) of which the input holds the first. What is drawn for these
            is then what a call with all rows draws for them.

    Input shape:
        Any.

    Output shape:
        That of the input.

    Raises:
        ModelError: a rate outside `[0, 1)`.

    References:
        Gal & Ghahramani (2016), Dropout as a Bayesian Approximation, arXiv:1506.02142.

    Example:
        >>> layer = MonteCarloDropout(0.1, noise_shape=(None, 1, 1, None))
        >>> layer(keras.ops.ones((2, 8, 8, 16))).shape
        (2, 8, 8, 16)
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        active: bool = True,
        **kwargs,
    ):
        if not 0 <= rate < 1:
            raise ModelError(f"rate: expected 0 <= rate < 1. Received: rate={rate}")
        super().__init__(rate, noise_shape=noise_shape, seed=seed, **kwargs)
        self.active = active

    def call(self, inputs, members=1, rows=None):
        if members == 1 and rows is None:
            return super().call(inputs, training=self.active)
        if not self.active or self.rate == 0:
            return inputs
        parts = ops.split(inputs, members) if members > 1 else [inputs]
        dropped = [self._first_rows(part, rows or part.shape[1]) for part in parts]
        return ops.concatenate(dropped)

    def _first_rows(self, inputs, rows):
        """Dropout of the first of so many rows."""
        if inputs.shape[1] == rows:
            return super().call(inputs, training=True)
        batch, first, *rest = ops.shape(inputs)
        factors = super().call(ops.ones((batch, rows, *rest), inputs.dtype), training=True)
        return inputs * factors[:, :first]

    def get_config(self):
        return super().get_config() | {"active": self.active}


def dropout_layers(model: keras.Model) -> list[MonteCarloDropout]:
    """Every `MonteCarloDropout` of a model, inside of other layers and nested models too."""
    # Keras' public `layers` ends at what a model names itself: a layer inside of another layer,
    # such as TimeDistributed, is found by this method alone.
    return [layer for layer in model._flatten_layers() if isinstance(layer, MonteCarloDropout)]


def switch_dropout(model: keras.Model, active: bool) -> None:
    """Turns every `MonteCarloDropout` of a model on or off.

    The functions that Keras compiled for `predict`, `evaluate` and `fit` hold what the switch was
    when they were traced, so they are dropped and made anew at the next call.
    """
    for layer in dropout_layers(model):
        layer.active = active
    model.train_function = model.test_function = model.predict_function = None
