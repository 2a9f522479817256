"""Fine fields of a whole domain at many times."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import chain, compress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from keras_wx import __version__
from keras_wx.baselines import Baseline
from keras_wx.errors import DataError, ModelError
from keras_wx.inference.downscale import cluster
from keras_wx.inference.downscale.grid import fine_points
from keras_wx.inference.downscale.history import check_history, lags_of
from keras_wx.inference.downscale.maker import Maker, Order, output_times
from keras_wx.inference.downscale.plan import Job, Plan
from keras_wx.inference.downscale.results import InMemory, InZarr
from keras_wx.inference.downscale.stitch import Stitching
from keras_wx.inference.history import InitTimes, init_frames
from keras_wx.inference.layout import POINTS_AT_ONCE, TILE, Pair, pair
from keras_wx.inference.network import fixed_grid, grid_multiple, is_stochastic
from keras_wx.inference.output import (
    Outline,
    alone,
    attributes,
    described_targets,
    realizations,
)
from keras_wx.inference.progress import progress_bar
from keras_wx.spec import Preset, Sample

if TYPE_CHECKING:
    import distributed
    import keras

POINTS_IN_BATCH = 128 * 16 * 16
"""Grid points of a batch, unless the caller says otherwise."""


def downscaled(
    model: keras.Model | Baseline,
    preset: Preset,
    dataset: xr.Dataset,
    data: xr.Dataset,
    *,
    init_times: InitTimes,
    members: int,
    seed: int,
    batch_size: int | None,
    tile: Pair | None,
    overlap: Pair | None,
    halo: Pair | None,
    history: str,
    path: Path | None,
    client: distributed.Client | None,
    progress: bool | None,
) -> xr.Dataset:
    """Fine fields from coarse ones.

    Args:
        model: see `keras_wx.predict`, as for all others.
        preset: of the model.
        dataset: what the user gave.
        data: what `keras_wx.data.conform` made of it.

    Returns:
        Dims `([realization,] time, y, x)`, times those of the fields.
    """
    sample = preset.sample
    check_history(history, sample)
    if {(t.frames, t.offsets[0]) for t in sample.targets} != {(1, sample.targets[0].offsets[0])}:
        raise ModelError(
            "predict runs models whose targets are fields at one step. Received: "
            f"{ {target.name: target.steps for target in sample.targets} }"
        )
    chained = history == "own"
    if chained and not _is_every(init_times):
        raise ModelError(
            "init_times: with history='own' every time is made, since the next ones need it. "
            f"dataset.sel(time=slice(...)) takes a part. Received: init_times={init_times!r}"
        )
    times = data["time"].values.astype("datetime64[ns]")
    init = init_frames(times, sample, "all" if init_times is None else init_times)
    points = fine_points(data, sample)
    if not chained:
        _refuse_missing_history(data, sample, init)
    stitching = _stitching(model, sample, points.shape, tile, overlap, halo)
    most = batch_size or max(1, POINTS_IN_BATCH // (stitching.tile[0] * stitching.tile[1]))
    plan = Plan.of(stitching, len(init), members, most, chained=chained)
    order = Order(data, sample, init, seed, stitching, plan)
    form = _outline(preset, dataset, points, output_times(order), members)
    if is_stochastic(model):
        form.attrs["seed"] = seed
    if lags_of(sample):
        form.attrs["history_of_targets"] = history

    client = cluster.client_of(client, path)
    tiles = sum(map(stitching.count, stitching.bands(plan.rows)))
    with (
        nullcontext() if path is None else alone(path),
        progress_bar(preset.full_name, tiles * len(init) * members, progress) as count,
    ):
        if path is None:
            results = InMemory(form, plan)
        else:
            results = InZarr.begin(path, form, plan, _fingerprint(model, preset, order))
        maker = Maker(model, order, results, count)
        left = _left(plan, results, lambda job: count(maker.size(job)))
        if client is not None:
            cluster.run(client, model, order, form, path, left, count)
        else:
            for job in chain.from_iterable(left):
                results.write(job, maker.make(job))
        return results.complete()


def _left(
    plan: Plan, results: InMemory | InZarr, skipped: Callable[[Job], None]
) -> Iterator[list[Job]]:
    """The jobs that an earlier run has not done."""
    for jobs in plan.stages():
        done = [results.is_done(job) for job in jobs]
        for job in compress(jobs, done):
            skipped(job)
        yield [job for job, is_done in zip(jobs, done, strict=True) if not is_done]


def _is_every(init_times: InitTimes) -> bool:
    return init_times is None or (isinstance(init_times, str) and init_times == "all")


def _refuse_missing_history(data: xr.Dataset, sample: Sample, init: np.ndarray) -> None:
    """Says what helps where the record of the fine field ends before the coarse one."""
    for variable in lags_of(sample):
        frame = int(init[-1]) + variable.offsets[-1]
        if np.isnan(data[variable.name].isel(time=frame).values).all():
            raise DataError(
                f"Variable {variable.name!r} has no data at {data['time'].values[frame]:.19}, "
                f"which the sample at {data['time'].values[init[-1]]:.19} reads as history. "
                "history='own' goes on with the model's own samples; init_times=... takes the "
                "times that have a history."
            )


def _stitching(
    model: keras.Model | Baseline,
    sample: Sample,
    domain: tuple[int, int],
    tile: Pair | None,
    overlap: Pair | None,
    halo: Pair | None,
) -> Stitching:
    """Tiles as large as the crops that a network learnt from; a baseline takes the domain."""
    grid = sample.grids[sample.meeting_grid(sample.targets[0])]
    fixed, multiple = fixed_grid(model), max(grid_multiple(model), grid.multiple)
    wanted = pair("tile", tile, least=1)
    if wanted is None:
        large = domain[0] * domain[1] > POINTS_AT_ONCE
        usual = domain if isinstance(model, Baseline) or not large else TILE
        learnt = usual if isinstance(model, Baseline) else grid.shape
        wanted = tuple(n or u for n, u in zip(learnt, usual, strict=True))
    elif any(f not in (None, w) for f, w in zip(fixed, wanted, strict=True)):
        raise ModelError(
            f"tile: {model.name} was built for a grid of {fixed[0]} x {fixed[1]} and takes no "
            f"other. Received: tile={tile}"
        )
    size = tuple(
        f or -(-min(w, d) // multiple) * multiple
        for f, w, d in zip(fixed, wanted, domain, strict=True)
    )
    rim = pair("halo", halo, least=0) or tuple(n // 4 for n in size)
    # By default half of what the halo leaves is shared: each point is in four tiles.
    shared = pair("overlap", overlap, least=0) or tuple(
        n - max(1, (n - 2 * r) // 2) for n, r in zip(size, rim, strict=True)
    )
    return Stitching(domain, size, shared, rim)


def _outline(
    preset: Preset, dataset: xr.Dataset, points: xr.DataArray, times: np.ndarray, members: int
) -> Outline:
    """Coordinates and attributes of the output, by the CF conventions."""
    horizontal = points.dims[-2:]
    coords = {n: c.variable for n, c in points.coords.items() if set(c.dims) <= set(horizontal)}
    coords["time"] = ("time", times, {"standard_name": "time"})
    sizes = {"time": len(times), **dict(zip(horizontal, points.shape, strict=True))}
    if members > 1:
        sizes = {"realization": members, **sizes}
        coords["realization"] = realizations(members)
    variables, mappings = described_targets(preset, dataset, tuple(sizes))
    coords |= mappings
    done = "downscaled" if preset.task == "downscale" else "with its gaps filled"
    attrs = attributes(preset, dataset, f"{', '.join(variables)} {done}")
    return Outline("time", sizes, xr.Dataset(coords=coords), variables, attrs)


def _fingerprint(model: keras.Model | Baseline, preset: Preset, order: Order) -> str:
    """A hash of all that the numbers depend on, as far as inputs of some samples tell."""
    import keras

    digest = hashlib.sha256()
    config = {k: v for k, v in model.get_config().items() if k != "name"}
    backend = None if isinstance(model, Baseline) else keras.backend.backend()
    words = __version__, backend, preset.full_name, preset.sample.model_dump_json(), config
    digest.update(repr((*words, order.seed, order.stitching, order.plan)).encode())
    coords = (coord.values for coord in order.data.coords.values())
    weights = [] if isinstance(model, Baseline) else model.get_weights()
    inputs = Maker(model, order, made=None).some_inputs()
    for array in (output_times(order), *coords, *inputs, *weights):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
