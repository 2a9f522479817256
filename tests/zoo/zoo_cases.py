"""How the zoo-wide tests build any registered model, and what they feed it.

A model says its input itself: the shape it was built with, open sizes filled in here. It runs in
its `tiny` configuration, loaded through a preset of its architecture.
"""

from __future__ import annotations

import keras
import numpy as np

import keras_wx
from keras_wx.baselines import Baseline
from keras_wx.inference.network import seeded
from keras_wx.registry import models
from keras_wx.spec import Sample
from keras_wx.zoo import presets

GRID = 8
BATCH = 3

NETWORKS = [name for name in models if not issubclass(models.get(name), Baseline)]
BASELINES = [name for name in models if issubclass(models.get(name), Baseline)]
HEADS = {"unet3plus_probabilistic": "unet3plus_curtain_era5_prob_small"}
"""Presets that give something else than the others of their architecture."""


def tiny(architecture: str) -> keras.Model | Baseline:
    """The model in its tiny configuration, compiled as its preset says, with formula weights.

    It may also be one of `HEADS`.
    """
    preset = HEADS.get(architecture)
    architecture = presets.base(preset).architecture if preset else architecture
    preset = preset or next(
        (
            name
            for name in keras_wx.list_models()
            if presets.base(name).architecture == architecture
        ),
        None,
    )
    assert preset, f"architecture {architecture!r} has no preset in zoo_configs/"
    config = getattr(models.get(architecture), "tiny", {})
    model = keras_wx.load(preset, weights=None, **config)
    if isinstance(model, keras.Model):
        set_formula_weights(model)
    return model


def set_formula_weights(model: keras.Model) -> None:
    """Weights from a formula, so that they are the same with every generator and backend."""
    for number, variable in enumerate(model.weights):
        count = int(np.prod(variable.shape))
        values = 2 * spread(count, start=number).reshape(variable.shape) - 1
        fan_in = max(1, count // variable.shape[-1])
        is_variance = variable.path.endswith("variance")
        variable.assign(1 + 0.5 * values if is_variance else 2 / np.sqrt(fan_in) * values)


def spread(count: int, start: int = 0) -> np.ndarray:
    """Numbers in [0, 1) that look random, from a formula."""
    return np.sin(12.9898 * np.arange(count) + 78.233 * (start + 1)) * 43758.5453 % 1


def shapes(sample: Sample, grid: tuple[int, int] = (GRID, GRID)) -> tuple[tuple, tuple]:
    """Shapes of an input and of what is forecast from it, without the batch."""
    eaten, given = len(sample.of_role("input", "mask")), len(sample.targets)
    if sample.layout == "channels":
        channels = sum(v.frames for v in sample.variables if v.role != "target")
        return (*grid, channels), (*grid, given)
    if sample.inputs[0].steps is None:  # curtains and single images
        return (*grid, eaten), (*grid, given)
    return (sample.inputs[0].frames, *grid, eaten), (sample.targets[0].frames, *grid, given)


def inputs(model: keras.Model | Baseline) -> np.ndarray:
    """A batch that the model takes, from a formula, between 0 and 1."""
    sample = model.preset.sample
    shape = shapes(sample)[0] if isinstance(model, Baseline) else model.input_shape[1:]
    shape = (BATCH, *(size or GRID for size in shape))
    x = spread(np.prod(shape)).reshape(shape).astype("float32")
    if sample.of_role("mask"):
        hole = np.clip((GRID // 2 - np.arange(shape[1])) / 2, 0, 1)
        x[..., -1] = hole[:, None]
    return x


def forecast(
    model: keras.Model | Baseline, x: np.ndarray, batch_size: int | None = None
) -> np.ndarray:
    """What `predict` gives; a stochastic model draws the same each time."""
    options = {} if batch_size is None else {"batch_size": batch_size}
    with seeded(model, 0):
        return model.predict(x, verbose=0, **options)


def called(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """What a call gives; a stochastic model draws the same each time."""
    with seeded(model, 0):
        return keras.ops.convert_to_numpy(model(x, training=False))


def targets(model: keras.Model) -> np.ndarray:
    """Targets for `inputs`, between 0 and 1."""
    shape = (BATCH, *(size or GRID for size in model.output_shape[1:]))
    return spread(np.prod(shape), start=5).reshape(shape).astype("float32")
