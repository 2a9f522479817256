"""Loading, changing, fine-tuning and saving models of the zoo."""

import hashlib
import shutil
import warnings

import keras
import numpy as np
import pytest
import xarray as xr
import yaml
from fake_distribution import nowcast_preset

import keras_wx
from keras_wx.errors import ModelError, PresetError, UnknownNameError, WeightsError
from keras_wx.models.convlstm import ConvLSTMForecaster
from keras_wx.zoo import loading, presets
from keras_wx.zoo.compiling import compile_model


def frames(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype("float32")


X, Y = frames(4, 2, 8, 8, 1), frames(4, 3, 8, 8, 1, seed=1)


def record(name, file, more=""):
    return (
        f"    {name}:\n"
        f"      file: {file.name}\n"
        f"      sha256: {hashlib.sha256(file.read_bytes()).hexdigest()}\n"
        f"      bytes: {file.stat().st_size}\n{more}"
    )


@pytest.fixture(scope="module")
def mirror(tmp_path_factory, module_plugin):
    """A zoo with `trained` (variants alps, fmi) and `untrained`, and a folder with the weights."""
    folder = tmp_path_factory.mktemp("mirror")
    source = ConvLSTMForecaster(
        input_frames=2, output_frames=3, patch_size=2, filters=(4, 3), name="trained"
    )
    records = []
    for seed, name in enumerate(["alps", "fmi"]):
        rng = np.random.default_rng(seed)
        source.set_weights([rng.normal(size=w.shape, scale=0.6) for w in source.weights])
        file = folder / f"trained.{name}.weights.h5"
        source.save_weights(file)
        more = "      sample: {step: 10min}\n      terms: CC BY 4.0\n" if name == "fmi" else ""
        records.append(record(name, file, more))
    table = "aliases: [was_trained]\nweights:\n  default: alps\n  variants:\n" + "".join(records)
    module_plugin(
        trained=nowcast_preset("trained", table),
        untrained=nowcast_preset("untrained"),
    )
    return folder


@pytest.fixture(autouse=True)
def _weights_come_from_the_mirror(mirror, monkeypatch):
    monkeypatch.setenv("KERAS_WX_MIRROR", str(mirror))


def weights_of(mirror, name):
    model = loading.build(presets.base("trained"))
    model.load_weights(mirror / f"trained.{name}.weights.h5")
    return model.get_weights()


def assert_equal(weights, others):
    for mine, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize(
    ("name", "weights", "variant"),
    [
        ("trained", "default", "alps"),
        ("trained", "fmi", "fmi"),
        ("trained.fmi", "default", "fmi"),
        ("was_trained", "default", "alps"),
        ("was_trained.fmi", "default", "fmi"),
    ],
)
def test_load_gives_trained_weights_and_their_sample(mirror, name, weights, variant):
    model = keras_wx.load(name, weights=weights)
    assert_equal(model.get_weights(), weights_of(mirror, variant))
    assert model.preset.full_name == f"trained.{variant}"
    assert model.preset.sample.step.total_seconds() == {"alps": 300, "fmi": 600}[variant]


def test_load_compiles_with_the_recipe():
    model = keras_wx.load("trained")
    assert isinstance(model.loss, keras_wx.losses.BalancedError)
    assert model.loss.transform == model.preset.sample.targets[0].transform
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-2)
    result = model.evaluate(X, Y, sample_weight=np.ones(Y.shape[:-1]), verbose=0, return_dict=True)
    assert result.keys() == {"loss", "csi_20", "mean_absolute_error"}
    assert not keras_wx.load("trained", compile=False).compiled


def test_weights_none_gives_random_weights():
    one, two = (keras_wx.load("trained", weights=None) for _ in range(2))
    assert one.preset.variant is None
    assert not np.array_equal(one.get_weights()[0], two.get_weights()[0])
    named = keras_wx.load("trained.fmi", weights=None)
    assert named.preset.sample.step.total_seconds() == 600


def test_weights_from_a_file(mirror):
    model = keras_wx.load("untrained", weights=mirror / "trained.fmi.weights.h5")
    assert_equal(model.get_weights(), weights_of(mirror, "fmi"))
    with pytest.raises(WeightsError, match=r"nowhere\.weights\.h5"):
        keras_wx.load("untrained", weights="nowhere.weights.h5")


