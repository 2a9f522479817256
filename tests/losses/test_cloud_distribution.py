"""The distribution of a gate against SciPy's logistic law and against its own draws."""

import cloud_values
import numpy as np
import pytest
from jax_process import run_under_jax
from keras import ops
from loss_fields import eaten, radar_like
from scipy import integrate, special, stats

from keras_wx import losses
from keras_wx.errors import ModelError
from keras_wx.losses import CloudDistribution

PARAMETERS = cloud_values.PARAMETERS


class Plain:
    """One gate, in float64."""

    def __init__(self, logit, location, log_scale):
        self.cloud = special.expit(logit)
        self.law = stats.logistic(location, np.exp(log_scale) + 0.01)

    def density(self, y):
        return self.cloud * self.law.pdf(y) / self.law.sf(-0.5)

    def exceedance(self, y):
        return self.cloud * self.law.sf(y) / self.law.sf(-0.5)


GATES = [Plain(*each) for each in PARAMETERS.astype("float64")]


def test_probabilities_add_up_to_one():
    for gate in GATES:
        scale = gate.law.std()
        points = sorted(
            {-0.5, *np.clip(gate.law.mean() + scale * np.array([-5, 0, 5]), -0.5, None)}
        )
        mass = sum(
            integrate.quad(gate.density, low, high)[0]
            for low, high in zip(points, [*points[1:], points[-1] + 40 * scale + 5], strict=True)
        )
        assert mass == pytest.approx(gate.cloud, rel=1e-6)


def test_log_likelihood_is_scipys():
    for y in (-0.49, 0.1, 0.97):
        expected = [np.log(gate.density(y)) for gate in GATES]
        for log_prob in (CloudDistribution.log_prob, CloudDistribution.log_prob_by_tfp):
            found = log_prob(CloudDistribution(PARAMETERS), np.full(len(GATES), y, "float32"))
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    clear = [np.log1p(-gate.cloud) for gate in GATES]
    found = CloudDistribution(PARAMETERS).log_prob(np.full(len(GATES), -1, "float32"))
    np.testing.assert_allclose(found, clear, rtol=1e-5)


@pytest.mark.parametrize("threshold", [-0.5, -0.1, 0.4, 1.0])
def test_exceedance(threshold):
    found = CloudDistribution(PARAMETERS).exceedance(threshold)
    expected = [gate.exceedance(threshold) for gate in GATES]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_anything_above_no_cloud_is_cloud():
    gates = CloudDistribution(PARAMETERS)
    np.testing.assert_allclose(gates.exceedance(-1.0), gates.cloud_probability(), rtol=1e-6)


@pytest.mark.parametrize("q", [0.05, 0.5, 0.9, 0.999])
def test_quantiles_are_where_the_exceedance_says(q):
    numbers = ops.convert_to_numpy(CloudDistribution(PARAMETERS).quantile(q))
    clear = np.array([1 - gate.cloud >= q for gate in GATES])
    np.testing.assert_array_equal(numbers[clear], -1)
    assert (numbers[~clear] >= -0.5).all()
    for gate, number, none in zip(GATES, numbers, clear, strict=True):
        if not none:
            # Where the law is steep a rounding of the number is a change of the probability.
            slack = 1e-3 * (1 - q) + 1e-6 * gate.density(number)
            assert gate.exceedance(number) == pytest.approx(1 - q, abs=slack)


def test_quantiles_of_uniform_numbers_are_draws():
    """Their share of cloud, their mean and their exceedance are those in closed form."""
    uniform = (np.arange(20_000) + 0.5)[:, None] / 20_000
    gates = CloudDistribution(PARAMETERS)
    draws = ops.convert_to_numpy(gates.quantile(uniform)).astype("float64")
    assert draws.shape == (20_000, len(GATES))
    np.testing.assert_allclose((draws > -0.5).mean(axis=0), gates.cloud_probability(), atol=1e-3)
    np.testing.assert_allclose((draws > 0.3).mean(axis=0), gates.exceedance(0.3), atol=1e-3)
    scale = np.array([gate.law.std() for gate in GATES])
    error = np.maximum(draws, -0.5).mean(axis=0) - ops.convert_to_numpy(gates.mean())
    assert (np.abs(error) < 2e-3 * np.maximum(scale, 1)).all()


def test_extremes_are_finite():
    extreme = np.array([[90, -50, -30], [-90, 50, 4], [0, 1e3, -30], [30, -1e3, -30]], "float32")
    gates = CloudDistribution(extreme)
    for found in (
        gates.mean(),
        gates.exceedance(0.2),
        *(gates.quantile(q) for q in (0.0, 1e-6, 0.5, 0.999999)),
        *(gates.log_prob(np.full(4, y, "float32")) for y in (-1.0, 0.3)),
    ):
        assert np.isfinite(found).all()


# === The loss ===


def test_loss_is_the_masked_mean_of_the_likelihoods():
    echo = [radar_like(seed, (1, 2, 12, 9, 1)) for seed in (0, 1)]
    y_true, y_pred, mask = eaten(
        "cloud_likelihood", *echo, (radar_like(2, (1, 2, 12, 9)) > 0).astype("float32")
    )
    total = 0
    for index in np.argwhere(mask):
        gate, y = Plain(*y_pred[tuple(index)].astype("float64")), y_true[(*index, 0)]
        total -= np.log(gate.density(y) if y > -0.5 else 1 - gate.cloud)
    loss = losses.get("cloud_likelihood")
    assert float(loss(y_true, y_pred, mask)) == pytest.approx(total / mask.sum(), rel=1e-4)
    auxiliary = np.concatenate([y_true, 0 * y_true + 7], axis=-1)
    assert float(loss(auxiliary, y_pred, mask)) == pytest.approx(total / mask.sum(), rel=1e-4)


def test_the_likelihood_is_greatest_at_the_truth():
    """A sample of a gate costs most likely less under its own parameters than under others."""
    truth = np.array([0.8, 0.2, -1.5], "float32")
    uniform = (np.arange(4000) + 0.5) / 4000
    y = ops.convert_to_numpy(CloudDistribution(truth).quantile(uniform))[None, :, None, None]
    loss = losses.CloudLikelihood()

    def cost(parameters):
        return float(loss(y, np.broadcast_to(np.float32(parameters), (*y.shape[:3], 3))))

    for change in np.concatenate([0.2 * np.eye(3), -0.2 * np.eye(3)]):
        assert cost(truth) < cost(truth + change)


def test_three_parameters_a_gate():
    with pytest.raises(ModelError, match=r"three parameters a gate.*\(1, 4, 4, 1\)"):
        losses.CloudLikelihood()(np.zeros((1, 4, 4, 1)), np.zeros((1, 4, 4, 1)))


@pytest.mark.slow
def test_under_jax_without_tensorflow(tmp_path):
    run_under_jax(cloud_values.__file__, tmp_path / "jax.npz")
    jax, tensorflow = dict(np.load(tmp_path / "jax.npz")), cloud_values.outputs()
    assert jax.keys() == tensorflow.keys()
    for name, value in tensorflow.items():
        np.testing.assert_allclose(jax[name], value, rtol=1e-4, atol=1e-5, err_msg=name)
