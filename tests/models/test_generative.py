"""Diffusion model and VAE: what they draw, what they are trained on, and what it costs."""

import keras
import numpy as np
import pytest
from diffusion_cases import CONDITIONS, HISTORY, MORE, maps, model_of
from jax_process import run_under_jax
from keras import ops

from keras_wx import diffusion
from keras_wx.errors import ModelError, UnknownNameError
from keras_wx.inference.network import seeded
from keras_wx.models.diffusion.vae import gaussian_divergence


@pytest.fixture(scope="module")
def ddpm():
    return model_of("ddpm")


@pytest.fixture(scope="module")
def vae():
    return model_of("vae")


def noise_for(x, members=1, seed=5):
    shape = (members, *x.shape[:3], 1)
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def plain_network(model, told=True):
    """The network of a diffusion model on everything in one tensor, as it is published."""

    def network(field, times):
        stem = model.network.stem
        conditions = model.told if told else ops.zeros_like(model.told)
        everything = ops.concatenate([field, conditions], axis=-1)
        return model.network.body([stem(everything), times])

    return network


def tell(model, x):
    """Encoder's features of the history, then the other channels."""
    features = model.conditions.get_layer("transfer_encoder")(x[..., :HISTORY])
    model.told = ops.concatenate([features, x[..., HISTORY:]], axis=-1)


# === Drawing ===


def test_samples_follow_from_noise_and_conditions(ddpm):
    x = maps()
    noise = noise_for(x)
    tell(ddpm, x)
    expected = diffusion.sample(
        plain_network(ddpm),
        noise[0],
        diffusion.CosineSchedule(steps=50),
        diffusion.DPMSolver(),
        4,
        prediction="v",
    )
    given = ddpm.sample(x, noise=noise)
    assert given.shape == (1, *x.shape[:3], 1)
    assert given.std() > 0.1
    np.testing.assert_allclose(given[0], expected, atol=1e-5)


def test_guidance_goes_away_from_what_is_said_without_conditions(ddpm):
    x = maps()
    noise = noise_for(x)
    tell(ddpm, x)
    told, untold = plain_network(ddpm), plain_network(ddpm, told=False)

    def network(field, times):
        return untold(field, times) + 3 * (told(field, times) - untold(field, times))

    expected = diffusion.sample(
        network,
        noise[0],
        diffusion.CosineSchedule(steps=50),
        diffusion.DDIM(),
        2,
        prediction="v",
    )
    sampler = {"name": "ddim", "steps": 2}
    given = ddpm.sample(x, noise=noise, sampler=sampler, guidance_scale=3)
    np.testing.assert_allclose(given[0], expected, atol=1e-4)
    alone = ddpm.sample(x, noise=noise, sampler={"name": "ddim"}, steps=2, guidance_scale=3)
    np.testing.assert_array_equal(alone, given)
    named = ddpm.sample(x, noise=noise, sampler="ddim", steps=2, guidance_scale=3)
    np.testing.assert_array_equal(named, given)
    assert np.abs(given - ddpm.sample(x, noise=noise, sampler=sampler)).max() > 1e-3


@pytest.mark.parametrize("steps", [0, -1, 2.5])
def test_steps_that_are_none(ddpm, steps):
    with pytest.raises(ModelError, match="steps: expected a whole number of at least 1"):
        ddpm.sample(maps(), steps=steps)


def test_members_are_what_single_draws_are_and_conditions_are_computed_once(ddpm, monkeypatch):
    x, calls = maps(), []
    noise = noise_for(x, members=3)
    conditions = ddpm.conditions.call
    monkeypatch.setattr(
        ddpm.conditions,
        "call",
        lambda x, **kw: (calls.append(tuple(x.shape)), conditions(x, **kw))[1],
    )
    together = ddpm.sample(x, noise=noise, members=3, steps=3)
    assert calls == [x.shape]  # one trace, outside of the loop, for all members
    for member in range(3):
        single = ddpm.sample(x, noise=noise[member : member + 1], steps=3)
        np.testing.assert_allclose(together[member], single[0], atol=1e-5)


