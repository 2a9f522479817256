"""Samples for `fit`: windows of a dataset as batches of network numbers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import keras
import numpy as np
import xarray as xr

from keras_wx.data.augment import Augmentation, centre, crop_kind, cropped_shape
from keras_wx.data.channels import ArrayPlan, Channel, plan_arrays
from keras_wx.data.conform import conform
from keras_wx.data.frames import FrameStore
from keras_wx.data.order import chunked_order, epoch_rng
from keras_wx.data.selection import Selection, select
from keras_wx.data.splits import Period, Splits, period_of, split_periods
from keras_wx.data.timeaxis import time_step
from keras_wx.data.windows import span
from keras_wx.errors import DataError
from keras_wx.spec import Preset, RainFilter, Sample, Training, format_step
from keras_wx.transforms import ZR


def samples(
    dataset: xr.Dataset,
    preset: Preset | Sample,
    *,
    split: str | None,
    batch_size: int | None = None,
    shuffle: bool | None = None,
    seed: int = 0,
    splits: Splits | None = None,
    gap: str | timedelta | None = None,
    filter: RainFilter | None = None,
    min_rain_fraction: float | None = None,
    augment: Iterable[str] | None = None,
    crop: str | None = "auto",
    stride: int = 1,
    drop_remainder: bool = False,
    cache_bytes: int = 2 * 1024**3,
    regrid: bool = False,
    resample: bool = False,
    convert_units: bool = False,
    zr: str | tuple[float, float] | ZR | None = None,
    **options,
) -> Samples:
    """Cuts a dataset into the samples that a preset's model is trained on.

    Windows hold consecutive frames only, lie wholly inside their part of the time axis, and are
    read from the file when they are needed.

    `fit` shuffles the order of batches itself. For an order that depends on `seed` and `epoch`
    alone, and for data larger than `cache_bytes`, where that would read every chunk many times,
    give `fit(..., shuffle=False)` or `.to_tf()`: the samples are shuffled already.

    Args:
        dataset: dims `(time, y, x)` or `(time, lat, lon)`, variables in physical units.
        preset: what the model eats and gives: `model.preset`, `keras_wx.info(name)`, or a `Sample`.
        split: `"train"`, `"val"`, `"test"` or another name in `splits`; None or `"all"` takes
            everything.
        batch_size: windows in a batch. None takes the preset's.
        shuffle: whether each epoch has its own order. None shuffles the split `"train"` only.
        seed: the order of each epoch and its augmentation follow from `seed` and `epoch`.
        splits: three fractions of the frames in order of time, for train, val and test, or a
            mapping from a name to `(start, end)`. None takes the dataset's standard split or, if
            it has none, the fractions 0.7, 0.15 and 0.15.
        gap: least time between two parts, such as `"6h"`. None takes the length of a window.
        filter: which windows are worth it. None takes the preset's.
        min_rain_fraction: replaces the filter's `min_fraction`; 0 keeps every window.
        augment: of `"flip"` and `"rotate"`. None takes the preset's for the split `"train"`, and
            nothing otherwise.
        crop: where data are larger than the preset's grid: `"random"`, `"center"`, None for the
            whole grid, or `"auto"`, which is random for the split `"train"` and the centre
            otherwise.
        stride: frames between the starts of two windows.
        drop_remainder: leave out the last batch where it is smaller.
        cache_bytes: memory for frames that were read, as float32.
        regrid, resample, convert_units, zr: conversions that are allowed, see
            `keras_wx.data.conform`.
        options: `workers`, `use_multiprocessing`, `max_queue_size` of `keras.utils.PyDataset`.

    Returns:
        A `keras.utils.PyDataset` of `(x, y)`, or `(x, y, sample_weight)` where data may be missing:
        x `(batch, time, y, x, channels)` and y alike, float32 network numbers; the weight
        `(batch, time, y, x)` is 1 where the target is valid and 0 where it is missing. Inputs that
        differ in grid or steps are a dict of such arrays.

    Raises:
        DataError: for data that do not fit, and when no window is left.

    Example:

    ```python
    train = keras_wx.samples(radar, model.preset, split="train", batch_size=8)
    model.fit(train, epochs=3)
    ```
    """
    sample, training = _contract(preset)
    for_training = split == "train"
    if batch_size is None:
        batch_size = training.batch_size if training else 8
    if augment is None:
        augment = training.augment if training and for_training else ()
    for name, value in (("batch_size", batch_size), ("stride", stride)):
        if value < 1:
            raise DataError(f"{name}: expected at least 1. Received: {name}={value}")

    data = conform(
        dataset, sample, regrid=regrid, resample=resample, convert_units=convert_units, zr=zr
    )
    if "time" not in data.coords:
        raise DataError("Samples are cut along time, and no variable of the sample has times.")
    shapes, room, data = _crop(data, sample, crop_kind(crop, training=for_training))
    channels = _channels(sample, data, cache_bytes)
    inputs, targets = (
        plan_arrays([c for c in channels if c.variable.role in roles], shapes)
        for roles in (("input", "mask", "static"), ("target",))
    )
    times = data["time"].values
    first, last = span(sample)
    selection = select(
        times,
        sample,
        last - first + 1,
        period=_period(split, splits, gap, times, dataset.attrs, sample),
        stride=stride,
        rain=_rain_filter(sample, filter, min_rain_fraction),
        target=targets[0].channels[0].store,
    )
    return Samples(
        sample,
        selection,
        times=times,
        inputs=inputs,
        targets=targets,
        augmentation=Augmentation(augment, shapes.values(), room),
        split=split,
        batch_size=batch_size,
        shuffle=for_training if shuffle is None else shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        **options,
    )


class Samples(keras.utils.PyDataset):
    """Batches of windows; `keras_wx.samples` makes it.

    Attributes:
        epoch: number of the epoch whose order `samples[i]` follows. `on_epoch_end` raises it; set
            it to go on where a training run stopped.
        init_times: datetime64, time of step 0 of every window, in order of time.
        selection: which windows were taken, and how many were left out for which reason.
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
        self._init = selection.starts - span(sample)[0]
        self._weighted = any(plan.may_be_missing for plan in targets)
        self._order: tuple[int, np.ndarray] | None = None

    @property
    def init_times(self) -> np.ndarray:
        return self._times[self._init]

    def __len__(self) -> int:
        whole, rest = divmod(len(self._init), self.batch_size)
        return whole if self.drop_remainder or not rest else whole + 1

    def __getitem__(self, index: int) -> tuple:
        return self._batch(self.epoch, index)

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def to_tf(self):
        """The same batches as a `tf.data.Dataset`; each pass over it is one epoch.

        Returns:
            A `tf.data.Dataset` of known length that prefetches.

        Example:

        ```python
        model.fit(train.to_tf(), epochs=3)
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
        chosen = self._windows(epoch)[index * self.batch_size : (index + 1) * self.batch_size]
        init = self._init[chosen]
        poses = self._augmentation.draw(epoch_rng(self.seed, epoch, index), len(init))
        x = _named({plan.name: plan.read(init, poses)[0] for plan in self._inputs})
        read = {plan.name: plan.read(init, poses) for plan in self._targets}
        y = _named({name: array for name, (array, _) in read.items()})
        if not self._weighted:
            return x, y
        return x, y, _named({name: valid.astype(np.float32) for name, (_, valid) in read.items()})

    def _windows(self, epoch: int) -> np.ndarray:
        """The windows of an epoch in their order."""
        if not self.shuffle:
            return np.arange(len(self._init))
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, self._shuffled(epoch_rng(self.seed, epoch))
        return self._order[1]

    def _shuffled(self, rng: np.random.Generator) -> np.ndarray:
        # The store with the largest frames has the most blocks to read.
        stores = [c.store for plan in (*self._inputs, *self._targets) for c in plan.channels]
        store = max((s for s in stores if not s.still), key=lambda s: s.shape[1] * s.shape[2])
        starts = self.selection.starts
        frames = np.unique(starts[:, None] + np.arange(self.selection.frames))
        if store.fits(store.blocks_of(frames)):
            return rng.permutation(len(starts))
        return chunked_order(store.block_of(starts), store.capacity, rng)


def _named(arrays: dict[str, np.ndarray]):
    """One array as it is, several by name."""
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays


def _minute(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]"))


def _contract(preset: Preset | Sample) -> tuple[Sample, Training | None]:
    if isinstance(preset, Sample):
        return preset, None
    if isinstance(preset, Preset):
        return preset.sample, preset.training
    raise DataError(
        "Expected a preset or its sample: model.preset of a loaded model, or the preset that "
        f"keras_wx.info(name) gives. Received: {preset!r}"
    )


def _crop(
    data: xr.Dataset, sample: Sample, kind: str | None
) -> tuple[dict[str, tuple[int, int]], tuple[int, int], xr.Dataset]:
    """Shape of a sample on each grid, the room for random crops, and the data cut to the centre."""
    shapes, room = {}, (0, 0)
    for name, grid in sample.grids.items():
        field = next((data[v.name] for v in sample.variables if v.grid == name), None)
        if field is None:
            continue
        dims, full = field.dims[-2:], field.shape[-2:]
        if "time" in dims or field.dims[:-2] not in ((), ("time",)):
            raise DataError(
                f"Variable {field.name!r}: samples are windows along time of fields with dims "
                f"(time, y, x). Received dims {field.dims}"
            )
        shapes[name] = cropped_shape(full, grid.shape, kind)
        if kind == "center":
            data = data.isel(dict(zip(dims, centre(full, shapes[name]), strict=True)))
        elif shapes[name] != full:
            if len(sample.grids) > 1:
                raise DataError(
                    f"crop: grid {name!r} of the data is larger than the preset's, and several "
                    "grids cannot be cropped at random together. crop='center' cuts each."
                )
            room = full[0] - shapes[name][0], full[1] - shapes[name][1]
    return shapes, room, data


def _channels(sample: Sample, data: xr.Dataset, cache_bytes: int) -> list[Channel]:
    """One channel a variable; inputs and targets that are the same frames share their store."""
    if sample.of_role("calendar"):
        raise DataError(
            "The sample has a variable of role 'calendar', which samples cannot make yet."
        )
    keys = {v: (v.name, v.transform) for v in sample.variables}
    sizes = {key: data[key[0]].isel(time=0, missing_dims="ignore").size for key in keys.values()}
    stores = {
        key: FrameStore(data[key[0]], key[1], cache_bytes=cache_bytes * size // sum(sizes.values()))
        for key, size in sizes.items()
    }
    return [Channel(v, stores[keys[v]]) for v in sample.variables]


def _period(split, splits, gap, times, attrs, sample: Sample) -> Period | None:
    if split in (None, "all"):
        return None
    first, last = span(sample)
    if gap is None:
        gap = (last - first + 1) * (sample.step or time_step(times) or timedelta(0))
    return period_of(split, split_periods(times, splits, attrs=attrs, gap=gap))


def _rain_filter(
    sample: Sample, rain: RainFilter | None, min_fraction: float | None
) -> RainFilter | None:
    rain = rain or sample.filter
    if min_fraction is not None and min_fraction > 0:
        if rain is None:
            raise DataError(
                "min_rain_fraction: the preset says no threshold of rain. "
                "filter=RainFilter(above=..., min_fraction=...) gives one."
            )
        rain = RainFilter(above=rain.above, min_fraction=min_fraction)
    off = rain is None or min_fraction == 0 or rain.min_fraction == 0
    return None if off else rain
