"""RegressionDiffusion: what it draws and what it is trained on, from its parts by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from diffusion_cases import NETWORK, TRANSFER, frozen_weights, maps, model_of, transfer_unet
from jax_process import run_under_jax
from keras import ops

import keras_wx
from keras_wx import diffusion
from keras_wx.errors import ModelError
from keras_wx.inference.network import seeded
from keras_wx.models.diffusion import RegressionDiffusion

SCHEDULE = diffusion.CosineSchedule(steps=50)
STD = np.array([0.25, 3.0], "float32")


def model_of_two(**config) -> RegressionDiffusion:
    """Two targets whose residuals have different spreads, and weights of every kind."""
    more = {
        "targets": 2,
        "encoder": TRANSFER,
        "mean": {"widths": [4, 8], "blocks": 1, "head_size": 4, "groups": 2},
        "schedule": {"name": "cosine", "steps": 50},
        "sampler": {"name": "ddim", "steps": 4},
    }
    model = RegressionDiffusion(**NETWORK | more | config)
    rng = np.random.default_rng(0)
    model.set_weights([w + 0.1 * rng.normal(size=w.shape) for w in model.get_weights()])
    model.residual_std.assign(STD)
    return model


@pytest.fixture(scope="module")
def model():
    return model_of_two()


def targets(seed: int = 1) -> np.ndarray:
    return maps(channels=2, seed=seed)


# === Drawing ===


def test_a_sample_is_the_mean_and_a_residual_from_the_same_noise(model):
    """The diffusion part is a `ddpm` with the same weights: its samples are residuals."""
    x = maps()
    noise = np.random.default_rng(2).normal(size=(3, *x.shape[:3], 2)).astype("float32")
    ddpm = model_of(
        "ddpm",
        targets=2,
        schedule={"name": "cosine", "steps": 50},
        sampler={"name": "ddim", "steps": 4},
    )
    ddpm.conditions.set_weights(model.conditions.get_weights())
    ddpm.network.set_weights(model.network.get_weights())
    residual = ddpm.sample(x, noise=noise, members=3)
    mean = np.asarray(model.mean(model.conditions(x)))
    assert mean.std() > 0.05
    given = model.sample(x, noise=noise, members=3)
    assert given.shape == (3, *x.shape[:3], 2)
    np.testing.assert_allclose(given, mean + STD * residual, rtol=1e-4, atol=1e-5)


def test_the_mean_is_the_same_for_all_members(model):
    """With residuals of no spread nothing else is left."""
    x = maps()
    model.residual_std.assign([0.0, 0.0])
    try:
        given = model.sample(x, members=2)
    finally:
        model.residual_std.assign(STD)
    mean = np.asarray(model.mean(model.conditions(x)))
    np.testing.assert_allclose(given, np.stack([mean, mean]), rtol=1e-4, atol=1e-5)


def test_residuals_keep_their_spread_in_low_precision():
    """0.1001 is 0.1001 in a model that computes in bfloat16, which would say 0.1001 = 0.10010."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = model_of_two()
    finally:
        keras.config.set_dtype_policy("float32")
    x, std = maps(), 0.1 + 1 / 3001
    fields = []
    for spread in (0.0, std):
        model.residual_std.assign([spread, spread])
        with seeded(model, 3):
            fields.append(np.asarray(model(x)))
    with seeded(model, 3):
        model.residual_std.assign([1.0, 1.0])
        unit = np.asarray(model(x)) - fields[0]
    np.testing.assert_allclose(fields[1] - fields[0], std * unit, rtol=1e-4, atol=1e-5)


# === Training ===


def by_hand(model, x, y, weight, std):
    """The loss in NumPy, from what the parts give: mean, and noisy residual to velocity."""
    with seeded(model, 7):
        drawn = diffusion.draw(model.seed_generator, y, SCHEDULE)
    conditions = np.asarray(model.conditions(x))
    residual = y - np.asarray(model.mean(conditions))
    clean = residual / std
    times, noise = np.asarray(drawn.times), np.asarray(drawn.noise)
    alphas_cumprod = SCHEDULE.alphas_cumprod[times.astype(int)][:, None, None, None]
    alpha, sigma = np.sqrt(alphas_cumprod), np.sqrt(1 - alphas_cumprod)
    noisy = (alpha * clean + sigma * noise).astype("float32")
    read = np.concatenate([noisy, conditions], axis=-1)
    velocity = np.asarray(model.network.body([model.network.stem(read), drawn.times]))
    errors = residual**2, (velocity - (alpha * noise - sigma * clean)) ** 2
    weight = np.ones(y.shape[:3]) if weight is None else weight
    return sum(np.average(error, weights=np.stack([weight] * 2, -1)) for error in errors)


@pytest.mark.parametrize("weight", [None, "mask"])
def test_the_loss_is_that_of_the_mean_and_that_of_the_residual(model, weight):
    x, y = maps(), targets()
    weight = None if weight is None else (np.arange(2 * 6 * 10).reshape(2, 6, 10) % 3 > 0) * 1.0
    with seeded(model, 7):
        given = float(model.compute_loss(x, y, None, weight, training=False))
    assert given == pytest.approx(by_hand(model, x, y, weight, STD), rel=1e-4)
    np.testing.assert_array_equal(model.residual_std, STD, "evaluation changes nothing")