@pytest.mark.parametrize("kind", ["ddpm", "vae"])
def test_draws_follow_from_the_seed(kind, request):
    model, x = request.getfixturevalue(kind), maps()
    assert model.stochastic
    with seeded(model, 3):
        first = model.sample(x, members=2)
    with seeded(model, 3):
        again = model.sample(x, members=2)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - first[1]).max() > 1e-4
    assert np.abs(model.sample(x, members=2) - first).max() > 1e-4
    field = model(x)
    assert field.shape == (*x.shape[:3], 1)
    assert np.abs(np.asarray(model(x)) - np.asarray(field)).max() > 1e-4


def test_noise_that_does_not_fit(ddpm):
    with pytest.raises(ModelError, match=r"noise of shape \(1, 2, 6, 10\)"):
        ddpm.sample(maps(), noise=np.zeros((1, 2, 6, 10)))


# === Training ===


@pytest.mark.parametrize("weight", [None, "mask"])
def test_loss_of_the_diffusion_model(ddpm, weight):
    x, y = maps(), maps(channels=1, seed=1)
    weight = None if weight is None else (np.arange(2 * 6 * 10).reshape(2, 6, 10) % 3 > 0) * 1.0
    with seeded(ddpm, 7):
        given = float(ddpm.compute_loss(x, y, None, weight, training=True))
    schedule = diffusion.CosineSchedule(steps=50)
    with seeded(ddpm, 7):
        drawn = diffusion.draw(ddpm.seed_generator, y, schedule)
    tell(ddpm, x)
    output = np.asarray(plain_network(ddpm)(drawn.x_t, drawn.times))
    alpha, sigma = (np.asarray(v)[:, None, None, None] for v in schedule.alpha_sigma(drawn.times))
    error = (output - (alpha * np.asarray(drawn.noise) - sigma * y)) ** 2
    expected = np.average(error[..., 0], weights=weight)
    assert given == pytest.approx(expected, rel=1e-5)


def test_training_without_conditions():
    x, y = maps(), maps(channels=1, seed=1)
    model = model_of("ddpm", guidance={"p_uncond": 0.999999, "scale": 1.0})
    losses = []
    for maps_ in (x, 5 - x):
        with seeded(model, 7):
            losses.append(float(model.compute_loss(maps_, y, None, training=True)))
    assert losses[0] == losses[1]
    with seeded(model, 7):
        evaluated = float(model.compute_loss(x, y, None, training=False))
    assert evaluated != losses[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ddpm", "vae"])
def test_fit_and_evaluate_draw_nothing(kind, monkeypatch):
    model = model_of(kind)
    x, y = maps(), maps(channels=1, seed=1)
    optimizer = keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.5)
    model.compile(loss="mse", optimizer=optimizer)

    def draw(*_, **__):
        raise AssertionError("fit or evaluate draws fields")

    with monkeypatch.context() as patch:
        patch.setattr(model, "draw", draw)
        history = model.fit(x, y, validation_data=(x, y), epochs=3, verbose=0).history
        assert history.keys() == {"loss", "val_loss"}
        assert np.isfinite([*history["loss"], *history["val_loss"]]).all()
        # Training draws anew in each epoch, evaluation the same.
        assert len(set(history["loss"])) == 3
        first, again = (model.evaluate(x, y, verbose=0) for _ in range(2))
        assert first == again
        assert model.evaluate(x, y, sample_weight=np.zeros((2, 6, 10)), verbose=0) != first
    assert np.std(model.predict(x, verbose=0)) > 0


def test_regularisation_is_in_the_loss(ddpm):
    x, y = maps(), maps(channels=1, seed=1)
    with seeded(ddpm, 1):
        plain = float(ddpm.compute_loss(x, y, None))
    kernel = ddpm.network.body.get_layer("head")
    kernel.kernel_regularizer = keras.regularizers.L2(0.1)
    kernel.kernel.regularizer = kernel.kernel_regularizer
    try:
        with seeded(ddpm, 1):
            regularised = float(ddpm.compute_loss(x, y, None))
    finally:
        kernel.kernel.regularizer = kernel.kernel_regularizer = None
    penalty = 0.1 * float(np.sum(np.square(kernel.kernel)))
    assert regularised == pytest.approx(plain + penalty, rel=1e-5)


