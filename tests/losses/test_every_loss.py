"""What holds for each loss: names, precision, masks, round trips, gradients, `fit`, backends."""

import backend_gradients
import keras
import numpy as np
import pytest
from jax_process import run_under_jax
from keras import ops
from loss_fields import EVERY_LOSS, GRAY, eaten, radar_like

from keras_wx import losses, transforms
from keras_wx.errors import ModelError, UnknownNameError

every_loss = pytest.mark.parametrize("name", EVERY_LOSS)


def build(name):
    return losses.get(name, transform=GRAY, **EVERY_LOSS[name])


@pytest.fixture(scope="module")
def echo():
    return radar_like(0, backend_gradients.SHAPE), radar_like(1, backend_gradients.SHAPE)


@pytest.fixture(scope="module")
def gradients():
    return backend_gradients.outputs()


def test_every_loss_is_tested():
    assert losses.LOSSES.keys() == EVERY_LOSS.keys()


# === Names ===


def test_a_keras_loss_takes_its_arguments(fields):
    loss = losses.get("huber", delta=0.1)
    error = np.abs(fields[0] - fields[1])
    expected = np.where(error <= 0.1, 0.5 * error**2, 0.1 * (error - 0.05)).mean()
    assert float(loss(*fields)) == pytest.approx(expected, rel=1e-5)


def test_only_physical_losses_take_the_transform():
    for name in ("balanced_error", "soft_csi"):
        assert build(name).transform == transforms.build(GRAY)
    assert isinstance(build("cross_entropy"), losses.SequenceCrossEntropy)


def test_unknown_loss_lists_the_near_ones():
    with pytest.raises(UnknownNameError, match=r"'cross_entrpy'.*'cross_entropy'.*Any Keras loss"):
        losses.get("cross_entrpy")


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("ms_ssim", {"scales": 3}, r"'scales'. Its arguments: max_value=1.0, weights=\(.*: scales"),
        ("cross_entropy", {"scales": 3}, r"'scales'. Its arguments: epsilon=1e-07, reduction="),
        ("huber", {"scales": 3}, r"'scales'. Its arguments: delta=1.0"),
        ("combined", {}, r"'terms'. Its arguments: terms, .*Received: none"),
    ],
)
def test_arguments_that_a_loss_does_not_have(name, arguments, message):
    with pytest.raises(ModelError, match=rf"loss '{name}' cannot be made: .*{message}"):
        losses.get(name, **arguments)


# === Values ===


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@every_loss
def test_half_precision_forecasts_are_compared_in_float32(name, dtype, echo):
    y_true, y_pred, _ = eaten(name, *echo)
    half = ops.cast(y_pred, dtype)
    result = build(name)(y_true, half)
    exact = build(name)(y_true, ops.cast(half, "float32"))
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    assert float(result) == pytest.approx(float(exact), rel=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        losses.SequenceCrossEntropy(epsilon=1e-3),
        losses.BalancedError(GRAY, "hko_2015", (1, 10), (1, 3, 9), mse=0.5, mae=2.0),
        losses.BalancedError([{"linear": {"low": 0, "high": 50}}], {"a": 200, "b": 1.6}),
        losses.SoftCSI(GRAY, thresholds=(5, 15), temperature=1, smoothing=3, name="csi"),
        losses.MultiScaleSSIM(max_value=2, weights=(1, 3)),
        losses.SpectralError(name="fal"),
        losses.BlindMAE(name="mae_of_the_hole"),
        losses.Hybrid(0.5, 2, 3, threshold=0, temperature=0.2, max_value=2, smoothing=5),
        losses.CloudLikelihood(),
        losses.Combined([losses.get("mae"), losses.SoftCSI(GRAY, temperature=4)], [2, 0.5]),
    ],
    ids=lambda loss: loss.name,
)
def test_serialisation_round_trip(loss, echo):
    echo = eaten({v: k for k, v in losses.LOSSES.items()}[type(loss)], *echo)[:2]
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert float(again(*echo)) == float(loss(*echo))


# === Gradients ===


def test_gradients_are_finite_and_vanish_where_the_mask_does(gradients):
    for name, value in gradients.items():
        assert np.isfinite(value).all(), name
    for loss in EVERY_LOSS:
        assert gradients[f"{loss}/all masked/value"] == pytest.approx(0, abs=1e-6), loss
        assert not gradients[f"{loss}/all masked/gradient"].any(), loss
        # The mask leaves out the second frame of the first forecast.
        assert not gradients[f"{loss}/masked/gradient"][0, 1].any(), loss
        assert gradients[f"{loss}/masked/gradient"][0, 0].any(), loss


@every_loss
def test_gradients_are_differences_of_values(name, echo):
    """Along a random direction in which nothing cancels, at fields without kinks."""
    rng = np.random.default_rng(3)
    y_pred = (0.1 + 0.8 * rng.uniform(size=echo[0].shape)).astype("float32")
    y_true, y_pred, _ = eaten(name, echo[0], y_pred)
    loss = build(name)
    _, gradient = backend_gradients.value_and_gradient(loss, y_true, y_pred, None)
    step = np.sign(gradient) * rng.uniform(size=y_pred.shape).astype("float32")
    h = 1e-3
    difference = float(loss(y_true, y_pred + h * step)) - float(loss(y_true, y_pred - h * step))
    assert difference / (2 * h) == pytest.approx(float((gradient * step).sum()), rel=0.02)


@pytest.mark.parametrize(
    ("name", "xla"),
    [
        ("combined", False),
        ("cloud_likelihood", False),
        *(pytest.param(n, True, marks=pytest.mark.slow) for n in EVERY_LOSS),
    ],
)
def test_fit_with_a_mask_lowers_it(name, xla, echo):
    """Keras hands the mask over as sample weight, also in a graph that XLA compiles."""
    mask = np.ones(echo[0].shape[:-1], "float32")
    mask[:, :, :, :5] = 0
    y, x, mask = eaten(name, echo[0], echo[1], mask)
    keras.utils.set_random_seed(0)
    activation = "sigmoid" if y is echo[0] else "linear"
    size = x.shape[-1]
    model = keras.Sequential(
        [
            keras.Input((*(None,) * (x.ndim - 2), size)),
            keras.layers.Dense(size, activation=activation),
        ]
    )
    model.compile(keras.optimizers.Adam(0.3), build(name), jit_compile=xla)
    history = model.fit(x, y, sample_weight=mask, epochs=10, verbose=0).history["loss"]
    assert history[-1] < history[0]
    now = float(build(name)(y, model(x), mask))
    assert float(model.train_on_batch(x, y, sample_weight=mask)) == pytest.approx(now, rel=1e-3)


# === Backends ===


@pytest.mark.slow
def test_tensorflow_and_jax_agree(gradients, tmp_path):
    file = tmp_path / "jax.npz"
    run_under_jax(backend_gradients.__file__, file)
    jax = dict(np.load(file))
    assert jax.keys() == gradients.keys()
    for name, value in gradients.items():
        loss, case, kind = name.split("/")
        if kind == "gradient" and case not in backend_gradients.SMOOTH:
            continue
        scale = np.abs(gradients[f"{loss}/echo/{kind}"]).max()
        np.testing.assert_allclose(jax[name], value, atol=1e-5 * scale, rtol=1e-4, err_msg=name)
