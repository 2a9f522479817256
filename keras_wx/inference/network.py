"""A model on arrays: which grids it takes, how it draws at random, one batch of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from keras_wx.baselines.base import Baseline, Draws
from keras_wx.errors import ModelError

if TYPE_CHECKING:
    import keras


def fixed_grid(model: keras.Model | Baseline) -> tuple[int | None, int | None]:
    """Rows and columns that a model was built for; None where it takes any.

    Raises:
        ModelError: for a model that reads fields on several grids.
    """
    fields = [x.shape[-3:-1] for x in getattr(model, "inputs", None) or () if len(x.shape) > 3]
    if len(set(fields)) > 1:
        raise ModelError(
            f"Expected a model that reads fields on one grid. {model.name} was built for "
            f"{[tuple(shape) for shape in fields]}"
        )
    return tuple(fields[0]) if fields else (None, None)


def grid_multiple(model: keras.Model | Baseline) -> int:
    """What rows and columns have to be a multiple of: `model.grid_multiple`, else its patches."""
    return getattr(model, "grid_multiple", None) or getattr(model, "patch_size", 1)


def is_stochastic(model: keras.Model | Baseline) -> bool:
    """Whether two forecasts from the same frames differ: the model says `stochastic = True`."""
    return getattr(model, "stochastic", False)


@contextmanager
def built_in(policy: str | None) -> Iterator[None]:
    """The dtype policy that layers are built with inside; None leaves the user's."""
    import keras

    usual = keras.config.dtype_policy()
    if policy is not None:
        keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(usual)


@contextmanager
def seeded(model: keras.Model | Baseline, seed: int) -> Iterator[None]:
    """What the model draws inside follows from `seed`; afterwards it goes on as if nothing were."""
    if isinstance(model, Baseline):
        before, model.rng = model.rng, Draws(seed)
        try:
            yield
        finally:
            model.rng = before
        return
    states = [v for v in model.variables if v.path.endswith("seed_generator_state")]
    before = [np.array(state) for state in states]
    for number, state in enumerate(states):
        state.assign(np.random.SeedSequence([seed, number]).generate_state(2))
    try:
        yield
    finally:
        for state, value in zip(states, before, strict=True):
            state.assign(value)


def run(
    model: keras.Model | Baseline, x: dict[str, np.ndarray], expected: tuple[int, ...]
) -> np.ndarray:
    """One batch of forecasts.

    Args:
        model: with `predict_on_batch`, which Keras compiles once for each shape.
        x: arrays by name, `(batch, time, y, x, channels)`.
        expected: `(time, y, x, channels)` of a forecast, as the preset says it.

    Returns:
        `(batch, *expected)`, float32 network numbers.

    Raises:
        ModelError: the model gives another shape than its preset says.
    """
    y = model.predict_on_batch(next(iter(x.values())) if len(x) == 1 else x)
    if tuple(np.shape(y)[1:]) != expected:
        raise ModelError(
            f"The preset of {model.name!r} says forecasts of shape {expected} "
            f"(time, y, x, channels). The model gave {tuple(np.shape(y)[1:])}"
        )
    return np.asarray(y, dtype=np.float32)
