"""Runs of baselines that take numbers from the training part: no epochs, and a single fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import xarray as xr

from keras_wx.baselines import Baseline
from keras_wx.data.pydataset import Samples
from keras_wx.errors import ModelError
from keras_wx.inference.variable import for_variable_of
from keras_wx.registry import models
from keras_wx.training import provenance
from keras_wx.training.files import folder
from keras_wx.training.preparation import prepare_data
from keras_wx.training.result import TrainingRun
from keras_wx.training.saver import BEST
from keras_wx.zoo.loading import load, preset_for, save

_BATCHES = {"batch_size": 32, "drop_remainder": False}
"""What a recipe would say."""


def is_fitted_baseline(name: Any) -> bool:
    """Whether a name or folder is that of a baseline whose `fit` takes numbers from data."""
    if isinstance(name, keras.Model):
        return False
    architecture = models.get(preset_for(name, None).architecture)
    return issubclass(architecture, Baseline) and architecture.needs_fit


def fit_baseline(
    name: str | Path,
    train,
    val,
    *,
    output_dir: Path,
    config: Mapping[str, Any] | None,
    sample,
    samples: Mapping[str, Any] | None,
    val_samples: Mapping[str, Any] | None,
    seed: int,
    **refused: Any,
) -> TrainingRun:
    """Fits a baseline, and saves it where the best model of a run is; for the arguments see
    `keras_wx.train`.

    Raises:
        ModelError: options that are for networks alone.
    """
    batch_size = refused.pop("batch_size", None)
    if given := [option for option, value in refused.items() if value]:
        raise ModelError(
            f"{', '.join(given)}: expected none for {name}, which has no weights, and takes its "
            "numbers from one pass over the training part."
        )
    model = load(name, sample=sample or None, **(config or {}))
    if isinstance(train, xr.Dataset):
        model = for_variable_of(train, model)
    options = {**_BATCHES, **(samples or {})}
    options |= {} if batch_size is None else {"batch_size": batch_size}
    with folder(output_dir):
        batches, held_out = prepare_data(
            train, val, model.preset, seed=seed, options=options, val_options=val_samples
        )
        record = provenance.record(
            model.preset, train, train if val is None else (val or None), seed, {"samples": options}
        )
        model.fit(batches)
        save(model, output_dir / BEST, overwrite=True)
        provenance.write(record, output_dir)
    errors = {"mae": _mean_error(model, batches)}
    if held_out is not None:
        errors["val_mae"] = _mean_error(model, held_out)
    history = pd.DataFrame([errors]).rename_axis("epoch")
    return TrainingRun(model, history, output_dir, best_epoch=0)


def _mean_error(model: Baseline, batches: Samples) -> float:
    """Mean absolute error in network numbers, which of a baseline are physical ones as a rule."""
    total = count = 0.0
    for index in range(len(batches)):
        x, y, *weight = batches[index]
        weights = np.broadcast_to(weight[0][..., None] if weight else 1.0, y.shape)
        total += float((np.abs(model.predict(x) - y) * weights).sum())
        count += float(weights.sum())
    return total / count if count else float("nan")