def test_weights_from_a_file_of_the_configuration_that_is_asked_for(tmp_path):
    small = keras_wx.load("untrained", weights=None, filters=[3, 3])
    small.save_weights(tmp_path / "small.weights.h5")
    again = keras_wx.load("untrained", weights=tmp_path / "small.weights.h5", filters=[3, 3])
    assert_equal(again.get_weights(), small.get_weights())
    with pytest.raises(WeightsError, match=r"small\.weights\.h5 does not fit"):
        keras_wx.load("untrained", weights=tmp_path / "small.weights.h5", filters=[5, 5])


def test_without_trained_weights_it_says_what_to_do():
    with pytest.raises(WeightsError) as error:
        keras_wx.load("untrained")
    assert "untrained has no trained weights yet" in str(error.value)
    assert "load('untrained', weights=None) gives random ones" in str(error.value)
    assert "list_models(pretrained=True)" in str(error.value)


def test_unknown_names():
    with pytest.raises(UnknownNameError, match=r"preset: 'traind'. .*'trained'"):
        keras_wx.load("traind")
    with pytest.raises(UnknownNameError, match=r"variant of 'trained': 'alp'. .*'alps'"):
        keras_wx.load("trained.alp")
    with pytest.raises(UnknownNameError, match=r"variant of 'trained': 'fni'. .*'fmi'"):
        keras_wx.load("trained", weights="fni")
    with pytest.raises(PresetError, match="no such folder"):
        keras_wx.load("some/where")


def test_unknown_override_lists_the_near_one():
    with pytest.raises(
        UnknownNameError, match=r"key of trained: 'output_frame'. .*'output_frames'"
    ):
        keras_wx.load("trained", output_frame=4)


def test_override_that_makes_no_model():
    built = r"trained.alps cannot be built.*odd.*'kernel_size': 4"
    with pytest.raises(ModelError, match=built) as error:
        keras_wx.load("trained", kernel_size=4)
    assert str(error.value).count("Received: ") == 1
    with pytest.raises(ModelError, match=r"trained.alps cannot be built.*'filters': 'many'"):
        keras_wx.load("trained", filters="many")
    for overrides in ({"grid": 32}, {"input_frames": "5"}):
        with pytest.raises(ModelError, match=r"trained.alps: expected whole numbers.*Received"):
            keras_wx.load("trained", **overrides)


@pytest.mark.parametrize(
    ("overrides", "shape"),
    [
        ({"output_frames": 5}, (1, 5, 8, 8, 1)),
        ({"input_frames": 4}, (1, 3, 8, 8, 1)),
        ({"grid": (12, 8)}, (1, 3, 12, 8, 1)),
        ({"grid": None}, (1, 3, 8, 8, 1)),
    ],
    ids=str,
)
def test_frames_and_grid_keep_every_weight(mirror, overrides, shape):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = keras_wx.load("trained", **overrides)
    assert_equal(model.get_weights(), weights_of(mirror, "alps"))
    sample = model.preset.sample
    x = frames(1, sample.inputs[0].frames, *(shape[2:]))
    assert model(x).shape == shape
    assert sample.targets[0].frames == shape[1]
    assert sample.inputs[0].frames == model.input_frames
    assert sample.targets[0].steps[0] == 1
    assert sample.inputs[0].steps[1] == 0
    if "grid" in overrides:
        assert sample.grids["radar"].shape == (overrides["grid"] or (None, None))


def test_a_longer_forecast_begins_as_the_shorter_one():
    x = frames(1, 2, 8, 8, 1)
    short, long = keras_wx.load("trained"), keras_wx.load("trained", output_frames=6)
    np.testing.assert_allclose(long(x)[:, :3], short(x), atol=1e-6)


def test_width_keeps_what_fits_and_names_the_rest(mirror):
    with pytest.warns(UserWarning, match="start at random") as caught:
        model = keras_wx.load("trained", filters=[4, 5])
    message = next(str(w.message) for w in caught if w.category is UserWarning)
    kept = dict(zip([w.path for w in model.weights], weights_of(mirror, "alps"), strict=True))
    for weight in model.weights:
        fits = weight.path.startswith(("encoder_1", "forecaster_1")) or weight.path.endswith(
            "readout/bias"
        )
        assert fits != (weight.path in message), weight.path
        if fits:
            np.testing.assert_array_equal(weight, kept[weight.path])
    assert "All others are kept" in message


