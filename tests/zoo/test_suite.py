"""The zoo-wide suite: every registered model, every preset, every weight file.

Registering a model tests it: see `zoo_cases` for how its input is found.
"""

import hashlib
import importlib.resources
import pickle
from pathlib import Path

import backend_outputs
import keras
import numpy as np
import pytest
import zoo_cases
from jax_process import run_under_jax

import keras_wx
from keras_wx.baselines import Baseline
from keras_wx.errors import ModelError
from keras_wx.inference.downscale.cluster import Parcel
from keras_wx.inference.network import is_stochastic, seeded
from keras_wx.zoo import loading, presets

GOLDEN = Path(__file__).parents[1] / "golden"
SHIPPED = importlib.resources.files("keras_wx.zoo_configs") / "weights"


class Case:
    """A network in its tiny configuration with its input, target and forecast."""

    def __init__(self, name: str):
        self.name = name
        self.model = zoo_cases.tiny(name)
        self.x, self.y = zoo_cases.inputs(self.model), zoo_cases.targets(self.model)
        self.forecast = zoo_cases.called(self.model, self.x)

    def fresh(self, **compile_options) -> keras.Model:
        """The same model again, for a test that changes it; eager steps need no tracing."""
        model = zoo_cases.tiny(self.name)
        # Clipped, since the loss of some is steep at weights from a formula.
        optimizer = keras.optimizers.SGD(1e-3, global_clipnorm=1.0)
        model.compile(loss=model.loss, optimizer=optimizer, **compile_options)
        return model


@pytest.fixture(scope="module", params=[*zoo_cases.NETWORKS, *zoo_cases.HEADS])
def case(request):
    return Case(request.param)


# === Networks ===


def test_can_be_sent_to_another_process(case):
    parcel = Parcel(case.model, None, None, Path("fields.zarr"))
    copy = pickle.loads(pickle.dumps(parcel)).model()
    assert copy.preset == case.model.preset
    np.testing.assert_allclose(zoo_cases.called(copy, case.x), case.forecast, atol=1e-6)


def test_equals_the_golden_output(case):
    """Numbers change by intent only: tests/golden/make_golden.py writes new ones."""
    file = GOLDEN / f"{case.name}.npz"
    assert file.is_file(), f"run python tests/golden/make_golden.py {case.name}"
    golden = np.load(file)["output"]
    assert golden.std() > 0.02, "an output that hardly varies shows no change"
    np.testing.assert_allclose(case.forecast, golden, atol=1e-5)


def test_config_round_trip(case):
    config = case.model.get_config()
    again = type(case.model).from_config(config)
    assert again.get_config() == config
    again.set_weights(case.model.get_weights())
    np.testing.assert_array_equal(zoo_cases.called(again, case.x), case.forecast)


def test_keras_file_round_trip(case, tmp_path):
    case.model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again) is type(case.model)
    assert again.loss.get_config() == case.model.loss.get_config()
    np.testing.assert_array_equal(zoo_cases.called(again, case.x), case.forecast)


def test_directory_round_trip(case, tmp_path):
    again = keras_wx.load(keras_wx.save(case.model, tmp_path))
    np.testing.assert_array_equal(zoo_cases.called(again, case.x), case.forecast)
    assert again.preset.config | {"name": case.model.name} == case.model.get_config()
    assert again.preset.sample == case.model.preset.sample


def test_predict_equals_call_again_and_again(case):
    # A model that draws does so for a batch as a whole.
    batch_size = len(case.x) if is_stochastic(case.model) else 2
    for _ in range(2):
        forecast = zoo_cases.forecast(case.model, case.x, batch_size=batch_size)
        np.testing.assert_allclose(forecast, case.forecast, atol=1e-5)


def test_samples_do_not_see_each_other(case):
    others = np.concatenate([1 - case.x[:1], case.x[1:2], 0 * case.x[2:]])
    beside = zoo_cases.called(case.model, others)
    np.testing.assert_allclose(beside[1], case.forecast[1], atol=1e-5)
    if not is_stochastic(case.model):
        alone = zoo_cases.called(case.model, case.x[1:2])
        np.testing.assert_allclose(alone, case.forecast[1:2], atol=1e-5)


