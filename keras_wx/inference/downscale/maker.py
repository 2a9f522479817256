"""Makes parts of a downscaled domain: reads inputs, runs the model on tiles, stitches them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from keras_wx.data.downscale import Fields, to_physical
from keras_wx.data.downscale.fields import X_ROLES
from keras_wx.data.timeaxis import time_step
from keras_wx.inference.downscale.draws import draw, takes_noise
from keras_wx.inference.downscale.history import Made, OwnHistory, lags_of
from keras_wx.inference.downscale.measured import restore_measured
from keras_wx.inference.downscale.noise import domain_noise
from keras_wx.inference.downscale.plan import Job, Plan
from keras_wx.inference.downscale.stitch import Band, HaloTile, Stitching
from keras_wx.inference.network import seeded
from keras_wx.spec import Sample

if TYPE_CHECKING:
    import keras

    from keras_wx.baselines import Baseline

CACHE_BYTES = 512 * 2**20
"""Memory for frames of the data."""


@dataclass(frozen=True)
class Order:
    """What is to be made, and how the work is divided.

    Attributes:
        data: what `keras_wx.data.conform` gives.
        sample: what the model eats and gives; its targets, where the data have them.
        init: index of the frame at step 0 of each of the output's times.
        seed: of the draws.
        stitching: of the domain.
        plan: of the work.
    """

    data: xr.Dataset
    sample: Sample
    init: np.ndarray
    seed: int
    stitching: Stitching
    plan: Plan


class Maker:
    """Does the jobs of an order.

    Args:
        model: gives network numbers `(batch, y, x, targets)` from `(batch, y, x, channels)`.
        order: what is to be made.
        made: what has been made so far, for a model that reads its own samples.
        count: is told how many fields of tiles have been made.
    """

    def __init__(
        self,
        model: keras.Model | Baseline,
        order: Order,
        made: Made,
        count: Callable[[int], None] = lambda number: None,
    ):
        self._model, self._order, self._made, self._count = model, order, made, count
        sample, data = order.sample, order.data
        lags = lags_of(sample) if order.plan.chained else ()
        readable = [v for v in sample.variables if v.role != "target" or v.name in data]
        self._fields = Fields(
            data,
            sample.model_copy(update={"variables": tuple(v for v in readable if v not in lags)}),
            cache_bytes=CACHE_BYTES,
        )
        times = self._fields.times
        outputs = order.init + sample.targets[0].offsets[0]
        self._lags = {
            v: OwnHistory(v, data[v.name], times, outputs, self._fields.area) for v in lags
        }
        self._channels = sorted(
            (v for v in sample.variables if v.role in X_ROLES), key=lambda v: X_ROLES.index(v.role)
        )
        self._bands = order.stitching.bands(order.plan.rows)
        self._weights_of: dict[int, np.ndarray] = {}
        self._noisy = takes_noise(model)
        self.times = output_times(order)

    def make(self, job: Job) -> dict[str, np.ndarray]:
        """Physical values `(members, steps, rows, x)` of each target, float32."""
        band = self._bands[job.band]
        inside = band.inside
        network = self._sums(job)[:, :, inside] / self._weights(job.band)[inside]
        times = np.broadcast_to(self.times[job.steps], network.shape[:2])
        fields = {
            target.name: to_physical(
                target, network[..., k].astype(np.float32), times, self._fields.area
            )
            for k, target in enumerate(self._order.sample.targets)
        }
        if self._order.sample.of_role("mask"):
            frames = self._order.init[job.steps]
            restore_measured(fields, self._order.data, self._order.sample, frames, band.rows)
        return fields

    def _sums(self, job: Job) -> np.ndarray:
        """Weighted sums of network numbers over tiles, `(members, steps, rows, x, targets)`."""
        band, targets = self._bands[job.band], len(self._order.sample.targets)
        steps = range(job.steps.start, job.steps.stop)
        members = range(job.members.start, job.members.stop)
        inputs = self._inputs(steps, members, band)
        noise = self._noise(steps, members, band) if self._noisy else None
        total = np.zeros((len(members), *inputs.shape[1:-1], targets))
        together, windows = len(members) // len(inputs), self._order.plan.windows
        tiles = self._order.stitching.tiles(band)
        work = list(itertools.product(range(len(inputs)), range(len(steps)), tiles))
        for number, first in enumerate(range(0, len(work), windows)):
            batch = work[first : first + windows]
            # A smaller last batch would be compiled anew.
            padded = batch + batch[-1:] * (windows - len(batch))
            x = np.stack([_cut(tile, inputs[m, step]) for m, step, tile in padded])
            begin = None if noise is None else _cut_noise(noise, padded, together)
            with seeded(self._model, self._seed(job, number)):
                fields = draw(self._model, x, together, targets, begin)
            for (m, step, tile), drawn in zip(batch, fields.swapaxes(0, 1), strict=False):
                for member, field in enumerate(drawn, start=m * together):
                    tile.blend(total[member, step], field)
            self._count(len(batch) * together)
        return total

    def _weights(self, number: int) -> np.ndarray:
        """Sums of the weights in a band, `(rows, x, 1)`."""
        if number not in self._weights_of:
            stitching, band = self._order.stitching, self._bands[number]
            rows = band.window.stop - band.window.start
            weights = self._weights_of[number] = np.zeros((rows, stitching.domain[1], 1))
            for tile in stitching.tiles(band):
                tile.blend(weights, np.ones((*stitching.tile, 1)))
        return self._weights_of[number]

    def size(self, job: Job) -> int:
        """Number of fields of tiles that a job makes."""
        tiles = self._order.stitching.count(self._bands[job.band])
        members, steps = (part.stop - part.start for part in (job.members, job.steps))
        return tiles * members * steps

    def some_inputs(self) -> Iterator[np.ndarray]:
        """What the data say for the first, the middle and the last sample, and the history that the
        first begins with: other data would make other numbers."""
        number, band = len(self._order.init), self._bands[0]
        for step in sorted({0, number // 2, number - 1}):
            yield self._read(range(step, step + 1), band)
        for history in self._lags.values():
            yield history.read(self._order.init[0], 0, band.window, self._made)

    def _inputs(self, steps: range, members: range, band: Band) -> np.ndarray:
        """`(members or 1, steps, rows, x, channels)`: one for all where they read the same."""
        shared = self._read(steps, band)
        if not self._lags:
            return shared[None]
        return np.stack([self._with_own(shared, steps, member, band) for member in members])

    def _read(self, steps: range, band: Band) -> np.ndarray:
        init = self._order.init[steps.start : steps.stop]
        corners = np.tile([[band.window.start, 0]], (len(init), 1))
        shape = band.window.stop - band.window.start, self._order.stitching.domain[1]
        return self._fields.x(init, corners, shape)[0]

    def _with_own(self, shared: np.ndarray, steps: range, member: int, band: Band) -> np.ndarray:
        """All channels in their order, of which `shared` has those without lags."""
        out, at = [], 0
        for variable in self._channels:
            if variable in self._lags:
                lags = [
                    self._lags[variable].read(init, member, band.window, self._made)
                    for init in self._order.init[steps.start : steps.stop]
                ]
                out.append(np.stack(lags))
            else:
                out.append(shared[..., at : at + variable.frames])
                at += variable.frames
        return np.concatenate(out, axis=-1)

    def _noise(self, steps: range, members: range, band: Band) -> np.ndarray:
        """`(members, steps, rows, x, targets)`."""
        columns, targets = self._order.stitching.domain[1], len(self._order.sample.targets)
        seed, times = self._order.seed, self.times
        return np.stack(
            [
                [domain_noise(seed, m, times[t], band.window, columns, targets) for t in steps]
                for m in members
            ]
        )

    def _seed(self, job: Job, batch: int) -> int:
        """Of what a model draws inside of one batch."""
        time = int(self.times[job.steps.start].astype("datetime64[s]").astype(int)) % 2**64
        key = self._order.seed, time, job.members.start, job.band, batch
        return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


def output_times(order: Order) -> np.ndarray:
    """When the fields are that are made: step 0, or some steps later."""
    times = order.data["time"].values.astype("datetime64[ns]")
    later = order.sample.targets[0].offsets[0]
    step = order.sample.step or time_step(times)
    return times[order.init] + (later * np.timedelta64(step, "ns") if later else 0)


def _cut(tile: HaloTile, x: np.ndarray) -> np.ndarray:
    """The tile's part of `(y, x, channels)`, its edge repeated where it reaches beyond."""
    return tile.tile.cut(x[None], np.full(x.shape[-1], np.nan))[0]


def _cut_noise(noise: np.ndarray, batch: list, together: int) -> np.ndarray:
    """`(members, batch, y, x, targets)` for the members that are drawn of each input."""
    cut = [
        [_cut(tile, noise[member, step]) for member in range(m * together, (m + 1) * together)]
        for m, step, tile in batch
    ]
    return np.stack(cut, axis=1)
