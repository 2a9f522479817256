"""What can be seen to go wrong in every trial, before anything is trained, is said at once."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xarray as xr
from pydantic import ValidationError

from keras_wx import metrics
from keras_wx.errors import DataError, ModelError, PresetError, TrainingError, unknown_name
from keras_wx.registry import models
from keras_wx.spec import Preset, Training
from keras_wx.training.distribution import place
from keras_wx.training.recipe import resolve
from keras_wx.training.stopping import DRAWN
from keras_wx.training.train import train as train_model
from keras_wx.tuning.changes import arguments_of
from keras_wx.zoo.compiling import compile_model
from keras_wx.zoo.overrides import overridden

_OURS = ("name", "train", "val", "output_dir", "resume", "recipe", "seed", "verbose")
_LOSSES = ("loss", "val_loss")
VAL_MEMBERS = 8
"""Fields of each window, where the objective needs some and the caller does not say how many."""
_IN_THE_LOSS = ("l2", "prediction", "min_snr_gamma", "schedule", "kl_weight")
"""Keys of configurations on which the loss of one and the same model depends: a penalty, or what a
diffusion model is asked for."""


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
        for key in filter(_changes_the_loss, keys):
            metric = "mae_dbz" if preset.sample.is_curtain else "csi_20"
            if preset.sample.is_downscaling:
                metric = "crps"
            raise TrainingError(
                f"{objective} means something else in each trial, since {key} varies. A metric "
                f"compares them, such as objective='val_{metric}'."
            )
    if oracle == "hyperband" and "training.epochs" in keys:
        raise TrainingError(
            "Hyperband chooses the epochs itself. Leave training.epochs out of the search space; "
            "epochs=... says how many a trial has at most."
        )


def _changes_the_loss(key: str) -> bool:
    """Whether the same forecast has another loss where the value of this key is another."""
    section, *path = key.split(".")
    if section == "config":
        return path[0] in _IN_THE_LOSS
    if section == "training":
        return path[0] == "loss"
    # sample.variables.NAME.transform, a part of it, or any whole that it is in
    return path[0] == "variables" and path[2:3] in ([], ["transform"])


def check_first(changes: Mapping[str, Any], preset: Preset, options: Mapping[str, Any]) -> None:
    """Builds what can be built of the first configuration without its network.

    Args:
        changes: dotted key -> value.
        preset: of the model.
        options: of `keras_wx.train`.

    Raises:
        UnknownNameError: a variable, grid or option that does not exist.
        PresetError: a sample, loss, optimizer or metric that cannot be built.
        TrainingError: values that make no recipe, or no rule of early stopping.
    """
    import keras

    try:
        arguments = arguments_of(changes, options)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in ("sample", *problem["loc"]))
        message = problem["msg"].removeprefix("Value error, ")
        raise PresetError(f"{where}: {message}. Received: {problem['input']!r:.200}") from None
    # As `load` will have it: the configuration follows the sample, and the sample grid and frames.
    preset = overridden(
        preset, models.get(preset.architecture), arguments["config"], arguments["sample"]
    )
    recipe = resolve(preset, recipe_options(arguments))
    preset = preset.model_copy(update={"training": recipe})
    compile_model(keras.Model(), preset)
    rule = recipe.early_stopping
    if rule is not None and rule.monitor is not None and rule.mode == "auto":
        _check_monitor(rule.monitor, recipe, preset)


def _check_monitor(monitor: str, recipe: Training, preset: Preset) -> None:
    known = _directions(recipe, preset)
    if monitor not in known:
        hint = "With mode='min' or mode='max' it may be one that callbacks add."
        raise unknown_name("early_stopping.monitor", monitor, known, hint)
    if known[monitor] is None:
        raise TrainingError(
            f"Whether more or less of {monitor} is better, its name does not say: "
            f"early_stopping={{'monitor': {monitor!r}, 'mode': 'min'}} or 'max'."
        )


def with_draws(options: Mapping[str, Any], objective: str, preset: Preset) -> dict[str, Any]:
    """The options of `keras_wx.train`; an objective that fields have to be drawn for says so."""
    if objective not in DRAWN or not preset.sample.is_downscaling or "val_members" in options:
        return dict(options)
    stochastic = getattr(models.get(preset.architecture), "stochastic", False)
    return {**options, "val_members": VAL_MEMBERS if stochastic else 1}


def direction_of(objective: str, recipe: Training, preset: Preset) -> str:
    """Whether the least or the greatest value of the objective is the best, by its name.

    Raises:
        UnknownNameError: the log will have no such key.
        TrainingError: the name does not say it.
    """
    known = _directions(recipe, preset)
    if objective not in known:
        hint = "metrics=[{'name': 'csi', 'threshold': 20}] adds one."
        raise unknown_name("objective", objective, known, hint)
    if known[objective] is None:
        raise TrainingError(
            f"Whether more or less of {objective} is better, its name does not say: "
            "direction='min' or direction='max'."
        )
    return known[objective]


def _directions(recipe: Training, preset: Preset) -> dict[str, str | None]:
    """Key of the log -> "min", "max", or None where neither end is the best."""
    known = {"loss": "min", "val_loss": "min"}
    if preset.sample.is_downscaling:
        known |= dict.fromkeys(DRAWN, "min")
    for component in recipe.metrics:
        metric = metrics.get(
            component.name,
            transform=preset.sample.targets[0].transform,
            **component.arguments,
        )
        found = {"up": "max", "down": "min"}.get(getattr(metric, "_direction", None))
        known |= {metric.name: found, f"val_{metric.name}": found}
    return known


def check_trainable(preset: Preset) -> None:
    """Raises ModelError for baselines, which have nothing to train."""
    import keras

    if not issubclass(models.get(preset.architecture), keras.Model):
        raise ModelError(f"{preset.full_name} is a baseline: there is nothing to train or search.")