def test_every_weight_learns(case):
    """No layer is cut off: the loss has a gradient for each trainable weight."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        y_pred = case.model(case.x, training=True)
        loss = case.model.compute_loss(x=case.x, y=case.y, y_pred=y_pred)
    weights = case.model.trainable_weights
    gradients = tape.gradient(loss, [w.value for w in weights])
    dead = [w.path for w, g in zip(weights, gradients, strict=True) if g is None or not np.any(g)]
    assert dead == []


def test_a_step_of_training_lowers_the_loss(case):
    model = case.fresh(run_eagerly=True)
    before = model.evaluate(case.x, case.y, verbose=0, return_dict=True)["loss"]
    model.fit(case.x, case.y, batch_size=len(case.x), epochs=3, verbose=0)
    after = model.evaluate(case.x, case.y, verbose=0, return_dict=True)["loss"]
    assert np.isfinite(after)
    assert after < before


# Relative to the spread of the forecast: bfloat16 has 8 significant bits, float16 has 11.
@pytest.mark.parametrize(
    ("policy", "tolerance"), [("mixed_bfloat16", 0.2), ("mixed_float16", 0.02)]
)
def test_mixed_precision(case, policy, tolerance):
    keras.config.set_dtype_policy(policy)
    try:
        model = case.fresh(run_eagerly=True)
        with seeded(model, 0):
            forecast = model(case.x, training=False)
        history = model.fit(case.x, case.y, batch_size=len(case.x), verbose=0).history
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.compute_dtype for layer in model.layers} >= {policy.removeprefix("mixed_")}
    assert keras.backend.standardize_dtype(forecast.dtype) == "float32"
    assert {w.dtype for w in model.weights} == {"float32"}
    assert np.isfinite(history["loss"]).all()
    assert all(np.isfinite(w).all() for w in model.get_weights())
    error = np.abs(np.asarray(forecast) - case.forecast).max()
    assert 0 < error < tolerance * case.forecast.std()


def test_under_xla(case):
    model = case.fresh(jit_compile=True)
    forecast = zoo_cases.forecast(model, case.x)
    if hasattr(model, "sample"):  # XLA draws other normal numbers: the order of magnitude counts
        assert np.abs(forecast - case.forecast).max() < 5 * case.forecast.std()
        return
    np.testing.assert_allclose(forecast, case.forecast, atol=1e-5)


@pytest.mark.slow
def test_training_under_xla(case):
    weights = []
    for jit in (True, False):
        model = case.fresh(jit_compile=jit)
        before = model.get_weights()
        model.fit(case.x, case.y, batch_size=len(case.x), verbose=0)
        weights.append(model.get_weights())
    if hasattr(model, "sample"):  # XLA draws other normal numbers: the size of the step counts
        compiled, plain = (_distance(after, before) for after in weights)
        assert plain > 0
        np.testing.assert_allclose(compiled, plain, rtol=0.5)
        return
    for compiled, plain in zip(*weights, strict=True):
        np.testing.assert_allclose(compiled, plain, atol=1e-5)


def _distance(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum((x - y) ** 2) for x, y in zip(a, b, strict=True))))


# === Backends ===


@pytest.mark.slow
def test_tensorflow_and_jax_agree(tmp_path):
    """The same files under JAX, where TensorFlow is not to be had: forecasts, scores, gradients."""
    for name in [*zoo_cases.NETWORKS, *zoo_cases.HEADS, *zoo_cases.BASELINES]:
        model = zoo_cases.tiny(name)
        if isinstance(model, keras.Model) and is_stochastic(model):
            continue  # the backends' generators differ: tests/models give them the same noise
        directory = keras_wx.save(model, tmp_path / name)
        x = zoo_cases.inputs(model)
        y = zoo_cases.targets(model) if isinstance(model, keras.Model) else x
        mask = (zoo_cases.spread(y[..., 0].size, start=9) > 0.3).reshape(y.shape[:-1])
        np.savez(directory / "data.npz", x=x, y=y, mask=mask.astype("float32"))
    run_under_jax(backend_outputs.__file__, tmp_path)
    jax, tensorflow = dict(np.load(tmp_path / "jax.npz")), backend_outputs.outputs(tmp_path)
    assert jax.keys() == tensorflow.keys()
    for name, value in tensorflow.items():
        scale = max(1.0, np.abs(value).max())
        np.testing.assert_allclose(jax[name], value, atol=1e-5 * scale, err_msg=name)


# === Baselines ===


@pytest.mark.parametrize("name", zoo_cases.BASELINES)
def test_baseline(name, tmp_path):
    model = zoo_cases.tiny(name)
    x = zoo_cases.inputs(model)
    forecast = zoo_cases.forecast(model, x)
    np.testing.assert_array_equal(zoo_cases.forecast(model, x), forecast)
    np.testing.assert_allclose(forecast, np.load(GOLDEN / f"{name}.npz")["output"], atol=1e-5)
    np.testing.assert_allclose(zoo_cases.forecast(model, x[1:2]), forecast[1:2], atol=1e-5)
    assert type(model)(**model.get_config()).get_config() == model.get_config()
    again = keras_wx.load(keras_wx.save(model, tmp_path))
    np.testing.assert_array_equal(zoo_cases.forecast(again, x), forecast)
    assert (model.predict(x) != forecast).any() == model.stochastic
    assert forecast.shape[1:] == zoo_cases.shapes(model.preset.sample)[1]


# === Presets ===


@pytest.mark.parametrize("name", keras_wx.list_models("*") + keras_wx.list_models("*.*"))
def test_card(name):
    preset = keras_wx.info(name)
    card = str(preset)
    assert max(map(len, card.splitlines())) <= 80
    assert preset.full_name in card
    for variable in preset.sample.variables:
        assert f"{variable.name} [{variable.units}]" in card
    for reference in preset.references:
        assert reference.split()[0] in card


@pytest.mark.parametrize("name", keras_wx.list_models())
def test_preset_builds_and_agrees_with_its_sample(name):
    preset = presets.base(name)
    model = loading.build(preset)
    if isinstance(model, Baseline):
        given, expected = zoo_cases.shapes(preset.sample)
        if model.needs_fit:
            with pytest.raises(ModelError, match=r"model\.fit"):
                model.predict(np.zeros((1, *given)))
            return
        assert model.predict(np.zeros((1, *given))).shape == (1, *expected)
        return
    assert model.count_params() == preset.parameters
    grid = next(grid for grid in preset.sample.grids.values() if grid.onto is None)
    given, expected = zoo_cases.shapes(preset.sample, grid.shape)
    if getattr(model, "distribution", None):
        expected = (*expected[:-1], model.distribution.PARAMETERS)
    assert model(keras.KerasTensor((1, *given))).shape == (1, *expected)


def _variants():
    for name in keras_wx.list_models():
        for variant, record in presets.base(name).weights.variants.items():
            yield pytest.param(name, variant, record, id=f"{name}.{variant}")


def _shipped_files():
    return [file for file in SHIPPED.iterdir() if file.name.endswith(".h5")]


@pytest.mark.parametrize(("name", "variant", "record"), _variants())
def test_variant(name, variant, record):
    """A card says what the weights are; a file without a source ships, is right and loads."""
    for fact in ("trained_on", "recipe", "terms", "scores"):
        assert getattr(record, fact), f"the card of {name}.{variant} does not say {fact}"
    assert record.file == f"{name}.{variant}.weights.h5"
    file = SHIPPED / record.file
    if not file.is_file():
        assert record.sources, f"{record.file} neither ships nor has a source"
        return
    content = file.read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (record.bytes, record.sha256)
    model = keras_wx.load(f"{name}.{variant}")
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_what_ships_is_known_and_small():
    known = {record.file for _, _, record in (param.values for param in _variants())}
    sizes = {file.name: len(file.read_bytes()) for file in _shipped_files()}
    assert sizes.keys() <= known
    assert all(size <= 16 * 2**20 for size in sizes.values())
    assert sum(sizes.values()) <= 60 * 2**20
