"""From `devices=` to where a run is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_wx.errors import TrainingError
from keras_wx.training.distribution.placement import Placement

_VIRTUAL = {
    "jax": "XLA_FLAGS=--xla_force_host_platform_device_count=2 in the environment divides the CPU.",
    "tensorflow": "tf.config.set_logical_device_configuration divides the CPU.",
}


def place(devices: int | str | Sequence[str] | None, model: Any = None) -> Placement:
    """Where a run is trained.

    Under JAX this is `keras.distribution.DataParallel`, under TensorFlow
    `tf.distribute.MirroredStrategy`: each device has the whole model, and an equal part of every
    batch. `batch_size` is that of all devices together, and the losses, gradients and metrics are
    those of one device with whole batches.

    Several processes train together under JAX: in each of them
    `KERAS_DISTRIBUTION_JOB_ADDRESSES`, `KERAS_DISTRIBUTION_NUM_PROCESSES` and
    `KERAS_DISTRIBUTION_PROCESS_ID` say who takes part, as for `keras.distribution.initialize`
    (which may have been called, too), and `devices` is `"all"`.

    Args:
        devices: None for one device, or for those of the scope that is active or that the model was
            built in; a number; `"all"`; a name such as `"gpu:1"`; or several such as
            `["gpu:0", "gpu:2"]`.
        model: the model of the run, if there is one already.

    Raises:
        TrainingError: devices that are not there, or a backend or processes that cannot share.

    Example:

    ```python
    with place("all").scope():
        model = keras_wx.load("convlstm_hko", weights=None)
    ```
    """
    backend = keras.backend.backend()
    if backend == "jax":
        from keras_wx.training.distribution import data_parallel

        return data_parallel.place(devices)
    if backend == "tensorflow":
        from keras_wx.training.distribution import mirrored

        return mirrored.place(devices, model)
    if devices is None:
        return Placement()
    raise TrainingError(
        f"devices={devices!r}: training on several devices needs the backend jax or tensorflow. "
        f"Received: KERAS_BACKEND={backend}"
    )


def select(wanted: int | str | Sequence[str], available: Sequence[str]) -> list[str]:
    """The names of the devices that are wanted.

    Args:
        wanted: a number, `"all"`, a name or several; upper and lower case are the same.
        available: all names, in lower case.

    Raises:
        TrainingError: some are not there.
    """
    found: list[str] = []
    if wanted == "all":
        return list(available)
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        found = list(available[:wanted]) if 0 < wanted <= len(available) else []
    elif not isinstance(wanted, int):
        names = [wanted] if isinstance(wanted, str) else wanted
        names = [str(name).lower() for name in names]
        if set(names) <= set(available) and len(set(names)) == len(names):
            found = names
    if found:
        return found
    hint = _VIRTUAL.get(keras.backend.backend(), "") if available[0].startswith("cpu") else ""
    raise TrainingError(
        f"devices: expected 'all', a number up to {len(available)}, or some of "
        f"{', '.join(available)}. Received: devices={wanted!r}. {hint}".rstrip()
    )
