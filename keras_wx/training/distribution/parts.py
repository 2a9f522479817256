"""The part of every batch that a process reads."""

from __future__ import annotations

import warnings

import keras
import numpy as np
from keras import tree

from keras_wx.training.feed import Feed, Validation


class TrainParts(keras.utils.PyDataset):
    """Batches of a feed without end, that begin anew whenever Keras asks for the first.

    Keras looks at batches of `tf.distribute` before it trains on them, and a generator has then
    lost them.

    Args:
        feed: whose first step is the first batch.
        part: which of the equal parts of each batch.
        parts: how many there are.
    """

    num_batches = None

    def __init__(self, feed: Feed, part: int = 0, parts: int = 1):
        super().__init__()
        self.feed = feed
        self.part = part
        self.parts = parts

    def __getitem__(self, index: int) -> tuple:
        try:
            batch = self.feed[self.feed.step + index]
        except Exception as error:
            self.feed.error = error
            raise
        return _part(batch, self.part, self.parts)


class ValidationParts(keras.utils.PyDataset):
    """The same of data to validate on, whose last batch is cut to a multiple of the devices.

    Args:
        validation: the data.
        devices: among which each batch is divided.
        part: which of the equal parts of each batch.
        parts: how many there are.
    """

    def __init__(self, validation: Validation, devices: int, part: int = 0, parts: int = 1):
        super().__init__()
        self.validation = validation
        self.devices = devices
        self.part = part
        self.parts = parts
        samples = validation.samples
        # Of the last batch, which is a whole one where there is no rest.
        windows = len(samples.init_times) - (len(samples) - 1) * samples.batch_size
        self._left_out = 0 if samples.drop_remainder else windows % devices
        self._length = len(samples) - (self._left_out == windows)
        if self._left_out and part == 0:
            warnings.warn(
                f"Validation leaves out {self._left_out} of {len(samples.init_times)} windows: "
                f"the last batch has {windows}, no multiple of {devices} devices.",
                stacklevel=4,
            )

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple:
        batch = self.validation[index]
        if self._left_out and index == len(self.validation) - 1:
            batch = tree.map_structure(lambda array: array[: -self._left_out], batch)
        return _part(batch, self.part, self.parts)


def _part(batch: tuple, part: int, parts: int) -> tuple:
    return tree.map_structure(lambda array: np.split(array, parts)[part], batch)
