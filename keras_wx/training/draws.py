"""Fields that are drawn after each epoch: what a loss of noise does not say of a model."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np

from keras_wx.data.downscale import to_physical
from keras_wx.data.pydataset import Samples
from keras_wx.errors import TrainingError
from keras_wx.inference.downscale.draws import draw
from keras_wx.inference.network import is_stochastic, seeded
from keras_wx.training.averages import averaged
from keras_wx.training.stopping import DRAWN

_WINDOWS = 32
"""About so many are drawn from."""


class DrawnValidation(keras.callbacks.Callback):
    """Adds `val_crps` and `val_mae` of drawn fields to the log, in the units of the first target.

    A few batches of the validation are drawn from, evenly spread over it and always the same, with
    the same noise after each epoch and by the moving average of the weights. The model goes on as
    if nothing had been drawn. Put it before early stopping, which may watch what it adds.

    Args:
        model: that will be trained.
        samples: of validation, of a model of task downscale.
        members: drawn for each window.
        seed: of the draws.

    Raises:
        TrainingError: no samples, other ones, or members of a deterministic model.

    References:
        Gneiting & Raftery (2007), Strictly Proper Scoring Rules, Prediction, and Estimation,
        Journal of the American Statistical Association 102, 359-378, eq. 20: the CRPS.
    """

    def __init__(self, model: keras.Model, samples: Samples | None, members: int, *, seed: int):
        super().__init__()
        if samples is None or not samples.sample.is_downscaling or members < 1:
            raise TrainingError(
                "val_members: expected 1 or more, a model of task downscale, and data to validate "
                f"on. Received: val_members={members}" + (", val=False" if samples is None else "")
            )
        if members > 1 and not is_stochastic(model):
            raise TrainingError(
                f"val_members: {model.name} is deterministic, its members would all be the same. "
                f"Expected 1. Received: val_members={members}"
            )
        self._members, self._seed = members, seed
        count = -(-_WINDOWS // samples.batch_size)
        chosen = np.unique(np.linspace(0, len(samples) - 1, count).round().astype(int))
        self._sample, self._area = samples.sample, samples.area
        self._windows = [_read(samples, int(index)) for index in chosen]

    def on_epoch_end(self, epoch, logs=None):
        found = []
        # Each batch as often as it is large: the last one may be smaller.
        with averaged(self.model), seeded(self.model, self._seed):
            for windows in self._windows:
                members = draw(self.model, windows.x, self._members, windows.y.shape[-1])[..., 0]
                members = self._physical(members, windows.times)
                truth = self._physical(windows.y[..., 0], windows.times)
                known = np.broadcast_to(windows.weight > 0, truth.shape)
                found.append((_crps(members, truth)[known], np.abs(members.mean(0) - truth)[known]))
        for name, values in zip(DRAWN, zip(*found, strict=True), strict=True):
            logs[name] = float(np.concatenate(values).mean())

    def _physical(self, numbers: np.ndarray, times: np.ndarray) -> np.ndarray:
        shape = numbers.shape[:-2]
        return to_physical(
            self._sample.targets[0], numbers, np.broadcast_to(times, shape), self._area
        ).astype(float)


class _Windows(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    times: np.ndarray


def _read(samples: Samples, index: int) -> _Windows:
    x, y, *weight = samples[index]
    step = samples.sample.targets[0].offsets[0]
    later = np.timedelta64(samples.sample.step, "ns") * step if samples.sample.step else 0
    times = samples.init_times_of(samples.epoch, index) + later
    return _Windows(x, y, weight[0] if weight else np.ones(y.shape[:-1]), times)


def _crps(members: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Of the members' distribution, `(members, ...)`, at each point."""
    error = np.abs(members - truth).mean(axis=0)
    ordered, count = np.sort(members, axis=0), len(members)
    # Half the mean difference of two members, from their order.
    ranks = (2 * np.arange(count) - count + 1).reshape(-1, *(1,) * truth.ndim)
    return error - (ranks * ordered).sum(axis=0) / count**2
