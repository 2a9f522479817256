"""Noise that looks like the field: Gaussian, with its spectrum, anisotropy included."""

from __future__ import annotations

import numpy as np
from scipy import fft
from scipy.signal.windows import tukey

from keras_wx.baselines.steps.cascade import inner, reciprocal


def spectral_amplitude(field: np.ndarray, taper: float = 0.2) -> np.ndarray:
    """Amplitudes that turn white noise into noise with the spectrum of a field.

    Args:
        field: `(y, x)`. It is counted from its smallest value, so that the taper brings in no edge
            where it is dry.
        taper: part of each axis over which the window falls to zero at its two ends, since the
            Fourier transform takes the field for periodic. 0 tapers nothing.

    Returns:
        Modulus of the half spectrum, `(rows, columns // 2 + 1)`.

    References:
        Seed, Pierce & Norman (2013), Formulation and evaluation of a scale decomposition-based
        stochastic precipitation nowcast scheme, Water Resources Research 49, 6624-6641.
    """
    window = np.outer(*(tukey(size, taper) if size > 2 else np.ones(size) for size in field.shape))
    return np.abs(fft.rfft2((field - field.min()) * window))


def level_amplitudes(
    amplitude: np.ndarray, filters: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Amplitudes that turn white noise of unit variance into the levels of a cascade.

    Args:
        amplitude: of the noise as a whole, `(rows, columns // 2 + 1)`.
        filters: of `band_filters`.
        shape: rows and columns.

    Returns:
        `(levels, rows, columns // 2 + 1)`: each level of the noise has mean 0 and an expected
        variance of 1.
    """
    levels = filters * amplitude
    levels[:, 0, 0] = 0
    # White noise has a spectrum of modulus sqrt(rows * columns) on average.
    variance = inner(levels, levels, shape) * np.prod(shape)
    return levels * reciprocal(np.sqrt(variance))[:, None, None]


def white(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Half spectrum of Gaussian white noise of unit variance."""
    return fft.rfft2(rng.standard_normal(shape))
