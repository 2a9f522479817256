"""What every baseline shares."""

from __future__ import annotations

import hashlib
import inspect
import reprlib
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from keras_wx.spec import Preset


class Draws:
    """Random generators for the forecasts of a stochastic baseline.

    What a forecast draws follows from the seed, the frames that it starts from, and how many
    forecasts from the same frames came before it: the members of an ensemble. How forecasts are
    put into batches and in which order the start times come changes nothing.

    Args:
        seed: None takes one from the operating system.
    """

    def __init__(self, seed: int | None = None):
        self._entropy = np.random.SeedSequence(seed).entropy
        self._members = Counter()

    def next(self, frames: np.ndarray) -> np.random.Generator:
        """The generator of the next member that starts from these frames."""
        digest = hashlib.blake2b(np.ascontiguousarray(frames, np.float32), digest_size=16).digest()
        member = self._members[digest]
        self._members[digest] += 1
        return np.random.default_rng([self._entropy, int.from_bytes(digest), member])


class Baseline:
    """A model without training, in NumPy, that stands beside the trained ones.

    Like a Keras model it has `predict(x)` on arrays of network numbers, `get_config()` and
    `preset`, so that `keras_wx.predict` and every table treat both alike. Subclasses write
    `forecast(x)`, and pass their configuration to `__init__` by keyword.

    A baseline whose forecasts differ from call to call says `stochastic = True`, and takes the
    generator of each forecast from `self.rng.next(frames)`. `keras_wx.predict(members=...)` then
    gives an ensemble, and its `seed` rules the draws. One that forecasts any variable, in whatever
    units, says `any_variable = True`; one that forecasts some says of which units in `forecasts`.
    One that takes numbers from training data says `needs_fit = True` as long as it has none: its
    `fit(samples)` does.
    """

    preset: Preset | None = None
    stochastic = False
    any_variable = False
    needs_fit = False
    weights = ()

    def __init__(self, name: str | None = None):
        self.name = name or type(self).__name__.lower()
        self.rng = Draws()

    def __repr__(self) -> str:
        arguments = ", ".join(
            f"{key}={reprlib.repr(value)}" for key, value in self.get_config().items()
        )
        return f"{type(self).__name__}({arguments})"

    @classmethod
    def forecasts(cls, units: str) -> bool:
        """Whether it takes a variable in these units in place of the one that its preset names."""
        return cls.any_variable

    def forecast(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def predict(self, x, batch_size: int = 32, verbose=0) -> np.ndarray:
        """Forecasts of a batch; `batch_size` and `verbose` are there for Keras' sake."""
        return self.forecast(x)

    def predict_on_batch(self, x) -> np.ndarray:
        return self.forecast(x)

    def get_config(self) -> dict:
        """The arguments that make this baseline again."""
        names = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in names if name != "self"}
