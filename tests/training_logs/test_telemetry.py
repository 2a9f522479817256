"""Learning rate and gradient norm against a training written out in NumPy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import telemetry_cases as cases
from jax_process import run_under_jax

from keras_wx.errors import ModelError
from keras_wx.training.telemetry import Telemetry, track


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def found(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "tensorflow":
        return cases.outputs(folder)
    run_under_jax(cases.__file__, folder / "found.npz")
    return dict(np.load(folder / "found.npz"))


def by_hand(rates, clip=lambda gradient: gradient, accumulate=1):
    """Gradient descent of the linear model: rate and norm of every step, and the last weights."""
    x, y = (a.astype("float64") for a in cases.data())
    x = np.hstack([x, np.ones((len(x), 1))])
    weights, steps, kept, norm = np.zeros((4, 1)), [], 0, 0.0
    for step, rate in enumerate(rates):
        batch = slice(step % cases.STEPS * cases.BATCH, (step % cases.STEPS + 1) * cases.BATCH)
        kept += 2 / cases.BATCH * x[batch].T @ (x[batch] @ weights - y[batch])
        if (step + 1) % accumulate == 0:
            gradient = kept / accumulate
            norm, kept = np.sqrt((gradient**2).sum()), 0
            weights -= rate * clip(gradient)
        # Before the first update there is neither.
        steps.append([rate, norm] if norm else [0, 0])
    return np.array(steps), weights.ravel()


def globally(gradient, most=0.3):
    return gradient * min(1, most / np.sqrt((gradient**2).sum()))


CONSTANT = np.full(cases.STEPS * cases.EPOCHS, 0.05)


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("plain", by_hand(cases.RATES)),
        ("clipped", by_hand(cases.RATES, globally)),
        ("accumulated", by_hand(CONSTANT, accumulate=2)),
        ("scaled", by_hand(cases.RATES, lambda gradient: gradient.clip(-0.2, 0.2))),
    ],
)
def test_steps_are_those_of_gradient_descent(found, run, expected):
    steps, weights = expected
    np.testing.assert_allclose(found[f"{run}/steps"], steps, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[f"{run}/weights"], weights, rtol=1e-4, atol=1e-6)


def test_an_epoch_has_its_last_rate_and_its_mean_norm(found):
    steps = found["plain/steps"].reshape(cases.EPOCHS, cases.STEPS, 2)
    np.testing.assert_allclose(found["plain/epochs"][:, 0], steps[:, -1, 0])
    np.testing.assert_allclose(found["plain/epochs"][:, 1], steps[..., 1].mean(1), rtol=1e-5)


def test_an_accumulated_gradient_counts_once(found):
    # Ten batches are five updates, after batches 2, 4 | 6, 8, 10.
    norms = found["accumulated/steps"][1::2, 1]
    means = [norms[:2].mean(), norms[2:].mean()]
    np.testing.assert_allclose(found["accumulated/epochs"][:, 1], means, rtol=1e-5)


def test_steps_are_counted_on(found):
    assert found["plain/count"] == 7 + cases.STEPS * cases.EPOCHS


def test_the_norm_is_that_of_the_backends_own_gradient(found):
    logged, expected = found["gradient_of_fields"]
    assert logged == pytest.approx(expected, rel=1e-5)


def test_no_bit_of_the_training_changes(found):
    np.testing.assert_array_equal(found["bits/with"], found["bits/without"])


def test_an_epoch_that_was_broken_off_has_the_same_mean(found):
    np.testing.assert_array_equal(found["broken_off/rest"], found["broken_off/whole"])


def test_a_model_that_was_trained_before_is_measured_too():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(*cases.data(), verbose=0)
    listener = cases.Listener()
    model.fit(*cases.data(), verbose=0, callbacks=[Telemetry(), listener])
    assert listener.steps[0][1] > 0


def test_several_steps_in_one_execution_are_counted():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", steps_per_execution=2)
    telemetry = Telemetry()
    model.fit(*cases.data(), batch_size=5, verbose=0, callbacks=[telemetry])
    assert telemetry.step == 4


def test_a_model_that_is_not_compiled_is_refused():
    with pytest.raises(ModelError, match="compiled=False"):
        track(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))


@pytest.mark.slow
def test_replicas_report_the_norm_of_the_whole_gradient(tmp_path):
    """Each replica has the gradient of its part of the batch only."""
    script = Path(cases.__file__).with_name("mirrored_norms.py")
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    subprocess.run([sys.executable, script, tmp_path / "norms.npz"], env=environment, check=True)
    norms = np.load(tmp_path / "norms.npz")
    np.testing.assert_allclose(norms["two"], norms["one"], rtol=1e-5)
