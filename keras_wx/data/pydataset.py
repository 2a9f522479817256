"""Batches of windows as a `keras.utils.PyDataset`."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import xarray as xr

from keras_wx.data.augment import Augmentation, Pose
from keras_wx.data.channels import ArrayPlan
from keras_wx.data.order import chunked_order, epoch_rng
from keras_wx.data.selection import Selection
from keras_wx.errors import DataError
from keras_wx.spec import Sample, format_step

_MANY_READS = 4
"""Readings of the average block in an epoch that are worth a warning."""


class Samples(keras.utils.PyDataset):
    """Batches of windows; `keras_wx.samples` makes it.

    Attributes:
        epoch: the epoch whose order `samples[i]` follows. It counts whole passes; setting it goes
            on where a training run has stopped.
        selection: which windows are taken, and how many are left out for which reason.
    """

    def __init__(
        self,
        sample: Sample,
        selection: Selection,
        *,
        times: np.ndarray,
        inputs: list[ArrayPlan],
        targets: list[ArrayPlan],
        augmentation: Augmentation,
        split: str | None,
        batch_size: int,
        shuffle: bool,
        seed: int,
        drop_remainder: bool,
        **options,
    ):
        super().__init__(**options)
        self.sample = sample
        self.selection = selection
        self.split = split
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.drop_remainder = drop_remainder
        self.epoch = 0
        self._times = times
        self._inputs = inputs
        self._targets = targets
        self._augmentation = augmentation
        self._weighted = any(plan.may_be_missing for plan in targets)
        # The order follows the blocks of the largest frames: they are the most to read.
        stores = [c.store for plan in (*inputs, *targets) for c in plan.channels]
        self._store = max(stores, key=lambda s: 0 if s.still else s.shape[1] * s.shape[2])
        used = np.unique(selection.starts[:, None] + np.arange(selection.frames))
        blocks = self._store.blocks_of(used)
        self._fits = self._store.fits(blocks)
        if not len(self):
            raise DataError(
                f"{len(selection.init)} windows make no whole batch of {batch_size}. "
                f"batch_size={len(selection.init)} or less makes some; drop_remainder=False keeps "
                "the last, smaller batch."
            )
        self._order: tuple[int, np.ndarray] | None = None
        self._asked_for: set[int] = set()
        self._many_reads = _MANY_READS * len(blocks)
        self._reads_at_start = self._store.reads
        self._warned = self._fits

    @property
    def init_times(self) -> np.ndarray:
        """Time of step 0 of every window, datetime64, increasing."""
        return self._times[self.selection.init]

    def init_times_of(self, epoch: int, index: int) -> np.ndarray:
        """Time of step 0 of the windows of one batch, datetime64, in the batch's order."""
        return self._times[self.selection.init[self._chosen(epoch, index)]]

    @property
    def fields(self) -> list[tuple[str, xr.Variable]]:
        """Name and frames `(time, y, x)` of each input and then each target, in physical units.

        What is both is there twice.
        """
        channels = [
            channel for plan in (*self._inputs, *self._targets) for channel in plan.channels
        ]
        return [(channel.variable.name, channel.store.field) for channel in channels]

    @property
    def coords(self) -> dict[str, xr.Variable]:
        """The two dimensions in space of the first target -> their coordinates.

        Empty where the source has none, and where windows are cropped at random or turned.
        """
        found = self._targets[0].channels[0].store.coords
        return dict(found) if len(found) == 2 and self._augmentation.changes_nothing else {}

    def __len__(self) -> int:
        whole, rest = divmod(len(self.selection.init), self.batch_size)
        return whole if self.drop_remainder or not rest else whole + 1

    def __getitem__(self, index: int) -> tuple:
        batch = self._batch(self.epoch, index)
        self._asked_for.add(index)
        self._warn_of_many_reads()
        return batch

    def on_epoch_end(self) -> None:
        """Goes on to the next epoch, if every batch of this one was asked for.

        `fit` calls this once too often: before its first epoch, when it may have had a look at a
        few batches.
        """
        if len(self._asked_for) == len(self):
            self.epoch += 1
            self._asked_for.clear()
            self._reads_at_start = self._store.reads

    def to_tf(self):
        """The same batches as a `tf.data.Dataset`. Each pass over it is an epoch.

        Returns:
            A `tf.data.Dataset` of known length that prefetches.

        Example:

        ```python
        model.fit(train.to_tf(), epochs=3, shuffle=False)   # the samples are shuffled already
        ```
        """
        import tensorflow as tf

        def one_epoch():
            epoch = self.epoch
            self.epoch += 1
            for index in range(len(self)):
                yield self._batch(epoch, index)

        signature = tf.nest.map_structure(
            lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype),
            self._batch(self.epoch, 0),
        )
        batches = tf.data.Dataset.from_generator(one_epoch, output_signature=signature)
        batches = batches.apply(tf.data.experimental.assert_cardinality(len(self)))
        return batches.prefetch(tf.data.AUTOTUNE)

    def __repr__(self) -> str:
        inits, found = self.init_times.astype("datetime64[m]"), self.selection
        past, future = self._inputs[0].frames, self._targets[0].frames
        rows, columns = self._targets[0].shape
        step = f" every {format_step(self.sample.step)}" if self.sample.step else ""
        order = f"shuffled (seed {self.seed}, epoch {self.epoch})" if self.shuffle else "in order"
        weights = "; missing targets have weight 0" if self._weighted else ""
        return (
            f"<Samples: split {self.split or 'all'!r}, {inits[0]} to {inits[-1]}\n"
            f"  {len(inits):,} windows of {past} -> {future} frames{step}, {rows} x {columns}\n"
            f"  {len(self):,} batches of {self.batch_size}, {order}{weights}\n"
            f"  from {found.inside:,} of {found.total:,} frames; left out: {found.dry:,} windows "
            f"by the rain filter, {found.broken:,} starts broken by jumps in time>"
        )

    def _batch(self, epoch: int, index: int) -> tuple:
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        init = self.selection.init[self._chosen(epoch, index)]
        if self._augmentation.changes_nothing:
            poses = [Pose()] * len(init)
        else:
            poses = self._augmentation.draw(epoch_rng(self.seed, epoch, index), len(init))
        x = {plan.name: plan.read(init, poses)[0] for plan in self._inputs}
        targets = {plan.name: plan.read(init, poses) for plan in self._targets}
        y = {name: array for name, (array, _) in targets.items()}
        if not self._weighted:
            return bare_if_single(x), bare_if_single(y)
        weights = {name: valid.astype(np.float32) for name, (_, valid) in targets.items()}
        return bare_if_single(x), bare_if_single(y), bare_if_single(weights)

    def _chosen(self, epoch: int, index: int) -> np.ndarray:
        """Positions of the windows of one batch."""
        return self._windows(epoch)[index * self.batch_size : (index + 1) * self.batch_size]

    def _windows(self, epoch: int) -> np.ndarray:
        """Positions of the windows in the order of an epoch."""
        starts = self.selection.starts
        if not self.shuffle:
            return np.arange(len(starts))
        cached = self._order  # another thread may ask for another epoch meanwhile
        if cached is None or cached[0] != epoch:
            rng = epoch_rng(self.seed, epoch)
            if self._fits:
                order = rng.permutation(len(starts))
            else:
                order = chunked_order(self._store.block_of(starts), self._store.capacity, rng)
            cached = self._order = epoch, order
        return cached[1]

    def _warn_of_many_reads(self) -> None:
        """`fit` shuffles the batches of a PyDataset unless told otherwise, and cannot be asked."""
        if self._warned or self._store.reads - self._reads_at_start <= self._many_reads:
            return
        self._warned = True
        warnings.warn(
            f"Every chunk has been read more than {_MANY_READS} times in this epoch: the data are "
            "larger than cache_bytes, and batches are asked for in random order. The samples are "
            "shuffled already: use fit(..., shuffle=False), or give more cache_bytes.",
            stacklevel=3,
        )


def bare_if_single(arrays: dict[str, np.ndarray]) -> np.ndarray | dict[str, np.ndarray]:
    """What Keras takes: a model of one input is not asked for its name."""
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays
