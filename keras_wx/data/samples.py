"""Samples for `fit`: windows of a dataset as batches of network numbers."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from datetime import timedelta

import xarray as xr

from keras_wx.data.augment import CURTAIN_KINDS, Augmentation, centre, crop_kind, cropped_shape
from keras_wx.data.channels import Channel, plan_arrays
from keras_wx.data.conform import conform
from keras_wx.data.curtain.samples import curtain_samples
from keras_wx.data.downscale.samples import downscale_samples
from keras_wx.data.frames import FrameStore
from keras_wx.data.pydataset import Samples
from keras_wx.data.selection import select
from keras_wx.data.splits import Splits, frames_of
from keras_wx.data.windows import narrower
from keras_wx.errors import DataError, unknown_name
from keras_wx.spec import CloudFilter, Preset, RainFilter, Sample, Training
from keras_wx.transforms import ZR

_OPTIONS = ("workers", "use_multiprocessing", "max_queue_size")


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
    filter: RainFilter | CloudFilter | None = None,
    min_rain_fraction: float | None = None,
    augment: Iterable[str] | None = None,
    crop: str | None = "auto",
    crop_stride: int | tuple[int, int] | None = None,
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
        dataset: dims `(time, y, x)` or `(time, lat, lon)`, variables in physical units; or a
            curtain, dims `(time, height)`, for a sample that is one.
        preset: what the model eats and gives: `model.preset`, `keras_wx.info(name)`, or a `Sample`.
        split: `"train"`, `"val"`, `"test"` or another name in `splits`; None or `"all"` takes
            everything.
        batch_size: windows in a batch. None takes the preset's.
        shuffle: whether each epoch has its own order. None shuffles the split `"train"` only.
        seed: the order of each epoch and its augmentation follow from `seed` and `epoch`.
        splits: three fractions of the frames in order of time, for train, val and test, or a
            mapping from a name to `(start, end)`, or to several of them. None takes the dataset's
            standard split or, if it has none, the fractions 0.7, 0.15 and 0.15. See
            `keras_wx.data.split_periods`. Where frames are channels and the attribute `split_of` of
            the dataset is `"target"`, as of days drawn at random, a window belongs to the part of
            its targets, and its history may reach into others.
        gap: least time between two parts, such as `"6h"`. None takes what the dataset's standard
            split says and, where it says nothing, the length of a window or, of curtains, the time
            in which columns decorrelate (`keras_wx.data.curtain.decorrelation_time`), if that is
            longer.
        filter: which windows are worth it. None takes the preset's. For curtains also a
            `keras_wx.spec.CloudFilter`.
        min_rain_fraction: replaces the filter's `min_fraction`; 0 keeps every window.
        augment: of `"flip"` and `"rotate"`, or `"flip_time"` of curtains. None takes the preset's
            for the split `"train"`, as far as the grid allows, and nothing otherwise.
        crop: where data are larger than the preset's grid: `"random"`, `"center"`, None for the
            whole grid (less what the model's patches do not divide), or `"auto"`, which is random
            for the split `"train"` and the centre otherwise. Curtains keep their lowest rows. Where
            frames are channels, `"random"` draws a crop in each part of the domain, and
            `"tiles"`, which `"auto"` takes for all splits but `"train"`, covers it.
        crop_stride: where frames are channels, the largest number of points from one tile to the
            next. None takes the size of a crop: each point is in about one.
        stride: frames between the starts of two windows.
        drop_remainder: leave out the last batch where it is smaller.
        cache_bytes: memory for frames that were read, as float32.
        regrid, resample, convert_units, zr: conversions that are allowed, see
            `keras_wx.data.conform`.
        options: `workers`, `use_multiprocessing`, `max_queue_size` of `keras.utils.PyDataset`. With
            several workers Keras carries queued batches over into the next epoch.

    Returns:
        A `keras.utils.PyDataset` of `(x, y)`, or `(x, y, sample_weight)` where data may be missing:
        x `(batch, time, y, x, channels)` and y alike, float32 network numbers; the weight
        `(batch, time, y, x)` is 1 where the target is valid and 0 where it is missing. Inputs that
        differ in grid or steps are a dict of such arrays. Of curtains, x is
        `(batch, height, time, channels)`, with the mask as its last channel, and the weight
        `(batch, height, time)` is the mask, 0 where the target is missing. Its ramp is drawn anew
        for each window of the split `"train"`, and that of forecasts otherwise. With
        `layout: channels`, x is `(batch, y, x, channels)`: the frames of each input from oldest to
        newest, then masks, static and calendar maps (`samples.channels` names them); y is
        `(batch, y, x, targets)` and the weight `(batch, y, x)`.

    Raises:
        DataError: for data that do not fit, and when no window is left.
        UnknownNameError: an option or part that does not exist; the near ones are listed.

    Example:

    ```python
    train = keras_wx.samples(radar, model.preset, split="train", batch_size=8)
    model.fit(train, epochs=3)
    ```
    """
    sample, training = _contract(preset)
    if sample.of_role("calendar") and not sample.is_downscaling:
        raise DataError(
            "The preset asks for maps of role 'calendar', which samples with layout: channels have."
        )
    if crop_stride is not None and not sample.is_downscaling:
        raise DataError(
            "crop_stride: only samples with layout: channels are cut into tiles. "
            f"Received: crop_stride={crop_stride!r}"
        )
    for name in options:
        if name not in _OPTIONS:
            known = [*inspect.signature(samples).parameters, *_OPTIONS]
            raise unknown_name("option of samples", name, set(known) - {"options"})
    for_training = split == "train"
    if batch_size is None:
        batch_size = training.batch_size if training else 8
    for name, value in (("batch_size", batch_size), ("stride", stride)):
        if value < 1:
            raise DataError(f"{name}: expected at least 1. Received: {name}={value}")

    data = conform(
        dataset, sample, regrid=regrid, resample=resample, convert_units=convert_units, zr=zr
    )
    if "time" not in data.coords:
        raise DataError("Samples are cut along time, and no variable of the sample has times.")
    if sample.is_curtain:
        if crop != "auto":
            raise DataError(
                "crop: expected nothing for curtains, which keep their lowest rows, in windows of "
                f"as many columns as the sample says; {narrower(sample)} takes others. "
                f"Received: crop={crop!r}"
            )
        usual = training.augment if training and for_training else ()
        return curtain_samples(
            data,
            sample,
            attrs=dataset.attrs,
            split=split,
            splits=splits,
            gap=gap,
            filter=_rain_filter(sample, filter, min_rain_fraction),
            augment=[k for k in usual if k in CURTAIN_KINDS] if augment is None else augment,
            stride=stride,
            cache_bytes=cache_bytes,
            batch_size=batch_size,
            shuffle=for_training if shuffle is None else shuffle,
            seed=seed,
            drop_remainder=drop_remainder,
            **options,
        )
    if sample.is_downscaling:
        usual = "random" if for_training else "tiles"
        return downscale_samples(
            data,
            sample,
            attrs=dataset.attrs,
            split=split,
            splits=splits,
            gap=gap,
            filter=_rain_filter(sample, filter, min_rain_fraction),
            augment=(training.augment if training and for_training else ())
            if augment is None
            else augment,
            crop=usual if crop == "auto" else crop,
            crop_stride=crop_stride,
            stride=stride,
            cache_bytes=cache_bytes,
            batch_size=batch_size,
            shuffle=for_training if shuffle is None else shuffle,
            seed=seed,
            drop_remainder=drop_remainder,
            **options,
        )
    data, shapes, room = _crop(data, sample, crop_kind(crop, training=for_training))
    if augment is None:
        augment = _usual(training, shapes) if training and for_training else ()
    augmentation = Augmentation(augment, shapes.values(), room)
    channels = _channels(sample, data, cache_bytes)
    inputs, targets = (
        plan_arrays([c for c in channels if c.variable.role in roles], shapes)
        for roles in (("input", "mask", "static"), ("target",))
    )
    times = data["time"].values
    selection = select(
        times,
        sample,
        inside=frames_of(split, times, sample, splits=splits, gap=gap, attrs=dataset.attrs),
        stride=stride,
        rain=_rain_filter(sample, filter, min_rain_fraction),
        target=targets[0].channels[0].store,
    )
    for channel in channels:
        channel.refuse_known_gaps(selection.init)
    return Samples(
        sample,
        selection,
        times=times,
        inputs=inputs,
        targets=targets,
        augmentation=augmentation,
        split=split,
        batch_size=batch_size,
        shuffle=for_training if shuffle is None else shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        **options,
    )


