"""What every baseline shares."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from keras_wx.spec import Preset


class Baseline:
    """A forecast without training, in NumPy, that stands beside the trained models.

    Like a Keras model it has `predict(x)` on arrays of network numbers, `get_config()` and
    `preset`, so that `keras_wx.predict` and every table treat both alike. Subclasses write
    `forecast(x)`, and pass their configuration to `__init__` by keyword.
    """

    preset: Preset | None = None
    weights = ()

    def __init__(self, name: str | None = None):
        self.name = name or type(self).__name__.lower()

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
