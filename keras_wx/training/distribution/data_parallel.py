"""Several devices, and processes, under JAX: `keras.distribution.DataParallel`.

The compiler divides one program over whole batches: nothing of the model has to know.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import jax
import keras
import numpy as np
from jax.experimental import multihost_utils

from keras_wx.errors import ModelError, TrainingError
from keras_wx.training.distribution import choice
from keras_wx.training.distribution.placement import Placement, Shared

_VARIABLE = "KERAS_DISTRIBUTION_{}"


class DataParallel(Shared):
    """The devices of a `keras.distribution.DataParallel`, in one process or several."""

    def __init__(self, distribution: keras.distribution.DataParallel):
        mesh = distribution.device_mesh.devices
        super().__init__(mesh.size, jax.process_count(), jax.process_index())
        self.distribution = distribution

    def scope(self):
        return self.distribution.scope()

    def check(self, model, train, val):
        mesh = set(self.distribution.device_mesh.backend_mesh.devices.flat)
        for variable in model.variables:
            if variable.value.sharding.device_set != mesh:
                raise ModelError(
                    f"{model.name} was built for other devices than it is to be trained on. Its "
                    "name in place of it builds it there; so does a model made inside "
                    "keras_wx.training.distribution.place(devices).scope()."
                )
        super().check(model, train, val)

    @property
    def agree(self):
        return _greatest if self.processes > 1 else None

    def wait(self, what):
        multihost_utils.sync_global_devices(what)


def _greatest(signal: int | None) -> int | None:
    """Batch systems signal one process, or all of them, but not in the same step."""
    return int(multihost_utils.process_allgather(np.int32(signal or 0)).max()) or None


def place(devices: int | str | Sequence[str] | None) -> Placement:
    """See `choice.place`."""
    if devices is None:
        active = keras.distribution.distribution()
        return (
            DataParallel(active)
            if isinstance(active, keras.distribution.DataParallel)
            else Placement()
        )
    _join_processes()
    available = keras.distribution.list_devices()
    chosen = choice.select(devices, available)
    if jax.process_count() > 1 and len(chosen) < len(available):
        raise TrainingError(
            f"devices: {jax.process_count()} processes train on all of their devices. Expected "
            f"devices='all'. Received: devices={devices!r}"
        )
    if chosen == available[:1]:
        return Placement()
    # Each process reads its own part of a batch: Keras would divide a tf.data.Dataset, and refuse
    # all else.
    return DataParallel(keras.distribution.DataParallel(devices=chosen, auto_shard_dataset=False))


def _join_processes() -> None:
    """Joins the processes that Keras' variables name.

    `keras.distribution.initialize` would do the same, and import TensorFlow to draw a seed that a
    run has already.
    """
    addresses, processes, process = (
        os.environ.get(_VARIABLE.format(name))
        for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID")
    )
    if processes is None or int(processes) < 2 or jax.distributed.is_initialized():
        return
    try:
        jax.distributed.initialize(
            coordinator_address=None if addresses is None else addresses.split(",")[0],
            num_processes=int(processes),
            process_id=None if process is None else int(process),
        )
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"The {processes} processes of KERAS_DISTRIBUTION_NUM_PROCESSES have not found each "
            f"other: {error} (A process joins them before it computes anything.)"
        ) from error
