"""The amplitudes of a field's Fourier transform: what a blurred forecast lacks."""

from __future__ import annotations

import keras
from keras import ops

from keras_wx.losses.reduction import FieldLoss

# The square root has no slope at 0, where dry frames are. Its root is far below any echo.
_TINY = 1e-12


@keras.saving.register_keras_serializable(package="keras_wx")
class SpectralError(FieldLoss):
    """Squared error of Fourier amplitudes: it sees how much of each wavelength, not where.

    With the two-dimensional transform F of a frame of N points, orthonormal (its squared
    amplitudes add up to the squares of the field), truth T and forecast P,

        loss = 1 / N sum over wavenumbers of (|F(T)| - |F(P)|)^2

    averaged over the frames and channels of a batch. It is never above the squared error, which by
    Parseval's theorem is the same sum over |F(T) - F(P)|^2. A squared error is smallest when a
    wavelength whose place cannot be known is left out; with `factor` times this loss beside it, the
    amplitude that is best there is factor / (1 + factor) of the observed one. Alone it is no loss
    for a forecast: the echo may lie anywhere.

    Points that a mask leaves out are 0 in both fields. A frame weighs as much as the mask keeps
    of it.

    Call arguments:
        y_true: network numbers `(batch, time, height, width, channels)`.
        y_pred: forecast network numbers of the same shape.
        sample_weight: mask `(batch, time, height, width)`.

    References:
        Yan et al. (2024), Fourier Amplitude and Correlation Loss: Beyond Using L2 Loss for Skillful
        Precipitation Nowcasting, arXiv:2410.23159: the amplitude loss (FAL). Its partner there, the
        correlation of the transforms, is the job of the other terms of a `Combined` here.
    """

    def __init__(self, name="spectral"):
        super().__init__(name)

    def compare(self, y_true, y_pred, weight):
        truth, forecast = (
            _amplitudes(ops.moveaxis(ops.where(weight > 0, field, 0.0), -1, 2))
            for field in (y_true, y_pred)
        )
        error = ops.mean(ops.square(truth - forecast), axis=(-2, -1))
        share = ops.mean(weight, axis=(2, 3))
        return ops.divide_no_nan(ops.sum(share * error), ops.sum(share))


def _amplitudes(frames):
    """Of the orthonormal transform of `(..., height, width)`."""
    real, imaginary = ops.fft2((frames, ops.zeros_like(frames)))
    points = ops.cast(ops.prod(ops.shape(frames)[-2:]), frames.dtype)
    return ops.sqrt((ops.square(real) + ops.square(imaginary)) / points + _TINY)
