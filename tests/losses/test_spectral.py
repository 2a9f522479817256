"""The spectral error against NumPy's FFT, and what it rewards."""

import numpy as np
import pytest
import tensorflow as tf
from loss_fields import radar_like

from keras_wx import losses

SHAPE = (2, 3, 16, 21, 2)


@pytest.fixture
def echo():
    return radar_like(0, SHAPE), radar_like(1, SHAPE)


def frame_errors(y_true, y_pred):
    """For each `(batch, time, channel)`."""
    amplitudes = [np.abs(np.fft.fft2(y, axes=(2, 3), norm="ortho")) for y in (y_true, y_pred)]
    return np.square(amplitudes[0] - amplitudes[1]).mean(axis=(2, 3))


def test_equals_the_sum_with_numpy(echo):
    assert float(losses.SpectralError()(*echo)) == pytest.approx(
        frame_errors(*echo).mean(), rel=1e-4
    )


def test_masked_points_are_zero_and_frames_weigh_what_is_kept(echo):
    mask = np.ones(SHAPE[:-1], "float32")
    mask[0, :, :, :7] = 0
    mask[1, 2] = 0
    errors = frame_errors(*(y * mask[..., None] for y in echo))
    kept = np.broadcast_to(mask.mean(axis=(2, 3))[..., None], errors.shape)
    expected = np.average(errors, weights=kept)
    loss = losses.SpectralError()
    assert float(loss(*echo, mask)) == pytest.approx(expected, rel=1e-4)
    garbage = [np.where(mask[..., None] == 1, y, np.nan) for y in echo]
    assert float(loss(*garbage, mask)) == pytest.approx(expected, rel=1e-4)


def test_a_shift_costs_nothing_and_blur_does(echo):
    y_true = echo[0]
    shifted = np.roll(y_true, (3, 5), axis=(2, 3))
    blurred = sum(np.roll(y_true, k, axis=3) for k in (-1, 0, 1)) / 3
    loss = losses.SpectralError()
    assert float(loss(y_true, shifted)) == pytest.approx(0, abs=1e-9)
    assert float(loss(y_true, blurred)) > 0.01
    # The squared error says the opposite.
    assert np.square(y_true - shifted).mean() > 2 * np.square(y_true - blurred).mean()


def test_never_above_the_squared_error(echo):
    assert float(losses.SpectralError()(*echo)) < np.square(echo[0] - echo[1]).mean()


def test_the_amplitude_that_pays_beside_the_squared_error():
    """A wave of unknown place: by the docstring, factor / (1 + factor) of it is forecast."""
    factor, n = 1.5, 12
    x = 2 * np.pi * np.arange(n) / n
    waves = np.stack([np.cos(x + phase) for phase in x])
    y_true = np.broadcast_to(waves[:, None, None, :, None], (n, 1, n, n, 1)).astype("float32")
    loss = losses.Combined([losses.get("mse"), losses.SpectralError()], [1, factor])
    amplitudes = np.linspace(0, 1, 101)
    costs = [float(loss(y_true, np.repeat(a * y_true[:1], n, axis=0))) for a in amplitudes]
    best = amplitudes[np.argmin(costs)]
    assert best == pytest.approx(factor / (1 + factor), abs=0.011)


def test_a_grid_that_is_not_known_yet(echo):
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, None, None))] * 2)
    def open_grid(y_true, y_pred):
        return losses.SpectralError()(y_true, y_pred)

    assert float(open_grid(*echo)) == pytest.approx(frame_errors(*echo).mean(), rel=1e-4)
