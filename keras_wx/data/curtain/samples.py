"""Samples of curtains: windows of columns with their mask, as batches for `fit`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import xarray as xr

from keras_wx.data.augment import CURTAIN_KINDS, Augmentation, Pose
from keras_wx.data.channels import ArrayPlan, Channel
from keras_wx.data.curtain.decorrelation import decorrelation_time, gap_between_parts
from keras_wx.data.curtain.filter import cloudy
from keras_wx.data.curtain.gates import close_gaps
from keras_wx.data.curtain.mask import blind_rows, soft_mask
from keras_wx.data.frames import FrameStore
from keras_wx.data.order import epoch_rng
from keras_wx.data.pydataset import Samples
from keras_wx.data.selection import Selection, select
from keras_wx.data.splits import Splits, frames_of
from keras_wx.data.windows import curtain_columns
from keras_wx.errors import DataError
from keras_wx.spec import CloudFilter, RainFilter, Sample, format_step


class CurtainSamples(Samples):
    """Batches of curtains; `keras_wx.samples` makes it.

    Attributes:
        decorrelation_time: of the first target, where the gap between the parts was taken from
            it.
    """

    def __init__(
        self,
        sample: Sample,
        selection: Selection,
        *,
        blind: np.ndarray,
        correlated: timedelta | None,
        training: bool,
        **parts,
    ):
        super().__init__(sample, selection, **parts)
        self.decorrelation_time = correlated
        self._blind = blind
        self._training = training
        self._masked = bool(sample.of_role("mask"))
        self._weighted = True

    @property
    def coords(self) -> dict[str, xr.Variable]:
        """The heights of the rows."""
        return dict(self._targets[0].channels[0].store.coords)

    def __repr__(self) -> str:
        inits, found = self.init_times.astype("datetime64[s]"), self.selection
        step = f" every {format_step(self.sample.step)}" if self.sample.step else ""
        order = f"shuffled (seed {self.seed}, epoch {self.epoch})" if self.shuffle else "in order"
        correlated = self.decorrelation_time
        gap = f"; columns decorrelate in {format_step(correlated)}" if correlated else ""
        return (
            f"<Samples: split {self.split or 'all'!r}, {inits[0]} to {inits[-1]}{gap}\n"
            f"  {len(inits):,} curtains of {self._targets[0].shape[0]} heights x {found.frames} "
            f"columns{step}, {self._rows()} rows blind\n"
            f"  {len(self):,} batches of {self.batch_size}, {order}; the mask is the weight\n"
            f"  from {found.inside:,} of {found.total:,} columns; left out: {found.dry:,} windows "
            f"by the filter, {found.broken:,} starts broken by jumps in time>"
        )

    def _rows(self) -> str:
        least, greatest = self._blind.min(), self._blind.max()
        return f"{least}" if least == greatest else f"{least} to {greatest}"

    def _batch(self, epoch: int, index: int) -> tuple:
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        init = self.selection.init[self._chosen(epoch, index)]
        rng = epoch_rng(self.seed, epoch, index)
        poses = self._augmentation.draw(rng, len(init))
        columns = init[:, None] + np.arange(self.selection.frames)
        backwards = [pose.backwards for pose in poses]
        columns[backwards] = columns[backwards, ::-1]
        zone = self.sample.blind_zone
        buffer = (
            rng.integers(zone.train_buffer[0], zone.train_buffer[1] + 1, size=len(init))
            if self._training
            else zone.buffer
        )
        height = self._targets[0].shape[0]
        mask = soft_mask(self._blind[columns], np.broadcast_to(buffer, len(init)), height)

        (inputs,), (targets,) = self._inputs, self._targets
        layers: dict[FrameStore, np.ndarray] = {}
        weight = mask
        # Targets first: what is input and target is read once, and its gaps have no weight.
        for channel in (*targets.channels, *inputs.channels):
            if channel.store in layers:
                continue
            layer, gaps = self._layer(channel, init, poses)
            if gaps.any():
                for network, missing, soft, when in zip(
                    layer, gaps, mask, self._times[columns], strict=True
                ):
                    close_gaps(channel.variable, network, missing, soft == 1, when)
                if channel.variable.role == "target" and not channel.variable.auxiliary:
                    weight = weight * ~gaps
            layers[channel.store] = layer
        x = [layers[channel.store] for channel in inputs.channels]
        if self._masked:
            x.append(mask)
        y = [layers[channel.store] for channel in targets.channels]
        return np.stack(x, axis=-1), np.stack(y, axis=-1), weight

    def _layer(
        self, channel: Channel, init: np.ndarray, poses: list[Pose]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Network numbers of a variable, `(batch, height, time)`, and where they are missing."""
        shape = len(init), self.selection.frames, *channel.store.shape[1:]
        layer = np.empty(shape, np.float32)
        channel.write(layer, init, poses)
        layer = layer[..., 0].swapaxes(1, 2)
        return layer, np.isnan(layer)


