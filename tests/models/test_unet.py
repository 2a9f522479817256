"""The U-Net family against plain NumPy and published counts; masks, heads, members."""

import keras
import numpy as np
import pytest
import reference_unet as reference
from jax_process import run_under_jax
from keras import ops
from unet_cases import curtains, randomised, weights_by_layer

import keras_wx
from keras_wx.errors import ModelError
from keras_wx.inference.network import seeded
from keras_wx.layers import dropout_layers
from keras_wx.models.unet import UNet, UNet3Plus, UNetPlusPlus
from keras_wx.zoo import loading, presets

SMALL = {"inputs": 3, "outputs": 2, "filters": 3, "depth": 3}
NETWORKS = [UNet, UNetPlusPlus, UNet3Plus]


def small(network, **changes):
    return randomised(network(**SMALL | changes))


SLOW = pytest.mark.slow


def without_draws(model):
    model.stochastic = False
    return model


# === Wiring ===


@pytest.mark.parametrize(
    ("network", "upsampling"),
    [
        (UNet, "bilinear"),
        (UNet3Plus, "bilinear"),
        (UNet3Plus, "nearest"),
        (UNetPlusPlus, "nearest"),
    ],
)
def test_wiring_equals_plain_numpy(network, upsampling):
    model = without_draws(small(network, upsampling=upsampling, deep_supervision=False))
    x, w = curtains(), weights_by_layer(model)
    hidden = reference.preprocess(x.astype("float64"))
    body = getattr(reference, network.__name__.lower())
    features = body(w, hidden, 3, getattr(reference, upsampling))
    if isinstance(features, dict):
        features = features[1]
    raw = reference.conv(w, "head", features)
    assert raw.std() > 0.1
    expected = reference.merge(raw, x.astype("float64"))
    np.testing.assert_allclose(model(x), expected, atol=1e-5 * np.abs(expected).max())


def test_every_head_of_deep_supervision_equals_plain_numpy():
    model = without_draws(small(UNet3Plus))
    x, w = curtains(), weights_by_layer(model)
    # Inference statistics of the batch norms, in the graph that `fit` runs.
    found = model.supervised(x, training=False)
    decoded = reference.unet3plus(w, reference.preprocess(x.astype("float64")), 3)
    assert len(found) == 4
    np.testing.assert_array_equal(found[0], model(x))
    for level, side in zip((2, 3, 4), found[1:], strict=True):
        raw = reference.conv(w, f"head_{level}", decoded[level])
        expected = reference.merge(reference.bilinear(raw, 2 ** (level - 1)), x.astype("float64"))
        np.testing.assert_allclose(side, expected, atol=1e-5)


# === Counts ===


@pytest.mark.parametrize(
    ("inputs", "outputs", "published", "heads"),
    [
        (6, 5, 6_762_149, 44_660),
        pytest.param(4, 3, 6_758_691, 26_796, marks=SLOW),
        pytest.param(2, 1, 6_755_233, 8_932, marks=SLOW),
    ],
)
def test_published_parameter_counts(inputs, outputs, published, heads):
    model = UNet3Plus(inputs, outputs)
    forecast = keras.Model(model.inputs, model.outputs)
    assert forecast.count_params() == published
    assert model.count_params() == published + heads
    assert UNet3Plus(inputs, outputs, deep_supervision=False).count_params() == published


def conv_norm(size, channels, filters):
    return (size**2 * channels + 1) * filters + 4 * filters


def counted(name, inputs, outputs, filters, depth):
    """Parameters of the forecast, by hand."""
    width = [filters * 2**level for level in range(depth + 1)]
    if name == "unetplusplus":
        total, given = 0, {}
        for diagonal in range(depth + 1):
            for column in range(diagonal + 1):
                level = diagonal - column
                read = given[level - 1, column] if level else (inputs if not column else 0)
                before = given[level, column - 1] if column else (inputs if not level else 0)
                if column:
                    read += given[level + 1, column - 1] + before
                total += (9 * read + 1) * width[level]
                given[level, column] = width[level] + before
        last = filters * (depth + 1)
        return total + (9 * given[0, depth] + 1) * last + (last + 1) * outputs
    total = sum(
        conv_norm(3, below, here) + conv_norm(3, here, here)
        for below, here in zip([inputs, *width], width, strict=False)
    )
    if name == "unet":
        for level in range(depth):
            here = width[level]
            total += conv_norm(3, width[level + 1], here) + conv_norm(3, 2 * here, here)
            total += conv_norm(3, here, here)
        return total + (9 * filters + 1) * outputs
    fused = (depth + 1) * filters
    for level in range(depth):
        sources = [*width[: level + 1], *[fused] * (depth - 1 - level), width[depth]]
        total += sum(conv_norm(3, source, filters) for source in sources)
        total += conv_norm(3, fused, fused)
    return total + (9 * fused + 1) * outputs


