"""What models have in common that draw fields: training without drawing, drawing as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_wx.errors import ModelError
from keras_wx.models.diffusion.conditions import TakesEncoder
from keras_wx.models.diffusion.maps import check_maps
from keras_wx.models.diffusion.network import Tensor

_EVALUATION_SEED = 20250


class GenerativeModel(TakesEncoder, keras.Model):
    """Base of models that draw fields `(batch, y, x, targets)` from maps `(batch, y, x, inputs)`.

    `fit` and `evaluate` take `(x, y)` or `(x, y, sample_weight)`, with a weight or mask
    `(batch, y, x)`. They compute the loss that the subclass calls `objective`, and draw nothing,
    so that it is the only number that they report. `evaluate` draws the same every time what the
    loss draws, so that its numbers can be compared.

    A subclass calls `super().__init__(inputs, targets, name)`, builds all of its weights in its
    own `__init__`, and has two methods:

    * `objective(x, y, sample_weight, training)`: the loss of a batch, one number
    * `draw(x, noise, members, **options)`: fields `(members * batch, y, x, targets)`, members
      slowest
    """

    stochastic = True

    def __init__(self, inputs: int, targets: int, name: str | None):
        super().__init__(name=name)
        self._channels = (inputs, targets)
        self._scoring = False
        self._compiled = _Compiled()
        self.seed_generator = keras.random.SeedGenerator()
        self.built = True

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        return (None, None, None, self._channels[0])

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        return (None, None, None, self._channels[1])

    # === Drawing ===

    def call(self, x, training=None):
        check_maps(self, x.shape)
        if training or self._scoring:
            return ops.zeros((*ops.shape(x)[:3], self._channels[1]))
        return self.draw(x, None, 1)

    def compute_output_spec(self, x, training=None):
        check_maps(self, x.shape)
        return keras.KerasTensor((*x.shape[:3], self._channels[1]), "float32")

    def sample(
        self, x: np.ndarray, noise: np.ndarray | None = None, members: int = 1, **options: Any
    ) -> np.ndarray:
        """Draws fields, several for each input, in one compiled call.

        What the model knows of the input, the encoder's features above all, is computed once for
        all members.

        Args:
            x: maps `(batch, y, x, inputs)`, network numbers.
            noise: what the fields begin with, `(members, batch, y, x, targets)`; None draws it.
            members: number of fields for each input.
            **options: of the model.

        Returns:
            `(members, batch, y, x, targets)`, float32 network numbers.

        Raises:
            ModelError: maps or noise that do not fit.

        Example:
            >>> model.sample(maps, members=32).std(axis=0)
        """
        x = np.asarray(x, np.float32)
        check_maps(self, x.shape)
        expected = (members, *x.shape[:3], self._channels[1])
        if members < 1 or (noise is not None and np.shape(noise) != expected):
            raise ModelError(
                "Expected at least one member, and noise (members, batch, y, x, targets) or None. "
                f"Received: members={members}, noise of shape "
                f"{None if noise is None else np.shape(noise)}, maps of shape {x.shape}"
            )
        given = [x]
        if noise is not None:
            given.append(np.reshape(np.asarray(noise, np.float32), (-1, *expected[2:])))
        return np.reshape(self._compiled.draw(self, given, members, options), expected)

    # === Training ===

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = self.objective(x, y, sample_weight, training)
        return loss + sum(ops.cast(each, loss.dtype) for each in self.losses)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return self.get_metrics_result()

    def get_metrics_result(self):
        # Metrics of fields have nothing to look at, and Keras refuses to read those not yet built.
        return {metric.name: metric.result() for metric in self.metrics if metric.name == "loss"}

    def evaluate(self, *args, **kwargs):
        with self._scored():
            return super().evaluate(*args, **kwargs)

    def test_on_batch(self, *args, **kwargs):
        with self._scored():
            return super().test_on_batch(*args, **kwargs)

    @contextmanager
    def _scored(self) -> Iterator[None]:
        """Calls give no fields, and the generator begins where it always does."""
        state = self.seed_generator.state
        before = np.array(state)
        state.assign(np.array([_EVALUATION_SEED, 0], before.dtype))
        self._scoring = True
        try:
            yield
        finally:
            self._scoring = False
            state.assign(before)

    # === Configuration ===

    def get_config(self):
        return self._config | {"name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


class _Compiled:
    """Models that draw, kept by what they were made for.

    They have the generative model inside. No attribute of it holds one: Keras would save it.
    """

    def __init__(self):
        self._models: dict[str, _Drawing] = {}

    def draw(
        self, model: GenerativeModel, given: list[np.ndarray], members: int, options: dict
    ) -> np.ndarray:
        key = repr((len(given), members, sorted(options.items())))
        if key not in self._models:
            self._models[key] = _Drawing(model, members, options)
        return self._models[key].predict_on_batch(given)


class _Drawing(keras.Model):
    """A generative model as one call that Keras compiles, under any backend."""

    def __init__(self, model: GenerativeModel, members: int, options: dict):
        # Noise and maps are not to be rounded, whatever the policy: the model does it where it may.
        super().__init__(name="drawing", dtype="float32")
        self.model = model
        self.members = members
        self.options = options

    def call(self, given):
        x, *noise = given
        return self.model.draw(x, noise[0] if noise else None, self.members, **self.options)


def repeated(x: Tensor, members: int) -> Tensor:
    """The same tensor for every member, one after the other along the batch."""
    return x if members == 1 else ops.tile(x, (members, *(1,) * (len(x.shape) - 1)))
