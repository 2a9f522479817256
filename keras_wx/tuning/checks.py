"""What would go wrong in every trial is said before the first one."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xarray as xr

from keras_wx import metrics
from keras_wx.errors import DataError, ModelError, TrainingError, unknown_name
from keras_wx.registry import models
from keras_wx.spec import Preset, Training
from keras_wx.training.distribution import place
from keras_wx.training.train import train as train_model

_OURS = ("name", "train", "val", "output_dir", "resume", "recipe", "seed", "verbose")
_LOSSES = ("loss", "val_loss")


def check_data(train: Any, val: Any) -> None:
    """Raises DataError unless each trial can cut its own windows."""
    if val is False:
        raise DataError(
            "val: expected an xarray.Dataset, or None for the split 'val' of train: trials are "
            "compared by data that they have not seen. Received: False"
        )
    for which, data in (("train", train), ("val", val)):
        if not isinstance(data, xr.Dataset) and not (which == "val" and data is None):
            raise DataError(
                f"{which}: expected an xarray.Dataset, of which each trial cuts its own windows "
                f"and batches. Received: {type(data).__name__}"
            )


def check_devices(devices: int | str | Sequence[str] | None, workers: int) -> None:
    """Raises TrainingError where devices are not there, or trials could not have them alone."""
    if devices is None:
        return
    if workers > 1:
        raise TrainingError(
            f"Received workers={workers} and devices={devices!r}: every worker would train on the "
            "same devices. The same call in several processes, each of which sees other devices "
            "(CUDA_VISIBLE_DEVICES), works on one search."
        )
    processes = place(devices).processes
    if processes > 1:
        raise TrainingError(
            f"devices={devices!r} are those of {processes} processes that train together "
            "(KERAS_DISTRIBUTION_NUM_PROCESSES). In a search each process runs trials of its own."
        )


def recipe_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that belong to the recipe.

    Raises:
        UnknownNameError: an option that `keras_wx.train` does not have.
    """
    arguments = set(inspect.signature(train_model).parameters) - set(_OURS)
    known = {*arguments, *Training.model_fields, "learning_rate"}
    for option in options:
        if option.partition(".")[0] not in known:
            raise unknown_name("option of tune", option, known)
    return {key: value for key, value in options.items() if key not in arguments}


def check_keys(keys: Iterable[str], preset: Preset, objective: str, oracle: str) -> None:
    """Raises where the model has no such value, or where trials could not be compared."""
    keys = list(keys)
    known = set(inspect.signature(models.get(preset.architecture).__init__).parameters)
    for key in keys:
        section, _, rest = key.partition(".")
        if section == "config" and rest not in known - {"self", "kwargs"}:
            names = [f"config.{name}" for name in known - {"self", "kwargs"}]
            raise unknown_name(f"parameter of {preset.architecture!r}", key, names)
    if objective in _LOSSES:
        for key in keys:
            if key.startswith("training.loss") or key.endswith(".transform"):
                raise TrainingError(
                    f"{objective} means something else in each trial, since {key} varies. A metric "
                    "compares them, such as objective='val_csi_20'."
                )
    if oracle == "hyperband" and "training.epochs" in keys:
        raise TrainingError(
            "Hyperband chooses the epochs itself. Leave training.epochs out of the search space; "
            "epochs=... says how many a trial has at most."
        )


def direction_of(objective: str, recipe: Training, preset: Preset) -> str:
    """Whether the least or the greatest value of the objective is the best, by its name.

    Raises:
        UnknownNameError: the log will have no such key.
        TrainingError: the name does not say it.
    """
    known = {"loss": "min", "val_loss": "min"}
    for component in recipe.metrics:
        metric = metrics.get(
            component.name,
            transform=preset.sample.targets[0].transform,
            **component.arguments,
        )
        found = {"up": "max", "down": "min"}.get(getattr(metric, "_direction", None))
        known |= {metric.name: found, f"val_{metric.name}": found}
    if objective not in known:
        hint = "metrics=[{'name': 'csi', 'threshold': 20}] adds one."
        raise unknown_name("objective", objective, known, hint)
    if known[objective] is None:
        raise TrainingError(
            f"Whether more or less of {objective} is better, its name does not say: "
            "direction='min' or direction='max'."
        )
    return known[objective]


def check_trainable(preset: Preset) -> None:
    """Raises ModelError for baselines, which have nothing to train."""
    import keras

    if not issubclass(models.get(preset.architecture), keras.Model):
        raise ModelError(f"{preset.full_name} is a baseline: there is nothing to train or search.")