@pytest.mark.slow
@pytest.mark.parametrize("name", keras_wx.list_models("unet*", task="inpaint"))
def test_preset_states_the_count(name):
    preset = presets.base(name)
    model = loading.build(preset)
    config = {k: preset.config[k] for k in ("inputs", "outputs", "filters", "depth")}
    forecast = keras.Model(model.inputs, model.outputs)
    assert preset.config["outputs"] == len(preset.sample.targets)
    if preset.config.get("head") == "probabilistic":
        config["outputs"] = 3
    classifier = 2_050 if preset.config.get("classification_guided") else 0
    assert forecast.count_params() == counted(preset.architecture, **config) + classifier
    assert model.count_params() == preset.parameters
    inputs = [v for v in preset.sample.variables if v.role in ("input", "mask")]
    assert preset.config["inputs"] == len(inputs)
    (grid,) = preset.sample.grids.values()
    assert grid.multiple == model.grid_multiple


def test_medical_counts():
    """26.98 million without, 27.00 with the heads that only training uses."""
    assert counted("unet3plus", 3, 1, 64, 4) == 26_984_833
    assert presets.base("unet3plus").parameters == 26_984_833 + 2_050 + 17_860


# === Mask ===


@pytest.mark.parametrize("network", NETWORKS)
def test_measured_gates_come_out_to_the_bit(network):
    x = curtains()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        y = np.asarray(small(network, dropout=0.2)(x))
    finally:
        keras.config.set_dtype_policy("float32")
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y[:, 8:], x[:, 8:, :, :2])
    assert (y[:, :8] != x[:, :8, :, :2]).mean() > 0.9


@pytest.mark.parametrize("network", [UNetPlusPlus, UNet3Plus])
def test_what_lies_in_the_hole_does_not_matter(network):
    """Any finite number, for the hidden channels; the others are seen."""
    model = without_draws(small(network, hidden_channels=1))
    x = curtains()
    others = x.copy()
    others[:, :4, :, 0] = 1e6
    np.testing.assert_allclose(model(others)[..., :1], model(x)[..., :1], atol=1e-5)
    others = x.copy()
    others[:, :4, :, 1] = 0.3
    assert np.abs(np.asarray(model(others) - model(x)))[..., 0].max() > 1e-3


@pytest.mark.parametrize("network", NETWORKS)
def test_with_a_first_guess_an_untrained_network_repeats(network):
    """The lowest measured gate, found by plain loops; members as well."""
    model = network(**SMALL | {"first_guess": "repeat", "dropout": 0.2})
    x = curtains(buffer=0)
    x[1, 4:6, 3, -1] = 1  # one column is blind to a greater height
    expected = x[..., : SMALL["outputs"]].copy()
    for curtain, of in zip(expected, x[..., -1], strict=True):
        for column, mask in zip(curtain.swapaxes(0, 1), of.T, strict=True):
            lowest = next(row for row, value in enumerate(mask) if value < 1)
            column[:lowest] = column[lowest]
    np.testing.assert_allclose(model(x), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict_members(x, 2)[1], expected, atol=1e-6)
    randomised(model)
    assert np.abs(np.asarray(model(x)) - expected).max() > 0.01


def test_without_a_mask_the_forecast_is_the_head():
    model = without_draws(small(UNet3Plus, mask=False, head="sigmoid", deep_supervision=False))
    x, w = curtains(), weights_by_layer(model)
    features = reference.unet3plus(w, x.astype("float64"), 3)[1]
    expected = 1 / (1 + np.exp(-reference.conv(w, "head", features)))
    np.testing.assert_allclose(model(x), expected, atol=1e-5)


def test_probabilistic_head_gives_three_numbers_a_gate():
    model = without_draws(small(UNet3Plus, outputs=1, head="probabilistic", deep_supervision=False))
    x, w = curtains(), weights_by_layer(model)
    features = reference.unet3plus(w, reference.preprocess(x.astype("float64")), 3)[1]
    np.testing.assert_allclose(model(x), reference.conv(w, "head", features), atol=1e-5)
    assert model.output_shape[-1] == 3


# === Deep supervision ===


def mae_with_mask(y, y_pred, weight):
    return (np.abs(y - y_pred).mean(axis=-1) * weight).sum() / weight.sum()


