"""Batches without end, each found by the number of its step: what makes a run resumable."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from keras import tree

from keras_wx.data.pydataset import Samples


class Feed:
    """The batches of a run, from any step on.

    The batch of a step follows from the step and the seed of the samples alone: pass over the data
    `step // len(samples)`, batch `step % len(samples)` of it. Epochs of another length than a pass
    change nothing.

    Args:
        samples: shuffled, as a rule.
        step: the first one.

    Attributes:
        error: what reading a batch raised. TensorFlow makes an error of its own of it.

    Example:

    ```python
    model.fit(iter(Feed(train, step=4000)), steps_per_epoch=200, initial_epoch=20, epochs=30)
    ```
    """

    def __init__(self, samples: Samples, step: int = 0):
        self.samples = samples
        self.step = step
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[tuple]:
        step = self.step
        while self.samples is not None:
            try:
                yield self[step]
            except Exception as error:
                self.error = error
                raise
            step += 1

    def to_tf(self):
        """The same batches as a `tf.data.Dataset`.

        `fit` makes one of a generator too, and with it keeps the first batches for ever.
        """
        import tensorflow as tf

        signature = tree.map_structure(
            lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), self[self.step]
        )
        batches = tf.data.Dataset.from_generator(lambda: iter(self), output_signature=signature)
        return batches.prefetch(tf.data.AUTOTUNE)

    def release(self) -> None:
        """Lets go of the samples: TensorFlow holds the feed itself as long as the process lives."""
        self.samples = None

    def __getitem__(self, step: int) -> tuple:
        samples = self.samples
        samples.epoch, index = divmod(step, len(samples))
        return samples[index]

    def init_times(self, step: int) -> np.ndarray:
        """When the windows of the batch of a step begin to forecast, datetime64."""
        return self.samples.init_times_of(*divmod(step, len(self.samples)))


class Validation(keras.utils.PyDataset):
    """Samples for `validation_data` that remember what reading them raised."""

    def __init__(self, samples: Samples):
        super().__init__()
        self.samples = samples
        self.error: Exception | None = None

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple:
        try:
            return self.samples[index]
        except Exception as error:
            self.error = error
            raise

    def release(self) -> None:
        """See `Feed.release`."""
        self.samples = None
