"""Losses of the blind zone against sums written out in NumPy, SciPy and TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf
from loss_fields import eaten, radar_like

from keras_wx import losses
from keras_wx.errors import ModelError

SHAPE = (2, 32, 24, 1)


@pytest.fixture(scope="module")
def curtains():
    """Network numbers of clouds, observed and reconstructed."""
    return eaten("hybrid", radar_like(0, (1, *SHAPE)), radar_like(1, (1, *SHAPE)))[:2]


@pytest.fixture(scope="module")
def blind():
    """A mask with a ramp, deeper in the second curtain."""
    rows = np.arange(SHAPE[1])[:, None]
    ramps = [np.clip((top - rows) / 4, 0, 1) + np.zeros(SHAPE[2]) for top in (12, 19)]
    return np.stack(ramps).astype("float32")


def test_blind_mae_is_the_masked_mean_of_the_first_channel(curtains, blind):
    y_true, y_pred = curtains
    error = np.abs(y_true - y_pred)[..., 0]
    expected = (error * blind).mean() / blind.mean()
    loss = losses.get("blind_mae")
    assert float(loss(y_true, y_pred, blind)) == pytest.approx(expected, rel=1e-5)
    # Auxiliary channels have no part in it.
    y_true, y_pred = (
        np.concatenate([y, junk], axis=-1) for y, junk in ((y_true, y_pred), (y_pred, 5 + y_true))
    )
    assert float(loss(y_true, y_pred, blind)) == pytest.approx(expected, rel=1e-5)


# === Hybrid ===


def overlap(y_true, y_pred, weight, temperature=0.1, smoothing=1.0):
    """One gate after the other, in float64."""
    intersection = union = smoothing
    for o, p, w in zip(y_true.ravel(), y_pred.ravel(), weight.ravel(), strict=True):
        cloud, said = float(o > -0.5), 1 / (1 + np.exp(-(float(p) + 0.5) / temperature))
        intersection += w * cloud * said
        union += w * (cloud + said - cloud * said)
    return intersection / union


def test_hybrid_is_the_sum_of_its_terms(curtains, blind):
    def term(**factors):
        loss = losses.Hybrid(**({"mae": 0, "ssim": 0, "iou": 0} | factors))
        return float(loss(*curtains, blind))

    mae = float(losses.BlindMAE()(*curtains, blind))
    assert term(mae=2) == pytest.approx(2 * mae, rel=1e-5)
    iou = 1 - overlap(*curtains, blind)
    assert term(iou=3) == pytest.approx(3 * iou, rel=1e-4)
    whole = float(losses.Hybrid()(*curtains, blind))
    assert whole == pytest.approx(mae + term(ssim=1) + iou, rel=1e-5)


def test_hybrid_has_tensorflows_similarity(curtains):
    loss = losses.Hybrid(mae=0, iou=0)
    peer = 1 - tf.reduce_mean(tf.image.ssim(*curtains, max_val=1.0))
    assert float(loss(*curtains)) == pytest.approx(float(peer), rel=1e-4)


def test_hybrid_weighs_windows_as_the_mask_covers_them(curtains, blind):
    from scipy.signal import convolve2d

    kernel = np.exp(-0.5 * (np.hypot(*np.mgrid[-5:6, -5:6]) / 1.5) ** 2)

    def mean(field):
        return np.stack([convolve2d(each, kernel / kernel.sum(), "valid") for each in field])

    a, b = (np.where(blind > 0, y[..., 0], 0).astype("float64") for y in curtains)
    products = 2 * mean(a) * mean(b), mean(a) ** 2 + mean(b) ** 2
    covariance = 2 * mean(a * b) - products[0]
    variances = mean(a**2) + mean(b**2) - products[1]
    index = (products[0] + 1e-4) / (products[1] + 1e-4) * (covariance + 9e-4) / (variances + 9e-4)
    expected = 1 - np.average(index, weights=mean(blind))
    loss = losses.Hybrid(mae=0, iou=0)
    assert float(loss(*curtains, blind)) == pytest.approx(expected, rel=1e-4)


def test_hybrid_does_not_see_what_the_mask_leaves_out(curtains, blind):
    loss = losses.Hybrid()
    expected = float(loss(*curtains, blind))
    junk = [np.where(blind[..., None] > 0, y, np.nan) for y in curtains]
    assert float(loss(*junk, blind)) == pytest.approx(expected, rel=1e-6)


def test_hybrid_pulls_clear_gates_towards_cloud_and_back():
    """The term that the paper's threshold leaves without a gradient."""
    y_true = np.full((1, 16, 16, 1), -1.0, "float32")
    y_true[:, :8] = 0.2
    y_pred = tf.constant(np.where(y_true > 0, -0.7, -0.3).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        loss = losses.Hybrid(mae=0, ssim=0)(y_true, y_pred)
    gradient = tape.gradient(loss, y_pred).numpy()
    assert (gradient[:, :8] < 0).all()
    assert (gradient[:, 8:] > 0).all()


def test_hybrid_arguments_and_curtains_that_do_not_fit():
    with pytest.raises(ModelError, match=r"temperature > 0.*temperature=0"):
        losses.Hybrid(temperature=0)
    small = np.zeros((1, 10, 30, 1), "float32")
    with pytest.raises(ModelError, match=r"'hybrid' needs a grid of at least 11 x 11.*\(10, 30\)"):
        losses.Hybrid()(small, small)
