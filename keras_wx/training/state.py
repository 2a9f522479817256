"""What a checkpoint holds: all that the next step depends on, and the log so far.

* `preset.yaml` and `model.weights.h5`: the model, for `keras_wx.load`; with the moving average of
  the weights, if there is one.
* `variables.npz`: every variable: weights, optimizer, metrics, and the seed generators, which
  weight files leave out.
* `progress.json`: steps done, the log of the epochs, early stopping.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_wx.errors import TrainingError
from keras_wx.training.averages import averaged
from keras_wx.zoo.loading import save

_VARIABLES = "variables.npz"
_PATHS = "paths"
_PROGRESS = "progress.json"


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: batches trained.
        history: the log of every epoch, with its number under `"epoch"`.
        stopping: see `Stopping.state`.
        stopped: whether early stopping has ended it.
    """

    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    stopping: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False


def write_state(folder: Path, model: keras.Model, progress: Progress, run: str) -> None:
    """Fills the folder of a checkpoint.

    Args:
        folder: empty.
        model: compiled, with its preset.
        progress: of the run.
        run: what the weights are called in the preset beside them.

    Raises:
        TrainingError: weights that are not finite, which no run could go on from.
    """
    arrays = {}
    for number, variable in enumerate(variables(model)):
        values = ops.convert_to_numpy(variable)
        _refuse_infinite(values, variable, model, progress)
        # NumPy's files do not know bfloat16; float32 holds each of its numbers.
        arrays[f"{number:05d}"] = values.astype("float32") if values.dtype.kind == "V" else values
    np.savez(folder / _VARIABLES, **{_PATHS: [v.path for v in variables(model)]}, **arrays)
    (folder / _PROGRESS).write_text(json.dumps(asdict(progress)), encoding="utf-8")
    try:
        with averaged(model), _without_optimizer(model):
            saved = save(model, folder / run)  # names the weights like their folder
    except RuntimeError as error:  # HDF5 has two ways to say that a disk is full
        number = re.search(r"errno = (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), str(error)) from error
    for path in saved.iterdir():
        path.rename(folder / path.name)
    saved.rmdir()


def read_progress(folder: Path) -> Progress:
    """How far the run was when a checkpoint was written."""
    return Progress(**json.loads((folder / _PROGRESS).read_text(encoding="utf-8")))


def restore(folder: Path, model: keras.Model) -> None:
    """Gives every variable of a compiled and built model its value in a checkpoint.

    Raises:
        TrainingError: the checkpoint is one of another model or optimizer.
    """
    own = variables(model)
    with np.load(folder / _VARIABLES, allow_pickle=False) as arrays:
        stored = [arrays[name].shape for name in sorted(set(arrays) - {_PATHS})]
        if stored != [tuple(variable.shape) for variable in own]:
            raise TrainingError(
                f"{folder} is a checkpoint of another model or optimizer. It has "
                f"{', '.join(arrays[_PATHS].tolist())}; the model has "
                f"{', '.join(variable.path for variable in own)}."
            )
        for number, variable in enumerate(own):
            variable.assign(arrays[f"{number:05d}"])


class Resume(keras.callbacks.Callback):
    """Restores a checkpoint when the first epoch begins, just after `fit` has reset the metrics.

    Args:
        folder: the checkpoint; None to begin anew.
    """

    def __init__(self, folder: Path | None):
        super().__init__()
        self.folder = folder

    def on_epoch_begin(self, epoch, logs=None):
        if self.folder is not None:
            restore(self.folder, self.model)
            self.folder = None


def variables(model: keras.Model) -> list:
    """Every variable that training changes, each once, in an order that building fixes."""
    found = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return list({id(variable): variable for variable in found}.values())


def build_all(model: keras.Model, batch: tuple) -> None:
    """Creates the variables that `fit` would create with its first batch, to restore them."""
    model._symbolic_build(data_batch=batch)


def _refuse_infinite(values, variable, model, progress) -> None:
    is_weight = any(variable is weight for weight in model.weights)
    if is_weight and not np.isfinite(values).all():
        raise TrainingError(
            f"The weights {variable.path} are not finite after step {progress.step}: the gradient "
            "was not, although the loss was. No checkpoint is made of them."
        )


@contextmanager
def _without_optimizer(model: keras.Model) -> Iterator[None]:
    """`save_weights` writes the optimizer too, which the variables' own file has already."""
    optimizer, model.optimizer = model.optimizer, None
    try:
        yield
    finally:
        model.optimizer = optimizer
