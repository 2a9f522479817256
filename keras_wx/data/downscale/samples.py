"""Samples of channels for `fit`: crops of the fine grid, with all that is known there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import xarray as xr

from keras_wx.data.augment import Augmentation, Pose
from keras_wx.data.channels import ArrayPlan
from keras_wx.data.downscale.fields import Fields
from keras_wx.data.downscale.places import Places, places
from keras_wx.data.order import chunked_order, epoch_rng
from keras_wx.data.pydataset import Samples
from keras_wx.data.selection import Selection, select
from keras_wx.data.splits import Splits, frames_of
from keras_wx.data.windows import window_frames
from keras_wx.errors import DataError
from keras_wx.spec import RainFilter, Sample, format_step

TARGETS = "target"
"""The value of `dataset.attrs["split_of"]` that leaves the history out of the parts."""


class DownscaleSamples(Samples):
    """Batches of crops; `keras_wx.samples` makes it.

    A sample is a window in one place: an epoch goes over every place of every window.

    Attributes:
        channels: name and step of each channel of x.
        crops: number of samples.
        area: what the data say of theirs.
    """

    def __init__(
        self,
        fields: Fields,
        selection: Selection,
        *,
        items: np.ndarray,
        spots: Places,
        left_out: int,
        augmentation: Augmentation,
        **parts,
    ):
        # Samples asks for the length while it is made.
        self.batch_size, self.drop_remainder = parts["batch_size"], parts["drop_remainder"]
        self._items, self._spots, self._left_out = items, spots, left_out
        self._fields = fields
        super().__init__(
            fields.sample,
            selection,
            times=fields.times,
            inputs=[ArrayPlan(tuple(fields.inputs), spots.shape)],
            targets=[ArrayPlan(tuple(fields.targets), spots.shape)],
            augmentation=augmentation,
            **parts,
        )
        self.channels, self.area = fields.x_channels, fields.area

    @property
    def crops(self) -> int:
        return len(self._items)

    @property
    def coords(self) -> dict[str, xr.Variable]:
        """The two dimensions of the fine grid -> their coordinates; empty where places differ."""
        dims = self._fields.fine.dims[-2:]
        if len(self._spots) > 1 or not self._spots.fixed or not self._augmentation.changes_nothing:
            return {}
        parts = [
            slice(start, start + size)
            for start, size in zip(self._spots.corners[0], self._spots.shape, strict=True)
        ]
        coords = self._fields.fine.coords
        return {d: coords[d].variable[p] for d, p in zip(dims, parts, strict=True) if d in coords}

    def init_times_of(self, epoch: int, index: int) -> np.ndarray:
        """Time of step 0 of the samples of one batch, datetime64, in the batch's order."""
        return self._times[self.selection.init[self._items[self._chosen(epoch, index), 0]]]

    def __len__(self) -> int:
        whole, rest = divmod(len(self._items), self.batch_size)
        return whole if self.drop_remainder or not rest else whole + 1

    def __repr__(self) -> str:
        inits, found = self.init_times.astype("datetime64[m]"), self.selection
        rows, columns = self._spots.shape
        step = f" every {format_step(self.sample.step)}" if self.sample.step else ""
        order = f"shuffled (seed {self.seed}, epoch {self.epoch})" if self.shuffle else "in order"
        weights = "; missing targets have weight 0" if self._weighted else ""
        drawn = "tiles" if self._spots.fixed else "crops drawn anew in each epoch"
        return (
            f"<Samples: split {self.split or 'all'!r}, {inits[0]} to {inits[-1]}\n"
            f"  {len(inits):,} windows of {found.frames} frames{step} in {len(self._spots):,} "
            f"places of {rows} x {columns}, {drawn}\n"
            f"  {self.crops:,} samples of {len(self.channels)} channels; {len(self):,} batches of "
            f"{self.batch_size}, {order}{weights}\n"
            f"  from {found.inside:,} of {found.total:,} frames; left out: {self._left_out:,} "
            f"places by the rain filter, {found.broken:,} starts broken by jumps in time>"
        )

    def _batch(self, epoch: int, index: int) -> tuple:
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        window, spot = self._items[self._chosen(epoch, index)].T
        init = self.selection.init[window]
        rng = epoch_rng(self.seed, epoch, index)
        corners = self._spots.draw(rng, spot)
        poses = self._augmentation.draw(rng, len(init))
        x, _ = self._fields.x(init, corners, self._spots.shape)
        y, valid = self._fields.y(init, corners, self._spots.shape)
        arrays = (x, y, valid.astype(np.float32)) if self._weighted else (x, y)
        if self._augmentation.changes_nothing:
            return arrays
        return tuple(
            np.stack([_turned(pose, crop) for pose, crop in zip(poses, array, strict=True)])
            for array in arrays
        )

    def _windows(self, epoch: int) -> np.ndarray:
        """Positions of the samples in the order of an epoch."""
        if not self.shuffle:
            return np.arange(len(self._items))
        cached = self._order  # another thread may ask for another epoch meanwhile
        if cached is None or cached[0] != epoch:
            rng = epoch_rng(self.seed, epoch)
            if self._fits:
                order = rng.permutation(len(self._items))
            else:
                blocks = self._store.block_of(self.selection.starts)[self._items[:, 0]]
                order = chunked_order(blocks, self._store.capacity, rng)
            cached = self._order = epoch, order
        return cached[1]