@pytest.mark.parametrize(
    "network", [pytest.param(UNet, marks=SLOW), UNetPlusPlus, pytest.param(UNet3Plus, marks=SLOW)]
)
def test_training_adds_the_losses_of_all_heads_and_the_l2_once(network):
    model = small(network, l2=1e-3, supervision_weight=0.5)
    model.compile(loss=keras_wx.losses.get("mae"), optimizer="sgd")
    x = curtains()
    y, weight = x[..., :2] + 0.1, x[..., -1]
    found = model.supervised(x, training=False)
    total = ops.convert_to_numpy(model.compute_loss(x, y, found, weight))
    each = [mae_with_mask(y, np.asarray(f), weight) for f in found]
    kernels = [w for w in model.trainable_weights if w.path.endswith("kernel")]
    l2 = 1e-3 * sum(float((np.asarray(w) ** 2).sum()) for w in kernels)
    assert len(each) == (3 if network is UNetPlusPlus else 4)
    np.testing.assert_allclose(total, each[0] + 0.5 * sum(each[1:]) + l2, rtol=1e-5)
    # Evaluation has one head.
    alone = ops.convert_to_numpy(model.compute_loss(x, y, found[0], weight))
    np.testing.assert_allclose(alone, each[0] + l2, rtol=1e-5)


def test_fit_with_plain_x_y_and_weights_trains_every_head():
    model = small(UNet3Plus)
    model.compile(
        loss=keras_wx.losses.get("mae"),
        optimizer=keras.optimizers.SGD(0.1),
        weighted_metrics=["mse"],
        run_eagerly=True,
    )
    before = weights_by_layer(model)
    x = curtains()
    history = model.fit(x, x[..., :2], sample_weight=x[..., -1], epochs=1, verbose=0).history
    assert history.keys() == {"loss", "mse"}
    after = weights_by_layer(model)
    for name in ("head", "head_2", "head_3", "head_4", "encoder_1_1"):
        assert np.abs(after[name][0] - before[name][0]).max() > 0, name


def test_the_other_heads_are_no_part_of_the_forecast():
    model = small(UNet3Plus)
    names = {layer.name for layer in model.layers}
    assert "head" in names
    assert not {"head_2", "head_3", "head_4"} & names


def test_round_trip_keeps_the_other_heads(tmp_path):
    model = small(UNet3Plus)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.get_config() == model.get_config()
    for name, values in weights_by_layer(model).items():
        for got, want in zip(weights_by_layer(again)[name], values, strict=True):
            np.testing.assert_array_equal(got, want)


@pytest.mark.slow
def test_switched_off_there_is_one_head():
    with_heads = keras_wx.load("unet3plus_curtain_small", weights=None, filters=2)
    with pytest.warns(UserWarning, match="no place in this configuration: head_2/kernel"):
        plain = loading.rebuild(with_heads, deep_supervision=False)
    x = curtains(data=1)
    plain.stochastic = with_heads.stochastic = False
    assert plain.supervised is None
    np.testing.assert_array_equal(plain(x), with_heads(x))
    assert plain(x, training=True).shape == (2, 32, 16, 1)


# === Classifier ===


def test_classifier_empties_what_it_finds_empty():
    model = without_draws(
        small(UNet3Plus, classification_guided=True, mask=False, deep_supervision=False)
    )
    x = curtains(batch=4)
    plain = without_draws(small(UNet3Plus, mask=False, deep_supervision=False))
    for layer in plain.layers:
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    w = weights_by_layer(model)
    bottom = reference.unet3plus(w, x.astype("float64"), 3)[4]
    scores = reference.conv(w, "classes", bottom).max(axis=(1, 2))
    # Half of the curtains are empty, by a bias between their scores.
    kernel, bias = model.get_layer("classes").get_weights()
    bias[0] += np.median(scores[:, 1] - scores[:, 0])
    model.get_layer("classes").set_weights([kernel, bias])
    there = scores[:, 1] > scores[:, 0] + np.median(scores[:, 1] - scores[:, 0])
    assert there.sum() == 2
    found, expected = np.asarray(model(x)), np.asarray(plain(x))
    np.testing.assert_allclose(found[there], expected[there], atol=1e-6)
    np.testing.assert_array_equal(found[~there], -1)


def test_classifier_is_trained_by_its_own_cross_entropy():
    model = small(UNet3Plus, classification_guided=True)
    model.compile(loss=keras_wx.losses.get("mae"), optimizer="sgd")
    x = curtains()
    y, weight = np.full((2, 32, 16, 2), -1, "float32"), x[..., -1]
    y[0, 2, 3, 0] = 0.2  # something in the hole of the first
    y[1, 20, 3, 0] = 0.2  # something, but not in the hole
    found = model.supervised(x, training=False)
    total = ops.convert_to_numpy(model.compute_loss(x, y, found, weight))
    *forecasts, classes = (np.asarray(f) for f in found)
    truth = np.array([[0, 1], [1, 0]])
    entropy = -(truth * np.log(classes) + (1 - truth) * np.log(1 - classes)).mean()
    fields = sum(mae_with_mask(y, f, weight) for f in forecasts)
    l2 = sum(float(loss) for loss in model.losses)
    np.testing.assert_allclose(total, fields + entropy + l2, rtol=1e-4)


# === Members ===


