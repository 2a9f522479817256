"""From what a caller says to a model that is ready for `fit`, and its data."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import xarray as xr

from keras_wx.data.pydataset import Samples
from keras_wx.data.samples import samples as cut
from keras_wx.data.statistics import fit_statistics, of_the_part
from keras_wx.errors import DataError, ModelError
from keras_wx.inference.network import built_in
from keras_wx.spec import Preset, Sample, Variable, read_sample
from keras_wx.training.recipe import resolve
from keras_wx.transforms import steps_of
from keras_wx.zoo.loading import load, preset_for, preset_of


def seed_all(seed: int) -> None:
    """Fixes initial weights, and the seeds of layers that have none of their own."""
    if keras.backend.backend() == "tensorflow":
        keras.utils.set_random_seed(seed)
    else:  # Keras' function would import TensorFlow; its own seeds come from Python's generator
        random.seed(seed)
        np.random.seed(seed)


def prepare_model(
    name: str | Path | keras.Model,
    *,
    weights: Any,
    config: Mapping[str, Any] | None,
    sample: Sample | Mapping[str, Any] | None,
    recipe: Mapping[str, Any],
) -> keras.Model:
    """The model with its preset, whose recipe is the caller's, not compiled.

    Args:
        name, weights, config, sample: see `keras_wx.train`.
        recipe: the caller's options.

    Raises:
        ModelError: a model that was built already cannot be built otherwise.
    """
    if isinstance(name, keras.Model):
        if weights is not None or config or "mixed_precision" in recipe:
            raise ModelError(
                "weights, config and mixed_precision are for models that are built here. Received "
                f"them with a model that is there already: {name.name!r}. Its name in place of it "
                "builds a new one."
            )
        model, preset = name, preset_of(name)
        if sample:
            own = read_sample(sample, preset.sample)
            preset = preset.model_copy(update={"sample": own})
    else:
        precision = resolve(preset_for(name, weights), recipe).mixed_precision
        changes = {"sample": sample or None, **(config or {})}
        with built_in(f"mixed_{precision}" if precision else None):
            model = load(name, weights=weights, compile=False, **changes)
        preset = preset_of(model)
    model.preset = preset.model_copy(update={"training": resolve(preset, recipe)})
    return model


def with_statistics(
    preset: Preset,
    train: xr.Dataset | Samples,
    val: xr.Dataset | Samples | bool | None,
    options: Mapping[str, Any] | None,
) -> Preset:
    """The preset with the numbers that its transforms wait for: of the training part alone, or as
    samples have them that were cut already.

    Args:
        preset: of the model.
        train, val, options: see `prepare_data`.
    """
    sample = preset.sample
    if not any(variable.needs_statistics for variable in sample.variables):
        return preset
    if isinstance(train, Samples):
        found = train.sample.variables
        pairs = zip(sample.variables, found, strict=False)
        alike = len(found) == len(sample.variables) and all(_is_fitted(*pair) for pair in pairs)
        if not alike:
            return preset
        fitted = sample.model_copy(update={"variables": found})
        return preset.model_copy(update={"sample": fitted})
    if not isinstance(train, xr.Dataset):
        return preset
    asked = _asked_for(train, "train", val is None or val is train, options or {})
    return fit_statistics(preset, train, **of_the_part(asked))


def _is_fitted(waiting: Variable, found: Variable) -> bool:
    """Whether a variable is the same but for the numbers that the first one waits for."""
    if not waiting.needs_statistics:
        return waiting == found
    numbers = {"transform": found.transform, "statistics": found.statistics}
    kinds = ([step.key for step in steps_of(v.transform)] for v in (waiting, found))
    return waiting.model_copy(update=numbers) == found and len(set(map(tuple, kinds))) == 1


def prepare_data(
    train: xr.Dataset | Samples,
    val: xr.Dataset | Samples | bool | None,
    preset: Preset,
    *,
    seed: int,
    options: Mapping[str, Any] | None,
    val_options: Mapping[str, Any] | None,
) -> tuple[Samples, Samples | None]:
    """Cuts what is not cut yet.

    Args:
        train, val: see `keras_wx.train`.
        preset: says what a sample is.
        seed: of the order and augmentation.
        options: for `keras_wx.samples`.
        val_options: those that differ for the validation.

    Raises:
        DataError: neither a dataset nor samples, or samples that another model eats.
    """
    if val is None and isinstance(train, xr.Dataset):
        val = train
    together = val is train
    options = dict(options or {})
    found = _samples(
        train, preset, "train", options, together, {"seed": seed, "drop_remainder": True}
    )
    if val is None or val is False:
        return found, None
    try:
        held_out = _samples(val, preset, "val", options | dict(val_options or {}), together, {})
    except DataError as error:
        if not together:
            raise
        raise DataError(
            f"The part 'val' of the data, to validate on: {error} val=False trains without one, "
            "val=another_dataset takes that."
        ) from error
    return found, held_out


def _samples(data, preset: Preset, split: str, options, together: bool, defaults) -> Samples:
    if isinstance(data, Samples):
        if data.sample != preset.sample:
            raise DataError(
                f"{split}: these samples were cut for another model than {preset.full_name}. Cut "
                "them for the same preset, or give the dataset itself."
            )
        return data
    if not isinstance(data, xr.Dataset):
        raise DataError(
            f"{split}: expected an xarray.Dataset or keras_wx.samples. "
            f"Received: {type(data).__name__}"
        )
    asked = _asked_for(data, split, together, options)
    return cut(data, preset, **({"split": split} | defaults | asked))


def _asked_for(
    data: xr.Dataset, split: str, together: bool, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The options; a dataset of its own, without standard splits, is all for training or all for
    validation."""
    if together or f"split_{split}" in data.attrs:
        return dict(options)
    whole = (1.0, 0.0, 0.0) if split == "train" else (0.0, 1.0, 0.0)
    return {"splits": whole, **options}