def downscale_samples(
    data: xr.Dataset,
    sample: Sample,
    *,
    attrs: dict,
    split: str | None,
    splits: Splits | None,
    gap: str | timedelta | None,
    filter: RainFilter | None,
    augment: Iterable[str],
    crop: str | None,
    crop_stride: int | tuple[int, int] | None,
    stride: int,
    cache_bytes: int,
    **options,
) -> DownscaleSamples:
    """Samples of a conforming pair; for the arguments see `keras_wx.samples`."""
    if filter is not None and not isinstance(filter, RainFilter):
        raise DataError(
            "filter: a downscaling sample takes a keras_wx.spec.RainFilter, on its first target. "
            f"Received: {filter!r}"
        )
    fields = Fields(data, sample, cache_bytes=cache_bytes)
    grid = sample.grids[sample.meeting_grid(sample.targets[0])]
    spots = places(fields.shape, grid.shape, crop, multiple=grid.multiple, stride=crop_stride)
    augmentation = Augmentation(augment, [spots.shape])
    _refuse_short_history(fields)
    inside = frames_of(split, fields.times, sample, splits=splits, gap=gap, attrs=attrs)
    selection = _windows(fields, inside, stride, attrs.get("split_of") == TARGETS)
    items = np.argwhere(np.ones((len(selection.init), len(spots)), bool)).astype(np.int32)
    left_out = 0
    if filter is not None and filter.min_fraction > 0:
        enough = _rainy(fields, selection, spots, filter)[items[:, 0], items[:, 1]]
        left_out, items = int((~enough).sum()), items[enough]
        if not len(items):
            raise DataError(
                f"No sample is left: {left_out:,} places of {len(selection.init):,} windows were "
                f"dropped by the rain filter, which wants {filter.min_fraction:.0%} of a crop "
                f"above {filter.above:g} {sample.targets[0].units}. min_rain_fraction=0 keeps "
                "every one."
            )
    return DownscaleSamples(
        fields,
        selection,
        items=items,
        spots=spots,
        left_out=left_out,
        augmentation=augmentation,
        split=split,
        **options,
    )


def _turned(pose: Pose, crop: np.ndarray) -> np.ndarray:
    """A crop `(y, x)` or `(y, x, channels)` as the pose sees it."""
    frames = np.moveaxis(np.atleast_3d(crop), -1, 0)
    turned = pose.apply(frames, crop.shape[:2])
    return np.moveaxis(turned, 0, -1).reshape(crop.shape)


def _refuse_short_history(fields: Fields) -> None:
    needed, frames = window_frames(fields.sample), len(fields.times)
    if frames < needed:
        longest = min(fields.sample.variables, key=lambda v: v.offsets[0])
        step = f", {fields.sample.step_text} apart" if fields.sample.step else ""
        raise DataError(
            f"The history is shorter than the lags: variable {longest.name!r} is read from step "
            f"{longest.offsets[0]}, so a sample needs {needed} frames{step}, and the data have "
            f"{frames}. sample.with_frames(input_frames=...) makes a sample of fewer lags, for a "
            "model that is built for them."
        )


def _windows(fields: Fields, inside: list[slice], stride: int, by_target: bool) -> Selection:
    """The windows of a part: those that lie in it, or those whose targets do."""
    sample, times = fields.sample, fields.times
    target = fields.targets[0].store
    if not by_target:
        return select(times, sample, inside=inside, stride=stride, rain=None, target=target)
    everything = [slice(0, len(times))]
    found = select(times, sample, inside=everything, stride=1, rain=None, target=target)
    part = np.zeros(len(times), bool)
    for frames in inside:
        part[frames] = True
    wanted = found.init[:, None] + np.arange(sample.target_steps[0], sample.target_steps[1] + 1)
    chosen = np.flatnonzero(part[wanted].all(axis=1))[::stride]
    if not len(chosen):
        raise DataError(
            f"No window is left whose targets lie in the split: of {len(times):,} frames "
            f"{int(part.sum()):,} do, and none has a history of {found.frames} frames without "
            "a jump in time."
        )
    return dataclasses.replace(
        found, starts=found.starts[chosen], init=found.init[chosen], inside=int(part.sum())
    )


def _rainy(fields: Fields, selection: Selection, spots: Places, rain: RainFilter) -> np.ndarray:
    """Whether each place of each window has enough, on average over its target's frames.

    The filter looks at the crop in the middle of a place.
    """
    channel = fields.targets[0]
    frames = selection.init[:, None] + np.array(channel.variable.offsets)
    store = channel.store
    counted = store.scan(
        store.blocks_of(np.unique(frames)),
        lambda physical: spots.fractions(fields.target_frames(physical) > rain.above),
    )
    fractions = np.zeros((store.shape[0], len(spots)), np.float32)
    for block, values in counted.items():
        fractions[store.edges[block] : store.edges[block + 1]] = values
    return fractions[frames].mean(axis=1) >= rain.min_fraction - 1e-6