def test_weights_without_a_place_are_named():
    with pytest.warns(UserWarning, match="no place in this configuration") as caught:
        keras_wx.load("trained", peephole=None)
    message = next(str(w.message) for w in caught if w.category is UserWarning)
    assert "encoder_1/peepholes" in message
    assert "forecaster_2/peepholes" in message
    assert "kernel" not in message
    assert "start at random" not in message


def test_rebuild_keeps_the_weights_of_a_model_at_hand():
    model = keras_wx.load("trained")
    model.set_weights([w + 1 for w in model.get_weights()])
    longer = loading.rebuild(model, output_frames=7)
    assert_equal(longer.get_weights(), model.get_weights())
    assert longer.preset.sample.targets[0].steps == (1, 7)
    assert longer(X[:1]).shape == (1, 7, 8, 8, 1)


def test_baselines_need_no_weights():
    model = keras_wx.load("persistence", output_frames=2)
    np.testing.assert_array_equal(model.predict(X), X[:, [-1, -1]])
    assert model.preset.sample.targets[0].frames == 2


def test_fine_tuning_learns_and_survives_saving(tmp_path):
    model = keras_wx.load("trained", output_frames=2)
    x = frames(8, 2, 8, 8, 1)
    y = np.repeat(x[:, -1:], 2, axis=1)  # persistence, which the network can learn
    before = model.evaluate(x, y, verbose=0, return_dict=True)["loss"]
    history = model.fit(x, y, epochs=12, batch_size=4, verbose=0).history
    assert history["loss"][-1] < 0.8 * before
    expected = model.evaluate(x, y, verbose=0, return_dict=True)

    keras_wx.save(model, tmp_path / "mine")
    again = keras_wx.load(tmp_path / "mine")
    result = again.evaluate(x, y, verbose=0, return_dict=True)
    assert result == pytest.approx(expected, rel=1e-6)
    np.testing.assert_array_equal(again(x), model(x))
    assert again.preset.sample == model.preset.sample
    assert again.loss.get_config() == model.loss.get_config()
    assert again.preset.training == model.preset.training
    again.fit(x, y, verbose=0)


def test_saved_directory_says_where_it_comes_from(tmp_path):
    model = keras_wx.load("trained.fmi")
    directory = keras_wx.save(model, str(tmp_path / "a" / "b"))
    assert keras_wx.fetch(directory) == directory / "model.weights.h5"
    assert sorted(file.name for file in directory.iterdir()) == ["model.weights.h5", "preset.yaml"]
    preset = keras_wx.info(directory)
    assert preset.full_name == "trained.b"  # two fine-tuned models are told apart by their folders
    assert preset.parameters == model.count_params()
    saved = preset.weights.variants["b"]
    assert (saved.terms, saved.trained_on) == (
        "CC BY 4.0",
        "saved by keras_wx.save; started from trained.fmi",
    )
    assert preset.sample == model.preset.sample
    # a saved model is a preset like any other: variants, overrides and saving again work
    longer = keras_wx.load(directory, output_frames=6)
    again = keras_wx.load(keras_wx.save(longer, tmp_path / "c"))
    assert_equal(again.get_weights(), model.get_weights())
    assert again.output_shape[1] == 6