def _contract(preset: Preset | Sample) -> tuple[Sample, Training | None]:
    if isinstance(preset, Sample):
        return preset, None
    if isinstance(preset, Preset):
        return preset.sample, preset.training
    raise DataError(
        "Expected a preset or its sample: model.preset of a loaded model, or the preset that "
        f"keras_wx.info(name) gives. Received: {preset!r}"
    )


def _usual(training: Training, shapes: dict[str, tuple[int, int]]) -> tuple[str, ...]:
    """The preset's augmentation, without the quarter turns where the grid is not square."""
    square = all(rows == columns for rows, columns in shapes.values())
    return tuple(kind for kind in training.augment if kind != "rotate" or square)


def _crop(
    data: xr.Dataset, sample: Sample, kind: str | None
) -> tuple[xr.Dataset, dict[str, tuple[int, int]], tuple[int, int]]:
    """The data, cut if the centre is wanted; a sample's shape on each grid; room to crop from."""
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
        shapes[name] = cropped_shape(full, grid.shape, kind, grid.multiple)
        if kind == "center" or (kind is None and shapes[name] != full):
            data = data.isel(dict(zip(dims, centre(full, shapes[name]), strict=True)))
        elif shapes[name] != full:
            if len(sample.grids) > 1:
                raise DataError(
                    f"crop: grid {name!r} of the data is larger than the preset's, and several "
                    "grids cannot be cropped at random together. crop='center' cuts each."
                )
            room = full[0] - shapes[name][0], full[1] - shapes[name][1]
    return data, shapes, room


