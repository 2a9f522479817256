"""A field as a sum of scales, each with its own half spectrum."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import fft

CONSTANT = 1e-9
"""Deviation, relative to the field's largest value, below which a level has no structure."""


def band_filters(shape: tuple[int, int], levels: int, width: float = 0.5) -> np.ndarray:
    """Weights that divide a half spectrum into bands of scale.

    The weights are Gaussian over the logarithm of the wavenumber, with centres that lie evenly from
    one wave across the domain to two grid points a wave, and are normalised: those of all bands
    add up to one at every wavenumber, so that the bands of a field add up to the field. On a grid
    that is not square, the wavenumber counts waves across the longer side, in every direction.

    Args:
        shape: rows and columns.
        levels: number of bands.
        width: standard deviation of the Gaussians, in distances between two centres.

    Returns:
        `(levels, rows, columns // 2 + 1)`, from the largest scale to the smallest. The mean of
        the field belongs to the first.

    References:
        Pulkkinen et al. (2018), Stochastic Spectral Method for Radar-Based Probabilistic
        Precipitation Nowcasting, Journal of Atmospheric and Oceanic Technology 35, 2215-2236.

    Example:
        >>> band_filters((64, 64), levels=6).sum(axis=0).round(6).max()
        1.0
    """
    rows, columns = shape
    longest = max(shape)
    wavenumber = longest * np.hypot(fft.fftfreq(rows)[:, None], fft.rfftfreq(columns))
    if levels == 1 or longest < 4:
        return np.ones((1, *wavenumber.shape))
    ratio = (longest / 2) ** (1 / levels)
    edges = ratio ** np.arange(levels + 1)
    centres = np.log((edges[:-1] + edges[1:]) / 2) / np.log(ratio)
    position = np.log(np.maximum(wavenumber, 1)) / np.log(ratio)
    weights = np.exp(-(((position - centres[:, None, None]) / width) ** 2) / 2)
    weights /= weights.sum(axis=0)
    weights[:, 0, 0] = 0
    weights[0, 0, 0] = 1
    return weights


class Cascade(NamedTuple):
    """The levels of a field, each with mean 0 and standard deviation 1.

    Attributes:
        spectra: half spectrum of each level, `(levels, rows, columns // 2 + 1)`; zero for a level
            without structure.
        stds: standard deviation of each level, `(levels,)`.
        mean: of the field.
        shape: rows and columns of the field.
    """

    spectra: np.ndarray
    stds: np.ndarray
    mean: float
    shape: tuple[int, int]


def decompose(field: np.ndarray, filters: np.ndarray) -> Cascade:
    """Divides a field `(y, x)` into the bands of `band_filters`."""
    spectra = filters * fft.rfft2(field)
    mean = spectra[0, 0, 0].real / field.size
    spectra[0, 0, 0] = 0
    stds = np.sqrt(inner(spectra, spectra, field.shape))
    stds[stds < CONSTANT * np.abs(field).max()] = 0
    spectra *= reciprocal(stds)[:, None, None]
    return Cascade(spectra, stds, float(mean), field.shape)


def recompose(spectra: np.ndarray, cascade: Cascade) -> np.ndarray:
    """The field of normalised levels.

    Args:
        spectra: `(..., levels, rows, columns // 2 + 1)`.
        cascade: whose mean and standard deviations the levels get back.

    Returns:
        `(..., y, x)`.
    """
    total = np.einsum("l,...lyx->...yx", cascade.stds, spectra)
    return fft.irfft2(total, cascade.shape) + cascade.mean


def inner(a: np.ndarray, b: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The mean over the grid of the product of two real fields, from their half spectra.

    Args:
        a, b: `(..., rows, columns // 2 + 1)`.
        shape: rows and columns of the fields.
    """
    columns = shape[1]
    weights = np.full(columns // 2 + 1, 2.0)  # each stands for its conjugate too ...
    weights[0] = 1  # ... but for those that are their own
    if columns % 2 == 0:
        weights[-1] = 1
    product = (a.real * b.real + a.imag * b.imag) * weights
    return product.sum(axis=(-2, -1)) / np.prod(shape) ** 2


def reciprocal(values: np.ndarray) -> np.ndarray:
    """`1 / values`, and 0 where they are 0."""
    return np.divide(1, values, out=np.zeros_like(values), where=values != 0)