def test_save_leaves_other_files_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    model = keras_wx.load("trained")
    for _ in range(2):
        keras_wx.save(model, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == [
        "model.weights.h5",
        "notes.txt",
        "preset.yaml",
    ]
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not list(tmp_path.glob(".saving*"))


def test_a_failed_save_leaves_the_old_model_in_place(tmp_path, monkeypatch):
    model = keras_wx.load("trained")
    keras_wx.save(model, tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    model.set_weights([w + 1 for w in model.get_weights()])

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(yaml, "safe_dump", full_disk)
    with pytest.raises(OSError, match="No space left"):
        keras_wx.save(model, tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()} == before


def test_a_model_of_another_preset_is_not_replaced_unasked(tmp_path):
    folder = keras_wx.save(keras_wx.load("trained"), tmp_path / "mine")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    other = keras_wx.load("persistence")
    with pytest.raises(ModelError, match=r"holds a saved 'trained'\. overwrite=True"):
        keras_wx.save(other, folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    keras_wx.save(other, folder, overwrite=True)
    assert keras_wx.info(folder).name == "persistence"


def test_save_of_a_baseline(tmp_path):
    keras_wx.save(keras_wx.load("persistence", output_frames=4), tmp_path)
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["preset.yaml"]
    assert keras_wx.load(tmp_path).predict(X).shape[1] == 4


def test_save_needs_a_preset(tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    with pytest.raises(ModelError, match=r"carries no preset.*model.preset = keras_wx.info"):
        keras_wx.save(model, tmp_path)


@pytest.mark.filterwarnings("ignore:The weight file")
@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing"])
def test_saved_weights_that_are_damaged(tmp_path, damage):
    keras_wx.save(keras_wx.load("trained"), tmp_path)
    file = tmp_path / "model.weights.h5"
    content = bytearray(file.read_bytes())
    if damage == "missing":
        file.unlink()
    else:
        content[len(content) // 2] ^= 1
        file.write_bytes(content if damage == "flipped" else content[:1000])
    with pytest.raises(WeightsError, match=r"model\.weights\.h5"):
        keras_wx.load(tmp_path)
    assert keras_wx.load(tmp_path, weights=None).count_params() > 0


def test_weights_of_another_architecture(tmp_path):
    keras_wx.save(keras_wx.load("trained"), tmp_path)
    other = shutil.copy(tmp_path / "model.weights.h5", tmp_path / "other.weights.h5")
    with pytest.raises(WeightsError, match=r"other\.weights\.h5 does not fit"):
        keras_wx.load("convlstm_stack_mnist", weights=other)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"loss": "balansed_error"}, r"loss: 'balansed_error'. .*'balanced_error'"),
        (
            {"loss": {"name": "balanced_error", "mea": 1}},
            r"training.loss of preset 'untrained' cannot be built.*'mea'",
        ),
        ({"metrics": ["cis"]}, r"metric: 'cis'. .*'csi'"),
        ({"metrics": ["csi"]}, r"training.metrics of preset 'untrained'.*threshold"),
        ({"optimizer": "adamm"}, r"training.optimizer of preset 'untrained'.*adamm"),
        ({"optimizer": {"name": "adam", "lr": 1}}, r"training.optimizer.*'untrained'.*'lr'"),
    ],
    ids=str,
)
def test_a_recipe_that_cannot_be_built(training, message):
    model = keras_wx.load("untrained", weights=None, compile=False)
    recipe = model.preset.training.model_dump() | training
    preset = model.preset.model_copy(update={"training": type(model.preset.training)(**recipe)})
    with pytest.raises((PresetError, UnknownNameError), match=message):
        compile_model(model, preset)


def test_a_second_channel_needs_a_sample_that_names_it():
    with pytest.warns(UserWarning, match="still names 1: reflectivity.*sample="):
        keras_wx.load("convlstm_hko", weights=None, channels=2, filters=[2])
    grid = {"grids": {"g": {}}}
    variables = [
        {"name": name, "units": "dBZ", "grid": "g", "role": role, "steps": steps, "fill": 0}
        for role, steps in (("input", [-1, 0]), ("target", [1, 2]))
        for name in ("low", "high")
    ]
    frames = {"input_frames": 2, "output_frames": 2}
    model = keras_wx.load(
        "convlstm_hko",
        weights=None,
        channels=2,
        filters=[2],
        sample=grid | {"variables": variables},
        **frames,
    )
    times = np.datetime64("2020-01-01", "ns") + np.arange(6) * np.timedelta64(5, "m")
    field = ("time", "y", "x"), np.full((6, 4, 4), 0.5, "float32"), {"units": "dBZ"}
    radar = xr.Dataset({"low": field, "high": field}, coords={"time": times})
    model.fit(keras_wx.samples(radar, model.preset, split=None, batch_size=2), verbose=0)
    forecast = keras_wx.predict(model, radar)
    assert set(forecast.data_vars) == {"low", "high"}
    assert forecast.low.shape == (1, 2, 4, 4)


def test_a_sample_that_is_none_is_explained():
    with pytest.raises(PresetError, match="not a valid sample"):
        keras_wx.load("convlstm_hko", weights=None, sample={"grid": {}})
