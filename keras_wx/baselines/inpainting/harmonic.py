"""Surfaces as smooth as the edge of the hole allows."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from keras_wx.baselines.inpainting.base import InpaintingBaseline
from keras_wx.registry import register_model


class Harmonic(InpaintingBaseline):
    """Solves an equation of the Laplacian, or of its square, for the gates of the hole.

    The Laplacian is that of the five-point stencil, with no slope across the edges of the curtain;
    measured gates are the boundary values. The equations are solved exactly, by a sparse
    factorisation that all curtains under one mask share.
    """

    power: int

    def fill(self, curtains: np.ndarray, hole: np.ndarray) -> np.ndarray:
        # Rows from where the stencil no longer reaches the hole have no part in the equations.
        rows = np.flatnonzero(hole.any(axis=1))[-1] + 1 + self.power
        unknown = hole[:rows].ravel()
        numbers = curtains[:, :rows].reshape(len(curtains), -1).T.astype(np.float64)
        equations = _laplacian(*hole[:rows].shape)
        if self.power == 2:
            equations = equations @ equations
        equations = equations.tocsr()[unknown].tocsc()
        boundary = -(equations[:, ~unknown] @ numbers[~unknown])
        numbers[unknown] = splu(equations[:, unknown]).solve(boundary)
        filled = curtains.astype(np.float64)
        filled[:, hole] = numbers[unknown].T
        return filled


@register_model("laplace")
class Laplace(Harmonic):
    """Fills the hole with the solution of Laplace's equation: each gate the mean of its neighbours.

    Input shape, output shape:
        As `InpaintingBaseline`.

    References:
        Geiss and Hardin (2021), Inpainting radar missing data regions with deep learning,
        Atmospheric Measurement Techniques 14, 7729-7747, who iterate where this solves.

    Example:
        >>> keras_wx.predict(keras_wx.load("laplace"), curtain)
    """

    power = 1


@register_model("biharmonic")
class Biharmonic(Harmonic):
    """Fills the hole with the solution of the biharmonic equation, which continues slopes as well.

    Input shape, output shape:
        As `InpaintingBaseline`.

    References:
        Damelin and Hoang (2018), On Surface Completion and Image Inpainting by Biharmonic
        Functions: Numerical Aspects, International Journal of Mathematics and Mathematical
        Sciences 2018, 3950312.

    Example:
        >>> keras_wx.predict(keras_wx.load("biharmonic"), curtain)
    """

    power = 2


def _laplacian(rows: int, columns: int) -> sparse.csr_array:
    """Sum of the differences from the neighbours that a gate has, `(gates, gates)`."""

    def along(points: int) -> sparse.csr_array:
        neighbours = np.minimum(np.arange(points), 1) + np.minimum(np.arange(points)[::-1], 1)
        ones = np.ones(points - 1)
        return sparse.diags_array([-ones, neighbours, -ones], offsets=[-1, 0, 1], format="csr")

    return sparse.kron(along(rows), sparse.eye_array(columns), format="csr") + sparse.kron(
        sparse.eye_array(rows), along(columns), format="csr"
    )