def test_loss_of_the_vae(vae):
    x, y = maps(), maps(channels=1, seed=1)
    with seeded(vae, 7):
        given = float(vae.compute_loss(x, y, None))
    conditions = vae.conditions(x)
    mean, log_variance = vae.posterior(ops.concatenate([y, conditions], axis=-1))
    assert mean.shape == (2, 3, 5, 2)
    with seeded(vae, 7):
        normal = keras.random.normal(mean.shape, seed=vae.seed_generator)
    z = np.asarray(mean) + np.exp(np.asarray(log_variance) / 2) * np.asarray(normal)
    field = vae.network(vae.resize(z, x), vae.network.constant(conditions))
    divergence = np.asarray(gaussian_divergence(mean, log_variance)).mean()
    expected = np.mean((np.asarray(field) - y) ** 2) + divergence / 60
    assert given == pytest.approx(expected, rel=1e-5)


def test_divergence_is_tensorflow_probabilitys():
    tfp = pytest.importorskip("tensorflow_probability").distributions
    rng = np.random.default_rng(0)
    mean, log_variance = rng.normal(size=(2, 3, 4, 4, 2)).astype("float32")
    normal = tfp.Normal(mean, np.exp(log_variance / 2))
    expected = tfp.kl_divergence(normal, tfp.Normal(0.0, 1.0)).numpy().sum(axis=(1, 2, 3))
    np.testing.assert_allclose(gaussian_divergence(mean, log_variance), expected, rtol=1e-5)


def test_divergence_by_hand():
    """Of N(1, 4) from N(0, 1): (4 + 1 - 1 - ln 4) / 2."""
    mean, log_variance = np.full((1, 2), 1.0), np.full((1, 2), np.log(4.0))
    np.testing.assert_allclose(gaussian_divergence(mean, log_variance), [4 - np.log(4)], rtol=1e-6)


# === Configurations ===


@pytest.mark.parametrize("kind", ["ddpm", "vae", "unet"])
@pytest.mark.parametrize("history", [0, HISTORY])
def test_without_an_encoder_the_history_is_a_condition(kind, history):
    x = maps(channels=history + CONDITIONS)
    model = model_of(kind, encoder=None, history=history)
    assert not [w.path for w in model.weights if "transfer" in w.path]
    field = np.asarray(model(x[:, :4, :4]))
    assert field.shape == (2, 4, 4, 1)


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"sampler": {"name": "ddim"}}, ModelError, "steps"),
        ({"sampler": {"name": "ddim", "steps": 0}}, ModelError, "steps: expected a whole number"),
        ({"sampler": {"name": "dddim", "steps": 3}}, UnknownNameError, "ddim"),
        ({"prediction": "x1"}, UnknownNameError, "x0"),
        ({"guidance": {"scale": 2, "p": 1}}, ModelError, "p_uncond"),
        ({"history": 0}, ModelError, "history"),
    ],
)
def test_bad_configuration(config, error, message):
    with pytest.raises(error, match=message):
        model_of("ddpm", **config)


def test_configurations_are_kept():
    model = model_of("ddpm", guidance={"p_uncond": 0.1, "scale": 2.0}, min_snr_gamma=5.0)
    config = model.get_config()
    assert config["sampler"] == MORE["ddpm"]["sampler"]
    assert type(model).from_config(config).get_config() == config


# === JAX ===


@pytest.mark.slow
def test_under_jax(ddpm, vae, tmp_path):
    """The same fields from the same weights and noise, and a step of training."""
    x = maps()
    noise = noise_for(x, members=2)
    ddpm.save(tmp_path / "ddpm.keras")
    vae.save(tmp_path / "vae.keras")
    np.savez(tmp_path / "drawn.npz", x=x, noise=noise, y=ddpm.sample(x, noise=noise, members=2))
    run_under_jax(__file__.replace("test_generative.py", "jax_generative.py"), tmp_path)
