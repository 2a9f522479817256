"""Dropout that is on in forecasts too: every call is a draw of the network."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from keras_wx.errors import ModelError
from keras_wx.layers.random_bits import BITS, random_bits


@keras.saving.register_keras_serializable(package="keras_wx")
class MonteCarloDropout(keras.layers.Dropout):
    """Dropout in training and inference alike, so that forecasts become an ensemble.

    Values are set to zero with probability `rate`, and the others multiplied by `1 / (1 - rate)`,
    which leaves the mean as it was. Calling a whole model with `training=True` to the same end
    would take its batch normalisation out of inference mode; this layer leaves it alone.

    Args:
        rate: probability with which a value is dropped, `0 <= rate < 1`, to 1/65536. At 0 the layer
            is the identity and draws nothing.
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

    def call(self, inputs, members=1):
        if not self.active or self.rate == 0:
            return inputs
        batch, *rest = ops.shape(inputs)
        part = (batch // members, *rest)
        draws = [self._kept(part) for _ in range(members)]
        kept = draws[0] if members == 1 else ops.concatenate(draws)
        return ops.where(kept, inputs * (1 / (1 - self.rate)), 0)

    def _kept(self, shape):
        """Which values of a tensor stay.

        Rows (axis 1) lead: generators fill a tensor from its start, so that what is drawn for the
        first rows does not depend on how many follow.
        """
        noise = [
            size if wanted is None else wanted
            for size, wanted in zip(shape, self.noise_shape or (None,) * len(shape), strict=True)
        ]
        if len(noise) > 1:
            noise[:2] = reversed(noise[:2])
        kept = random_bits(noise, self.seed_generator) >= round(self.rate * 2**BITS)
        if len(noise) > 1:
            kept = ops.swapaxes(kept, 0, 1)
        return kept

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
