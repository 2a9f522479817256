"""How rain changes as it moves along, scale by scale: what frames say of it, and how it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from keras_wx.baselines.advection import advect
from keras_wx.baselines.steps.autoregression import correlations, stationary, yule_walker
from keras_wx.baselines.steps.cascade import Cascade, band_filters, decompose, recompose
from keras_wx.baselines.steps.noise import level_amplitudes, spectral_amplitude, white

HISTORY = 3
"""Frames that the two lags of the autoregression take."""


class Scales(NamedTuple):
    """An AR(2) process a scale, in coordinates that move along.

    Attributes:
        now: cascade of the last frame.
        before: cascade of the frame before.
        phi: coefficients of these two, `(2, levels, 1, 1)`.
        noise: amplitudes that turn white noise into what is new in a step,
            `(levels, rows, columns // 2 + 1)`.
    """

    now: Cascade
    before: Cascade
    phi: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(cls, rain: np.ndarray, velocity: np.ndarray, levels: int, fill: float) -> Scales:
        """What three frames say.

        Args:
            rain: `(3, y, x)`.
            velocity: grid points a step along x and along y, `(2, y, x)`.
            levels: number of scales; at most as many as the grid has octaves.
            fill: what enters from outside the grid.
        """
        shape = rain.shape[1:]
        filters = band_filters(shape, min(levels, max(shape).bit_length() - 1))
        moved = [
            advect(rain[0], velocity, 2, fill=fill)[-1],
            *advect(rain[1], velocity, 1, fill=fill),
        ]
        history = [decompose(field, filters) for field in (*moved, rain[2])]
        *phi, innovation = yule_walker(stationary(correlations(history))).T[:, :, None, None]
        noise = level_amplitudes(spectral_amplitude(rain[2]), filters, shape)
        return cls(history[2], history[1], np.stack(phi), innovation * noise)

    def evolve(self, rngs: list[np.random.Generator]) -> Iterator[np.ndarray]:
        """Yields fields `(members, y, x)`, one after the other without end.

        Args:
            rngs: of the members.
        """
        now, before = (np.stack([c.spectra] * len(rngs)) for c in (self.now, self.before))
        while True:
            new = self.noise * np.stack([white(self.now.shape, rng) for rng in rngs])[:, None]
            now, before = self.phi[0] * now + self.phi[1] * before + new, now
            yield recompose(now, self.now)
