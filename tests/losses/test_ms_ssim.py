"""MS-SSIM against TensorFlow's and against a plain SciPy version."""

import numpy as np
import pytest
import tensorflow as tf
from loss_fields import radar_like
from scipy.signal import convolve2d

from keras_wx import losses
from keras_wx.errors import ModelError

WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])


def pair(grid, frames=2, channels=1):
    """Echo, and the same echo faded and disturbed: no mean of a scale is negative."""
    shape = (1, frames, *grid, channels)
    y_true = radar_like(0, shape)
    return y_true, (0.6 * y_true + 0.2 * radar_like(1, shape)).astype("float32")


def scipy_index(truth, forecast, scales, max_value=1.0):
    """One frame, in float64."""
    kernel = np.exp(-0.5 * (np.hypot(*np.mgrid[-5:6, -5:6]) / 1.5) ** 2)

    def blur(field):
        return convolve2d(field, kernel / kernel.sum(), mode="valid")

    def half(field):
        odd = [(0, n % 2) for n in field.shape]
        field = np.pad(field, odd, mode="edge")
        return (field[::2, ::2] + field[1::2, ::2] + field[::2, 1::2] + field[1::2, 1::2]) / 4

    c1, c2 = (0.01 * max_value) ** 2, (0.03 * max_value) ** 2
    index = 1.0
    for scale in range(scales):
        weight = WEIGHTS[scale] / WEIGHTS[:scales].sum()
        a, b = blur(truth), blur(forecast)
        variance_a, variance_b = blur(truth**2) - a**2, blur(forecast**2) - b**2
        covariance = blur(truth * forecast) - a * b
        points = (2 * covariance + c2) / (variance_a + variance_b + c2)
        if scale == scales - 1:
            points = points * (2 * a * b + c1) / (a**2 + b**2 + c1)
        index *= points.mean() ** weight
        truth, forecast = half(truth), half(forecast)
    return index


@pytest.mark.parametrize(
    ("grid", "scales"),
    [((176, 180), 5), ((175, 200), 5), ((64, 64), 3), ((45, 83), 3), ((20, 20), 1), ((11, 40), 1)],
    ids=str,
)
def test_equals_tensorflow_and_scipy(grid, scales):
    y_true, y_pred = pair(grid)
    loss = float(losses.MultiScaleSSIM()(y_true, y_pred))
    weights = WEIGHTS[:scales] / WEIGHTS[:scales].sum()
    peer = tf.image.ssim_multiscale(y_true[0], y_pred[0], 1.0, power_factors=weights)
    assert loss == pytest.approx(1 - float(tf.reduce_mean(peer)), rel=1e-4)
    plain = [
        scipy_index(t[..., 0], p[..., 0], scales)
        for t, p in zip(y_true[0].astype("float64"), y_pred[0].astype("float64"), strict=True)
    ]
    assert loss == pytest.approx(1 - np.mean(plain), rel=1e-4)


def test_range_and_weights_are_arguments():
    y_true, y_pred = pair((48, 48))
    loss = losses.MultiScaleSSIM(max_value=60.0, weights=(1, 1))
    peer = tf.image.ssim_multiscale(60 * y_true[0], 60 * y_pred[0], 60.0, power_factors=(0.5, 0.5))
    assert float(loss(60 * y_true, 60 * y_pred)) == pytest.approx(
        1 - float(tf.reduce_mean(peer)), rel=1e-4
    )


def test_every_channel_is_a_frame():
    y_true, y_pred = pair((24, 30), channels=3)
    alone = [
        float(losses.MultiScaleSSIM()(y_true[..., c : c + 1], y_pred[..., c : c + 1]))
        for c in range(3)
    ]
    assert float(losses.MultiScaleSSIM()(y_true, y_pred)) == pytest.approx(np.mean(alone), rel=1e-5)


def test_blur_costs_more_than_it_does_in_the_squared_error():
    """Checkerboard echo: its mean everywhere has half the squared error of the echo shifted."""
    y_true = np.indices((32, 32)).sum(axis=0) % 2.0
    blurred, shifted = np.full_like(y_true, 0.5), 1 - y_true
    loss = losses.MultiScaleSSIM(weights=(1,))
    y_true, blurred, shifted = (
        y.reshape(1, 1, 32, 32, 1).astype("float32") for y in (y_true, blurred, shifted)
    )
    # structure = c2 / (1/4 + c2) and luminance 1, with 1/4 the variance of the checkerboard.
    assert float(loss(y_true, blurred)) == pytest.approx(1 - 9e-4 / 0.2509, abs=1e-4)
    assert float(loss(y_true, y_true)) == pytest.approx(0, abs=1e-5)
    assert float(loss(y_true, shifted)) == pytest.approx(1 - 1e-6, abs=1e-6)


def test_masked_points_are_zero_on_both_sides_and_frames_weigh_what_is_kept():
    y_true, y_pred = pair((30, 30), frames=3)
    mask = np.ones(y_true.shape[:-1], "float32")
    mask[:, 0, :, :12] = 0
    mask[:, 1] = 0
    filled = y_true * mask[..., None], y_pred * mask[..., None]
    index = [scipy_index(*(f[0, t, ..., 0].astype("float64") for f in filled), 2) for t in (0, 2)]
    kept = np.array([18 / 30, 1.0])
    expected = (kept * (1 - np.array(index))).sum() / kept.sum()
    loss = losses.MultiScaleSSIM()
    assert float(loss(y_true, y_pred, mask)) == pytest.approx(expected, rel=1e-4)
    garbage = [np.where(mask[..., None] == 1, y, np.nan) for y in (y_true, y_pred)]
    assert float(loss(*garbage, mask)) == pytest.approx(expected, rel=1e-4)


def test_grids_without_a_window():
    with pytest.raises(ModelError, match=r"at least 11 x 11 .*Received: grid=\(10, 40\)"):
        losses.MultiScaleSSIM()(*pair((10, 40)))

    @tf.function(input_signature=[tf.TensorSpec((None, 15, None, None, 1))], autograph=False)
    def open_grid(y):
        return losses.MultiScaleSSIM()(y, y)

    with pytest.raises(ModelError, match=r"size is known .*Received: grid=\(None, None\)"):
        open_grid.get_concrete_function()


@pytest.mark.parametrize(
    "arguments", [{"max_value": 0}, {"weights": ()}, {"weights": (1, 0)}], ids=str
)
def test_arguments_that_make_no_index(arguments):
    with pytest.raises(ModelError, match=r"max_value > 0 and at least one weight.*Received"):
        losses.MultiScaleSSIM(**arguments)