@pytest.mark.parametrize("weight", [None, "mask"])
def test_training_divides_by_a_spread_that_follows_that_of_the_batch(weight):
    model = model_of_two(momentum=0.75)
    x, y = maps(), targets()
    weight = None if weight is None else (np.arange(2 * 6 * 10).reshape(2, 6, 10) % 3 > 0) * 1.0
    residual = y - np.asarray(model.mean(model.conditions(x)))
    square = [np.average(residual[..., k] ** 2, weights=weight) for k in range(2)]
    expected = np.sqrt(0.75 * STD**2 + 0.25 * np.array(square))
    with seeded(model, 7):
        given = float(model.compute_loss(x, y, None, weight, training=True))
    np.testing.assert_allclose(model.residual_std, expected, rtol=1e-5)
    assert given == pytest.approx(by_hand(model, x, y, weight, expected), rel=1e-4)


def test_a_hidden_batch_has_no_spread_to_follow():
    model = model_of_two()
    with seeded(model, 7):
        loss = float(model.compute_loss(maps(), targets(), None, np.zeros((2, 6, 10))))
    assert loss == 0
    np.testing.assert_allclose(model.residual_std, STD, rtol=1e-6)


def test_the_mean_learns_from_its_own_error_alone(model):
    """Its gradient is that of the squared error: the diffusion model passes none to it."""
    x, y = maps(), targets()
    weights = [w.value for w in model.mean.trainable_weights]
    with tf.GradientTape() as tape, seeded(model, 7):
        loss = model.compute_loss(x, y, None, training=False)
    given = tape.gradient(loss, weights)
    with tf.GradientTape() as tape:
        error = ops.mean(ops.square(y - model.mean(model.conditions(x))))
    expected = tape.gradient(error, weights)
    assert max(np.abs(g).max() for g in given) > 1e-3
    for received, wanted in zip(given, expected, strict=True):
        np.testing.assert_allclose(received, wanted, rtol=1e-4, atol=1e-6)


def test_the_network_learns_from_the_diffusion_alone(model):
    """Another target of the mean's, with the same residual, gives it the same gradient."""
    x, residual = maps(), targets()
    weights = [w.value for w in model.network.trainable_weights]

    def gradients(offset):
        bias = model.mean.get_layer("head").bias
        before = np.array(bias)
        bias.assign(before + offset)
        y = residual + np.asarray(model.mean(model.conditions(x)))
        try:
            with tf.GradientTape() as tape, seeded(model, 7):
                loss = model.compute_loss(x, y, None, training=False)
        finally:
            bias.assign(before)
        return tape.gradient(loss, weights)

    for received, wanted in zip(gradients(0), gradients(5), strict=True):
        np.testing.assert_allclose(received, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_the_frozen_encoder_learns_from_neither():
    model = model_of_two()
    model.take_encoder(transfer_unet())
    before = frozen_weights(model)
    model.compile(optimizer=keras.optimizers.AdamW(1e-2, weight_decay=0.1))
    model.fit(maps(), targets(), epochs=2, verbose=0)
    assert before
    for path, value in frozen_weights(model).items():
        np.testing.assert_array_equal(value, before[path])


@pytest.mark.slow
def test_what_is_left_over_is_what_the_spread_comes_to():
    """Trained on noise of a known spread about something that the mean can say."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1600, 8, 8, 5)).astype("float32")  # more than it can know by heart
    y = x[..., 3:4] + 0.3 * rng.normal(size=(1600, 8, 8, 1)).astype("float32")
    model = RegressionDiffusion(**NETWORK | {"momentum": 0.9, "widths": [8, 8]})
    model.compile(optimizer=keras.optimizers.Adam(1e-2))
    model.fit(x, y, batch_size=16, verbose=0)
    assert float(model.residual_std[0]) == pytest.approx(0.3, rel=0.15)
    error = np.asarray(model.mean(model.conditions(x[:64]))) - x[:64, ..., 3:4]
    assert error.std() < 0.15


# === Configuration, files ===


def test_a_mean_of_the_same_size_unless_another_is_said(model):
    config = model.get_config()
    assert config["mean"]["widths"] == [4, 8]
    assert "output_activation" not in config
    again = RegressionDiffusion.from_config(config)
    assert again.get_config() == config
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    assert RegressionDiffusion(**NETWORK).get_config()["mean"] is None


def test_a_file_keeps_the_spread(model, tmp_path):
    x = maps()
    noise = np.random.default_rng(2).normal(size=(1, *x.shape[:3], 2))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.residual_std, STD)
    np.testing.assert_allclose(
        again.sample(x, noise=noise), model.sample(x, noise=noise), rtol=1e-5
    )
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = RegressionDiffusion.from_config(model.get_config())
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(fresh.residual_std, STD)


def test_export_is_refused(tmp_path):
    tiny = RegressionDiffusion.tiny
    model = keras_wx.load("regression_diffusion_ncep_air", weights=None, **tiny)
    with pytest.raises(ModelError, match="draws"):
        keras_wx.export(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


# === JAX ===


@pytest.mark.slow
def test_regression_diffusion_under_jax(model, tmp_path):
    """The same fields, loss and spread from the same weights and noise, and training."""
    x, y = maps(), targets()
    noise = np.random.default_rng(2).normal(size=(2, *x.shape[:3], 2)).astype("float32")
    model.save(tmp_path / "model.keras")
    np.savez(
        tmp_path / "drawn.npz",
        x=x,
        y=y,
        noise=noise,
        fields=model.sample(x, noise=noise, members=2),
        mean=np.asarray(model.mean(model.conditions(x))),
    )
    script = __file__.replace("test_regression_diffusion.py", "jax_regression_diffusion.py")
    run_under_jax(script, tmp_path)
