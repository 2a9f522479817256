"""Quantile mapping: coarse values become the fine ones that are as likely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from keras_wx.baselines.base import Baseline
from keras_wx.baselines.interpolation import first_channel
from keras_wx.errors import ModelError
from keras_wx.registry import register_model

if TYPE_CHECKING:
    from keras_wx.data.pydataset import Samples

VALUES = 4_000_000
"""Values of each field that the quantiles are taken of; more of them are thinned at random."""


@register_model("quantile_mapping")
class QuantileMapping(Baseline):
    """Interpolates, and then gives the field the distribution of fine ones.

    Each value of the coarse field becomes the fine one with the same cumulative probability in the
    training part, `F_fine^-1(F_coarse(x))`, all points and times taken together. Between quantiles
    it is linear; beyond the outermost it keeps their difference. Of coarse values that are equal,
    such as no rain, each becomes the least of those that they could.

    Args:
        quantiles: number of steps between the quantiles, from 0 to 1.
        coarse, fine: the quantiles of both fields, which `fit` finds.

    Input shape:
        `(batch, y, x, channels)`, the coarse field in the first channel.

    Output shape:
        `(batch, y, x, 1)`.

    Raises:
        ModelError: quantiles that do not increase, and a model that knows none yet.

    References:
        Panofsky and Brier 1968, Some Applications of Statistics to Meteorology; Boé et al. 2007,
        doi:10.1002/joc.1602, for what lies beyond the outermost quantiles.

    Example:
        >>> model = keras_wx.load("quantile_mapping")
        >>> model.fit(keras_wx.samples(pair, model.preset, split="train", batch_size=32))
        >>> keras_wx.predict(model, pair)
    """

    any_variable = True
    needs_fit = True
    tiny = {"coarse": [0.0, 0.5, 1.0], "fine": [0.0, 0.2, 1.0]}

    def __init__(
        self,
        quantiles: int = 1000,
        coarse: Sequence[float] | None = None,
        fine: Sequence[float] | None = None,
        name: str | None = None,
    ):
        super().__init__(name)
        if quantiles < 1:
            raise ModelError(f"Expected at least one step. Received: quantiles={quantiles}")
        self.quantiles = quantiles
        self.coarse, self.fine = (None if q is None else list(q) for q in (coarse, fine))
        self._check()
        self.needs_fit = self.coarse is None

    def fit(self, x: Samples | np.ndarray, y: np.ndarray | None = None, sample_weight=None) -> Self:
        """Finds the quantiles.

        Args:
            x: samples, as `keras_wx.samples(..., split="train")` gives them; or inputs.
            y: fine fields `(batch, y, x, 1)`, for inputs that are an array.
            sample_weight: `(batch, y, x)`; what has none does not count.

        Returns:
            The model itself.

        Raises:
            ModelError: no value at all.
        """
        given = [(x, y, sample_weight)] if y is not None else x
        rng, pairs = np.random.default_rng(0), []
        for index in range(len(given)):
            pair = _values(self, *given[index])
            most = VALUES // len(given)
            chosen = slice(None) if len(pair[0]) <= most else rng.choice(len(pair[0]), most, False)
            pairs.append([values[chosen] for values in pair])
        coarse, fine = (np.concatenate(values) for values in zip(*pairs, strict=True))
        if not coarse.size:
            raise ModelError(f"{self.name}: there is no value to take quantiles of.")
        levels = np.linspace(0, 1, self.quantiles + 1)
        self.coarse, self.fine = (np.quantile(v, levels).tolist() for v in (coarse, fine))
        self.needs_fit = False
        return self

    def forecast(self, x: np.ndarray) -> np.ndarray:
        field = first_channel(self, x)
        if self.coarse is None:
            raise ModelError(
                f"{self.name} knows no quantiles yet: keras_wx.train({self.name!r}, pair, "
                "output_dir=...) takes them from the training part, as does model.fit(samples)."
            )
        coarse, first = np.unique(self.coarse, return_index=True)
        fine = np.asarray(self.fine)[first]
        mapped = np.interp(field, coarse, fine)
        # The greatest of all fine values, even where the greatest coarse one occurs more than once.
        above = field > coarse[-1]
        mapped[above] = field[above] - coarse[-1] + self.fine[-1]
        below = field < coarse[0]
        mapped[below] = field[below] - coarse[0] + fine[0]
        return mapped.astype(field.dtype)

    def _check(self) -> None:
        known = [q for q in (self.coarse, self.fine) if q is not None]
        if len({len(q) for q in known}) > 1 or len(known) == 1:
            raise ModelError("coarse and fine: expected as many quantiles of one as of the other.")
        if any((np.diff(q) < 0).any() for q in known):
            raise ModelError("coarse and fine: expected quantiles that do not decrease.")


def _values(
    model: Baseline, x: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Coarse and fine values at the points that count."""
    coarse, fine = first_channel(model, x)[..., 0], np.asarray(y)[..., 0]
    counts = np.ones(fine.shape, bool) if weight is None else np.asarray(weight) > 0
    return coarse[counts], fine[counts]
