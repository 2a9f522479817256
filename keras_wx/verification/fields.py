"""Several models downscale the same fields, in bounded memory, and are measured."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from keras_wx.data.conform import conform
from keras_wx.errors import DataError
from keras_wx.inference.predict import predict
from keras_wx.verification.downscale import verify_downscaled
from keras_wx.verification.downscale.slots import Slots
from keras_wx.verification.hindcasts import least_value, members_of

if TYPE_CHECKING:
    import keras

    from keras_wx.baselines import Baseline
    from keras_wx.spec import Sample

    Model = keras.Model | Baseline

BLOCK = "5d"
"""What is drawn as a whole for an interval: about as long as the weather remembers itself."""


def with_fields_of(data: xr.Dataset, source: xr.Dataset, sample: Sample, **conversions):
    """Data with what another model reads as well.

    Args:
        data: what `conform` gives for the first model.
        source: what the user gave.
        sample: of the other one.
        conversions: see `keras_wx.data.conform`.

    Raises:
        DataError: the source does not have it.
    """
    other = conform(source, sample, **conversions)
    return data.assign({name: field for name, field in other.items() if name not in data})


def fit_baselines(models: Mapping[str, Model], dataset: xr.Dataset, **conversions) -> list[str]:
    """Fits those that have no numbers yet to the part "train" of a dataset.

    Args:
        models: label -> model.
        dataset: what the user gave.
        conversions: see `keras_wx.data.conform`.

    Returns:
        The labels of those that were.
    """
    from keras_wx.data.samples import samples  # imports Keras

    waiting = [label for label, model in models.items() if getattr(model, "needs_fit", False)]
    for label in waiting:
        model = models[label]
        train = samples(
            dataset, model.preset, split="train", batch_size=32, crop=None, **conversions
        )
        model.fit(train)
    return waiting


def score_fields(
    models: Mapping[str, Model],
    data: xr.Dataset,
    sample: Sample,
    times: np.ndarray,
    *,
    thresholds: Sequence[float] | None = None,
    members: int = 1,
    seed: int = 0,
    batch_size: int | None = None,
    failures: dict[str, Exception] | None = None,
) -> tuple[dict[str, xr.Dataset], dict[str, xr.Dataset]]:
    """Fields of the same times, compared with what was there.

    A model's fields are in a temporary Zarr store while it is measured, and read in blocks.

    Args:
        models: name -> model; all give the same target.
        data: what `conform` gives for their samples.
        sample: of the first model; its range holds for the fields of all.
        times: of step 0, each with a complete window in `data`.
        thresholds: of the probabilities of ensembles.
        members: of the ensemble of each stochastic model; others have one.
        seed: of what they draw.
        batch_size: see `keras_wx.predict`.
        failures: takes the error of a model that fails, while the others go on. Without it, the
            error ends everything.

    Returns:
        Name -> what `verify_downscaled` returns of every time, of which intervals are made; and
        name -> what it returns of all of them together.
    """
    target = sample.targets[0]
    least = least_value(target)
    options = {
        "variable": target.name,
        "thresholds": thresholds,
        "floor": least if np.isfinite(least) else None,
        **_lags(times),
    }
    cases, scores = {}, {}
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, model) in enumerate(models.items()):
            try:
                made = predict(
                    model,
                    data,
                    init_times=times,
                    members=members_of(model, members),
                    seed=seed,
                    batch_size=batch_size,
                    path=Path(scratch) / f"{number}.zarr",
                )
                scores[name] = verify_downscaled(made, data, **options)
                cases[name] = verify_downscaled(made, data, by="time", **options)
            except Exception as error:
                if failures is None:
                    raise
                failures[name] = error
                scores.pop(name, None)
    return cases, scores


def _lags(times: np.ndarray) -> dict[str, int]:
    """Leaves lags out where times are no whole steps apart, as months are not."""
    try:
        Slots.of(times)
    except DataError:
        return {"lags": 0}
    return {}
