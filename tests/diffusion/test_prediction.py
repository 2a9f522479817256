"""Conversions and weights against numbers computed by hand."""

import numpy as np
import pytest
from keras import ops

from keras_wx.diffusion import min_snr_weight, plain_weight, target, to_epsilon, to_v, to_x0
from keras_wx.errors import UnknownNameError

# alpha 0.6, sigma 0.8: x_t = 0.6 * 2 + 0.8 * (-1) = 0.4, v = 0.6 * (-1) - 0.8 * 2 = -2.2,
# mean = 2.2 / 0.8: 0.6 * 0.4 + 0.8^2 * 2.75 = 2
ALPHA, SIGMA, X_T = 0.6, 0.8, 0.4
PREDICTED = {"x0": 2.0, "epsilon": -1.0, "v": -2.2, "mean": 2.75}


@pytest.mark.parametrize("kind", PREDICTED)
def test_each_follows_from_each(kind):
    for to, convert in (("x0", to_x0), ("epsilon", to_epsilon), ("v", to_v)):
        found = convert(kind, PREDICTED[kind], X_T, ALPHA, SIGMA)
        assert found == pytest.approx(PREDICTED[to], abs=1e-12)
    found = target(kind, PREDICTED["x0"], PREDICTED["epsilon"], ALPHA, SIGMA)
    assert found == pytest.approx(PREDICTED[kind], abs=1e-12)


def to_mean(kind, output, x, alpha, sigma):
    return -to_v(kind, output, x, alpha, sigma) / sigma


def test_the_mean_of_a_normal_distribution_gives_what_is_expected_of_a_noisy_draw():
    """x0 is drawn from N(1.7, 1); among many draws, those with the same x_t have this mean."""
    alpha, sigma, mean = 0.8, 0.6, 1.7
    rng = np.random.default_rng(0)
    x0 = rng.normal(mean, 1.0, 2_000_000)
    x = alpha * x0 + sigma * rng.normal(size=x0.size)
    for near in (0.2, 1.4, 2.5):
        expected = x0[np.abs(x - near) < 0.01].mean()
        assert to_x0("mean", mean, near, alpha, sigma) == pytest.approx(expected, abs=0.02)


def test_plain_weights_are_those_of_the_error_of_v():
    output, noise, x0 = 0.7, -1.2, 0.3
    for alpha, sigma in ((0.6, 0.8), (0.8, 0.6)):
        error = to_v("mean", output, 0.0, alpha, sigma) - target("v", x0, noise, alpha, sigma)
        found = (
            plain_weight("mean", sigma) * (output - target("mean", x0, noise, alpha, sigma)) ** 2
        )
        assert float(found) == pytest.approx(error**2, rel=1e-5)
    assert plain_weight("v", 0.6) == 1


def test_conversions_of_tensors_broadcast():
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 1)).astype("float32")
    alpha = np.array([0.6, 0.8], "float32").reshape(-1, 1, 1, 1)
    v = ops.convert_to_numpy(to_v("x0", ops.convert_to_tensor(0.5 * x), x, alpha, alpha[::-1]))
    np.testing.assert_allclose(v, (alpha * x - 0.5 * x) / alpha[::-1], rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # SNR = 1/99, 1, 99 with alpha^2 = 0.01, 0.5, 0.99; gamma = 5
        ("x0", [1 / 99, 1, 5]),
        ("epsilon", [1, 1, 5 / 99]),
        ("v", [1 / 100, 1 / 2, 5 / 100]),
        ("mean", [0.99 / 100, 1 / 4, 5 / 10000]),
    ],
)
def test_min_snr_weights_by_hand(kind, expected):
    alpha, sigma = np.sqrt([0.01, 0.5, 0.99]), np.sqrt([0.99, 0.5, 0.01])
    weight = min_snr_weight(kind, *(v.astype("float32") for v in (alpha, sigma)), gamma=5.0)
    np.testing.assert_allclose(ops.convert_to_numpy(weight), expected, rtol=1e-5)


@pytest.mark.parametrize(("kind", "expected"), [("x0", 0), ("epsilon", 1), ("v", 0), ("mean", 0)])
def test_min_snr_weights_where_nothing_is_left(kind, expected):
    weight = min_snr_weight(kind, np.float32([0.0]), np.float32([1.0]), gamma=5.0)
    assert ops.convert_to_numpy(weight) == [expected]


@pytest.mark.parametrize("kind", ["x0", "epsilon", "v", "mean"])
def test_min_snr_weighs_the_same_error_of_x0_alike(kind):
    """min(SNR, gamma) (x0 - x0_hat)^2, whatever the network predicts of it."""
    alpha, sigma = np.float32(0.9), np.float32(np.sqrt(1 - 0.81))
    x0, wrong, noise = 0.3, 0.7, -1.2
    x_t = alpha * x0 + sigma * noise
    convert = {"x0": to_x0, "epsilon": to_epsilon, "v": to_v, "mean": to_mean}[kind]
    output = convert("x0", wrong, x_t, alpha, sigma)
    weight = ops.convert_to_numpy(min_snr_weight(kind, alpha, sigma, 2.0))
    loss = weight * (output - target(kind, x0, noise, alpha, sigma)) ** 2
    assert loss == pytest.approx(2.0 * 0.4**2, rel=1e-5)


def test_other_kinds_are_named():
    for function in (to_x0, to_epsilon, to_v, target):
        with pytest.raises(UnknownNameError, match="Known: epsilon, mean, v, x0"):
            function("sample", 0.0, 0.0, 1.0, 1.0)
    with pytest.raises(UnknownNameError, match="prediction"):
        min_snr_weight("eps", 1.0, 1.0, 5.0)
