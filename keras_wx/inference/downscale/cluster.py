"""The same jobs on a dask cluster: workers write into one Zarr store."""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from keras_wx.baselines import Baseline
from keras_wx.errors import ModelError
from keras_wx.inference.downscale.maker import Maker, Order
from keras_wx.inference.downscale.plan import Job
from keras_wx.inference.downscale.results import InZarr
from keras_wx.inference.network import built_in
from keras_wx.inference.output import Outline
from keras_wx.models.diffusion.maps import listed

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
        # Keras tracks lists and dicts that are attributes of a model; those cannot be sent.
        self.kind, self.config, self.preset = type(model), listed(model.get_config()), model.preset
        network = not isinstance(model, Baseline)
        self.weights = model.get_weights() if network else None
        self.precision = model.dtype_policy.name if network else None
        self.order, self.outline, self.path = order, outline, path.absolute()

    def open(self) -> tuple[Maker, InZarr]:
        """Unpacks, once in a process."""
        results = InZarr(self.path, self.outline, self.order.plan)
        return Maker(self.model(), self.order, results), results

    def model(self) -> keras.Model | Baseline:
        """The model again."""
        if self.weights is None:
            model = self.kind(**self.config)
        else:
            with built_in(self.precision):
                model = self.kind.from_config(self.config)
            model.set_weights(self.weights)
        model.preset = self.preset
        return model


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

    # Beside what is made, and not in the memory of workers, which a lost one would take with it.
    parcel = InZarr.parcel(path)
    parcel.write_bytes(distributed.protocol.pickle.dumps(Parcel(model, order, outline, path)))
    key = uuid.uuid4().hex

    def submit(jobs: Iterable[Job]) -> list[distributed.Future]:
        return [
            client.submit(_do, parcel.absolute(), key, job, retries=ATTEMPTS, pure=False)
            for job in jobs
        ]

    ahead = AHEAD * max(1, sum(client.nthreads().values()))
    for jobs in waiting:
        left = iter(jobs)
        running = distributed.as_completed(
            submit(islice(left, ahead)), loop=client.loop, with_results=True
        )
        for _, made in running:
            if isinstance(made, BaseException):  # of a cancelled job, which does not raise
                raise made
            count(made)
            running.update(submit(islice(left, 1)))


_OPEN: dict[str, tuple[Maker, InZarr]] = {}
_ONE = threading.Lock()


def _do(parcel: Path, key: str, job: Job) -> int:
    """One job, on a worker; returns how many fields of tiles it made."""
    import dask

    # A model draws with the state of its generators: one job at a time in a process. What it reads
    # lazily is read here, and not by another task that would wait for this one.
    with _ONE, dask.config.set(scheduler="synchronous"):
        if key not in _OPEN:
            from distributed.protocol.pickle import loads

            _OPEN.clear()
            _OPEN[key] = loads(parcel.read_bytes()).open()
        maker, results = _OPEN[key]
        if not results.is_done(job):
            results.write(job, maker.make(job))
        return maker.size(job)
