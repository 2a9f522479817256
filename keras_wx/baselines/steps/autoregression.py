"""How long each scale lives: an AR(2) process a level of the cascade."""

from __future__ import annotations

import numpy as np

from keras_wx.baselines.steps.cascade import Cascade, inner

LARGEST = 1 - 1e-6
"""Correlation of a level that does not change. At 1 the Yule-Walker equations are singular."""


def correlations(history: list[Cascade]) -> np.ndarray:
    """Correlation of the last cascade with the one before and with the one before that.

    Args:
        history: cascades of the last three frames, moved to where the rain is now.

    Returns:
        At lags 1 and 2, `(levels, 2)`.
    """
    before_last, last, now = history
    return np.stack(
        [inner(now.spectra, past.spectra, now.shape) for past in (last, before_last)], axis=1
    )


def stationary(gamma: np.ndarray) -> np.ndarray:
    """The nearest correlations that die away without swinging.

    Three frames cannot tell an oscillation from a trend. A negative correlation at lag 1 is
    therefore taken for none; at lag 2 it is at most that at lag 1, and at least the one at which
    the roots of the characteristic polynomial stop being real.

    Args:
        gamma: correlations at lags 1 and 2, `(levels, 2)`.

    Returns:
        The same, changed where need be.
    """
    one = np.clip(gamma[:, 0], 0, LARGEST)
    real_roots = 1 - 2 * (1 - one**2) / (1 + np.sqrt(1 - one**2))
    return np.stack([one, np.clip(gamma[:, 1], real_roots, one)], axis=1)


def yule_walker(gamma: np.ndarray) -> np.ndarray:
    """Coefficients of `x[t] = phi1 x[t-1] + phi2 x[t-2] + phi0 e[t]` that has unit variance.

    Args:
        gamma: correlations at lags 1 and 2, `(levels, 2)`.

    Returns:
        `phi1, phi2, phi0`, `(levels, 3)`.
    """
    one, two = gamma.T
    phi1 = one * (1 - two) / (1 - one**2)
    phi2 = (two - one**2) / (1 - one**2)
    phi0 = np.sqrt(np.maximum(1 - phi1 * one - phi2 * two, 0))
    return np.stack([phi1, phi2, phi0], axis=1)