def _channels(sample: Sample, data: xr.Dataset, cache_bytes: int) -> list[Channel]:
    """One channel a variable; inputs and targets that are the same frames share their store."""
    keys = {v: (v.name, v.transform) for v in sample.variables}
    sizes = {key: data[key[0]].isel(time=0, missing_dims="ignore").size for key in keys.values()}
    stores = {
        key: FrameStore(data[key[0]], key[1], cache_bytes=cache_bytes * size // sum(sizes.values()))
        for key, size in sizes.items()
    }
    return [Channel(v, stores[keys[v]]) for v in sample.variables]


def _rain_filter(
    sample: Sample, rain: RainFilter | CloudFilter | None, min_fraction: float | None
) -> RainFilter | CloudFilter | None:
    rain = rain or sample.filter
    if min_fraction is None:
        return rain
    if not 0 <= min_fraction <= 1:
        raise DataError(
            "min_rain_fraction: expected a fraction from 0 to 1. "
            f"Received: min_rain_fraction={min_fraction}"
        )
    if rain is None and min_fraction > 0:
        raise DataError(
            "min_rain_fraction: the preset says no threshold of rain. "
            "filter=RainFilter(above=..., min_fraction=...) gives one."
        )
    if isinstance(rain, CloudFilter) and min_fraction > 0:
        raise DataError(
            "min_rain_fraction: the filter of this sample looks for squares of cloud. "
            "filter=CloudFilter(above=..., size=...) changes it."
        )
    return RainFilter(above=rain.above, min_fraction=min_fraction) if min_fraction else None