def curtain_samples(
    data: xr.Dataset,
    sample: Sample,
    *,
    attrs: dict,
    split: str | None,
    splits: Splits | None,
    gap: str | timedelta | None,
    filter: RainFilter | CloudFilter | None,
    augment: Iterable[str],
    stride: int,
    cache_bytes: int,
    **options,
) -> CurtainSamples:
    """Windows of a conforming curtain; for the arguments see `keras_wx.samples`."""
    if len(sample.grids) > 1:
        raise DataError(f"Expected curtains on one grid. Received grids {list(sample.grids)}")
    blind = blind_rows(data, sample)
    times, height = data["time"].values, data.sizes["height"]
    width = curtain_columns(sample)
    channels = _channels(sample, data, width, cache_bytes)
    inputs, targets = (
        [ArrayPlan(tuple(c for c in channels if c.variable.role == role), (height, 1))]
        for role in ("input", "target")
    )
    target = targets[0].channels[0].store
    correlated = None
    if split not in (None, "all") and gap is None and (splits or "split_gap" not in attrs):
        correlated = decorrelation_time(target)
        gap = gap_between_parts(times, sample, width, correlated)
    selection = select(
        times,
        sample,
        inside=frames_of(split, times, sample, splits=splits, gap=gap, attrs=attrs),
        stride=stride,
        rain=filter if isinstance(filter, RainFilter) else None,
        target=target,
    )
    if isinstance(filter, CloudFilter):
        selection = cloudy(selection, filter, target, blind)
    used = np.unique(selection.starts[:, None] + np.arange(width))
    for channel in channels:
        _refuse_known_gaps(channel, used, blind)
    return CurtainSamples(
        sample,
        selection,
        blind=blind,
        correlated=correlated,
        training=split == "train",
        times=times,
        inputs=inputs,
        targets=targets,
        augmentation=Augmentation(augment, [(height, width)], allowed=CURTAIN_KINDS),
        split=split,
        **options,
    )


def _refuse_known_gaps(channel: Channel, columns: np.ndarray, blind: np.ndarray) -> None:
    """Raises before the first batch what a batch would raise later, for data in memory."""
    store = channel.store
    if store.missing is None:
        return
    columns = columns[store.missing[columns]]
    if columns.size:
        gaps = np.isnan(store.field[columns].values).T
        hidden = np.arange(len(gaps))[:, None] < blind[columns]
        scratch = np.empty(gaps.shape, np.float32)
        close_gaps(channel.variable, scratch, gaps, hidden, store.times[columns])


def _channels(sample: Sample, data: xr.Dataset, width: int, cache_bytes: int) -> list[Channel]:
    """One channel a variable; what is input and target shares its store."""
    variables = [v for v in sample.variables if v.role in ("input", "target")]
    keys = dict.fromkeys((v.name, v.transform) for v in variables)
    stores = {
        (name, transform): FrameStore(
            data[name].transpose("time", "height"), transform, cache_bytes=cache_bytes // len(keys)
        )
        for name, transform in keys
    }
    # The columns of a curtain are the steps of its windows.
    steps = {"steps": (0, width - 1)}
    return [Channel(v.model_copy(update=steps), stores[v.name, v.transform]) for v in variables]