def drawn_one_by_one(model, x, members):
    return np.stack([np.asarray(model(x)) for _ in range(members)])


@pytest.mark.parametrize(
    "network", [pytest.param(UNet, marks=SLOW), pytest.param(UNetPlusPlus, marks=SLOW), UNet3Plus]
)
def test_members_equal_single_calls_with_the_same_seeds(network):
    model = small(network, dropout=0.3)
    x = curtains(height=64, seed=3)
    with seeded(model, 5):
        single = drawn_one_by_one(model, x, 3)
    with seeded(model, 5):
        together = model.predict_members(x, 3)
    assert single[:, :, :4].std(axis=0).min() > 0
    np.testing.assert_allclose(together, single, atol=1e-5 * np.abs(single).max())
    for member in together:
        np.testing.assert_array_equal(member[:, 8:], x[:, 8:, :, :2])


@pytest.mark.slow
def test_members_in_several_passes(monkeypatch):
    model = small(UNet3Plus, dropout=0.3)
    x = curtains(height=64)
    with seeded(model, 1):
        once = model.predict_members(x, 5)
    monkeypatch.setattr("keras_wx.models.unet.members._POINTS", 2 * 64 * 16 * 2)
    with seeded(model, 1):
        in_twos = model.predict_members(x, 5)
    np.testing.assert_allclose(in_twos, once, atol=1e-5 * np.abs(once).max())


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{"mask": False}, {"head": "probabilistic", "outputs": 1}], ids=str
)
def test_members_without_merging_cover_every_row(changes):
    model = small(UNet3Plus, dropout=0.3, **changes)
    x = curtains()
    with seeded(model, 5):
        single = drawn_one_by_one(model, x, 3)
    with seeded(model, 5):
        together = model.predict_members(x, 3)
    np.testing.assert_allclose(together, single, atol=1e-5 * np.abs(single).max())


@pytest.mark.slow
def test_a_curtain_without_a_hole_is_its_own_forecast():
    model = small(UNet3Plus, dropout=0.3)
    x = curtains()
    x[..., -1] = 0
    np.testing.assert_array_equal(
        model.predict_members(x, 2), np.broadcast_to(x[..., :2], (2, 2, 32, 16, 2))
    )


def test_dropout_is_where_the_published_network_has_it():
    """Before each lower encoder, and in each branch that changes the scale."""
    model = UNet3Plus(6, 5, filters=1, depth=4, dropout=0.25)
    names = {layer.name.removesuffix("_dropout") for layer in dropout_layers(model)}
    branches = {f"decoder_{d}_from_{s}" for d in range(1, 5) for s in range(1, 6) if s != d}
    assert names == branches | {f"encoder_{level}" for level in range(2, 6)}
    assert {layer.rate for layer in dropout_layers(model)} == {0.25}


# === Errors ===


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 2}, "depth from 3 to 6.*'depth': 2"),
        ({"filters": 0}, "at least one filter"),
        ({"outputs": 3}, "no more outputs than inputs"),
        ({"inputs": 1, "outputs": 1}, "the last is the mask"),
        ({"head": "softmax"}, "head='linear'"),
        ({"head": "probabilistic"}, "with one output"),
        ({"upsampling": "cubic"}, "upsampling='bilinear'"),
        ({"first_guess": "linear"}, "first_guess='clear' or 'repeat'"),
        ({"first_guess": "repeat", "head": "tanh"}, "with a first guess, head='linear'"),
        ({"height": 60}, "height a multiple of 8"),
        ({"hidden_channels": 3}, "at most 2 hidden channels.*channels=3"),
        ({"dropout": 1.0}, "rate=1.0"),
    ],
    ids=str,
)
def test_configurations_that_make_no_model(changes, message):
    with pytest.raises(ModelError, match=message):
        UNet3Plus(**SMALL | changes)


@pytest.mark.parametrize("shape", [(1, 30, 16, 3), (1, 32, 16, 2), (1, 32, 16), (1, 32, 20, 3)])
def test_curtains_that_do_not_fit(shape):
    model = UNet3Plus(**SMALL, name="small")
    with pytest.raises(ModelError, match=r"multiple of 8, with 3 channels.*inputs=") as error:
        model(np.zeros(shape))
    assert f"Received: shape={shape}" in str(error.value)


def test_no_ensemble_without_dropout():
    x = curtains()
    for model in (UNet3Plus(**SMALL, dropout=0.0), without_draws(UNet3Plus(**SMALL))):
        with pytest.raises(ModelError, match="dropout that is on"):
            model.predict_members(x, 2)
    with pytest.raises(ModelError, match="members=0"):
        UNet3Plus(**SMALL).predict_members(x, 0)


# === Backends ===


@pytest.mark.slow
def test_members_under_jax():
    run_under_jax(__file__.replace("test_unet.py", "jax_unet.py"))
