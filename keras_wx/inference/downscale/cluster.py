"""The same jobs on a dask cluster: workers write into one Zarr store."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from keras_wx.baselines import Baseline
from keras_wx.errors import ModelError
from keras_wx.inference.downscale.maker import Maker, Order
from keras_wx.inference.downscale.plan import Job
from keras_wx.inference.downscale.results import InZarr
from keras_wx.inference.output import Outline

if TYPE_CHECKING:
    import distributed
    import keras

ATTEMPTS = 3
"""How often a job is tried again when its worker is lost."""
AHEAD = 2
"""Jobs for each thread of the cluster that the scheduler knows of."""


class Parcel:
    """What a worker needs, in a form that can be sent; a model is made anew from its weights."""

    def __init__(self, model: keras.Model | Baseline, order: Order, outline: Outline, path: Path):
        self.kind, self.config, self.preset = type(model), model.get_config(), model.preset
        self.weights = None if isinstance(model, Baseline) else model.get_weights()
        self.order, self.outline, self.path = order, outline, path.absolute()

    def open(self) -> tuple[Maker, InZarr]:
        """Unpacks, once in a process."""
        if self.weights is None:
            model = self.kind(**self.config)
        else:
            model = self.kind.from_config(self.config)
            model.set_weights(self.weights)
        model.preset = self.preset
        results = InZarr(self.path, self.outline, self.order.plan)
        return Maker(model, self.order, results), results


def client_of(client: distributed.Client | None, path: Path | None) -> distributed.Client | None:
    """The client that the user gave, or the current one if there is any.

    Raises:
        ModelError: a client, and no store that workers could write into.
    """
    if client is not None and path is None:
        raise ModelError(
            "client: the workers of a cluster write into a Zarr store that all of them reach. "
            "Expected path='....zarr' too."
        )
    if client is None and path is not None and "distributed" in sys.modules:
        import distributed

        try:
            return distributed.default_client()
        except ValueError:
            return None
    return client


def run(
    client: distributed.Client,
    model: keras.Model | Baseline,
    order: Order,
    outline: Outline,
    path: Path,
    waiting: Iterable[list[Job]],
    count: Callable[[int], None],
) -> None:
    """Has jobs done by the workers of a cluster.

    A worker that is lost costs what it was just doing: marks in the store say what is done.

    Args:
        client: of the cluster. All workers reach `path` under this name.
        model, order, outline: what is to be made.
        path: of the store when it is complete.
        waiting: the jobs that are not done yet; those of a list need not wait for each other.
        count: is told how many fields of tiles have been made.
    """
    import distributed

    parcel = client.scatter(Parcel(model, order, outline, path), broadcast=True, hash=False)

    def submit(jobs: Iterable[Job]) -> list[distributed.Future]:
        return [
            client.submit(_do, parcel, parcel.key, job, retries=ATTEMPTS, pure=False)
            for job in jobs
        ]

    ahead = AHEAD * max(1, sum(client.nthreads().values()))
    for jobs in waiting:
        left = iter(jobs)
        running = distributed.as_completed(
            submit(islice(left, ahead)), loop=client.loop, with_results=True
        )
        for _, made in running:
            count(made)
            running.update(submit(islice(left, 1)))


_OPEN: dict[str, tuple[Maker, InZarr]] = {}
_ONE = threading.Lock()


def _do(parcel: Parcel, key: str, job: Job) -> int:
    """One job, on a worker; returns how many fields of tiles it made."""
    import dask

    # A model draws with the state of its generators: one job at a time in a process. What it reads
    # lazily is read here, and not by another task that would wait for this one.
    with _ONE, dask.config.set(scheduler="synchronous"):
        if key not in _OPEN:
            _OPEN.clear()
            _OPEN[key] = parcel.open()
        maker, results = _OPEN[key]
        if not results.is_done(job):
            results.write(job, maker.make(job))
        return maker.size(job)
