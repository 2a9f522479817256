"""A sampler's steps as a table of numbers, made in float64 before the loop begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from keras_wx.diffusion.levels import Levels


class Row(NamedTuple):
    """One evaluation of the network at `time`, `alpha`, `sigma`, and the step that follows.

    `x_next = x * x_t + x_before * x_{t+1} + x0 * x0_t + x0_before * x0_{t+1} + noise * z` with
    fresh noise z, where `t + 1` is the evaluation before.
    """

    time: Any
    alpha: Any
    sigma: Any
    x: Any
    x_before: Any
    x0: Any
    x0_before: Any
    noise: Any


@dataclass(frozen=True, eq=False)
class Plan:
    """The rows of a sampler, column by column; each array has shape `(evaluations,)`, float64.

    That every sampler here is such a table lets one compiled loop serve them all.

    Args:
        time: what the network is told.
        alpha: of the level where it is evaluated.
        sigma: likewise.
        x: factor of the field that it was given.
        x_before: factor of the field that the evaluation before was given.
        x0: factor of the clean field that it predicts.
        x0_before: factor of the one that the evaluation before predicted.
        noise: standard deviation of fresh noise.
    """

    time: np.ndarray
    alpha: np.ndarray
    sigma: np.ndarray
    x: np.ndarray
    x_before: np.ndarray
    x0: np.ndarray
    x0_before: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(cls, levels: Levels, x, x0, x_before=0.0, x0_before=0.0, noise=0.0) -> Plan:
        """A plan that evaluates the network at these levels; numbers hold for every row."""
        columns = (x, x_before, x0, x0_before, noise)
        return cls(*levels, *(np.broadcast_to(c, levels.time.shape) for c in columns))

    def __len__(self) -> int:
        return len(self.time)

    @property
    def table(self) -> np.ndarray:
        """All columns in the order of `Row`, `(evaluations, 8)`."""
        return np.stack([getattr(self, field.name) for field in fields(self)], axis=1)

    @property
    def looks_back(self) -> bool:
        """Whether a step needs what the evaluation before it saw or said."""
        return bool(np.any(self.x_before) or np.any(self.x0_before))

    def alternating_with(self, other: Plan) -> Plan:
        """The rows of both in turn; this one has one more, the last."""
        columns = (np.empty(len(self) + len(other)) for _ in fields(self))
        plan = Plan(*columns)
        for field in fields(self):
            getattr(plan, field.name)[::2] = getattr(self, field.name)
            getattr(plan, field.name)[1::2] = getattr(other, field.name)
        return plan

    def rows(self, order: Sequence[int]) -> Plan:
        """The rows of these numbers, which may come several times."""
        return Plan(*(getattr(self, field.name)[np.asarray(order)] for field in fields(self)))
