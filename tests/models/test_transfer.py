"""The transfer encoder: its features, and that it stays frozen whatever is done to it."""

import keras
import numpy as np
import pytest
from diffusion_cases import HISTORY, frozen_weights, maps, model_of, transfer_unet

from keras_wx.errors import ModelError
from keras_wx.models import transfer_encoder
from keras_wx.models.diffusion import TransferUNet
from keras_wx.models.diffusion.network import TimeUNet


def bilinear(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Half-pixel bilinear interpolation, one axis after the other, by its formula."""
    for axis, wanted in zip((1, 2), size, strict=True):
        have = x.shape[axis]
        place = np.clip((np.arange(wanted) + 0.5) * have / wanted - 0.5, 0, have - 1)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, have - 1)
        shape = [1, 1, 1, 1]
        shape[axis] = wanted
        part = (place - low).reshape(shape)
        x = np.take(x, low, axis) * (1 - part) + np.take(x, high, axis) * part
    return x


@pytest.mark.parametrize("size", [(8, 12), (7, 9)])
def test_features_are_the_middle_interpolated(size):
    source = transfer_unet()
    x = maps(size=size, channels=HISTORY)
    network = keras.Model(source.input, source.get_layer("middle_2").output)
    middle = np.asarray(network(x))
    features = np.asarray(transfer_encoder(source)(x))
    assert features.std() > 0.01
    np.testing.assert_allclose(features, bilinear(middle, size), atol=1e-5)


def test_is_the_way_down_of_the_network_with_the_time_0():
    source = transfer_unet()
    x = maps(size=(8, 8), channels=HISTORY)
    config = source.get_config()
    keys = ("outputs", "widths", "blocks", "encoder_attention", "decoder_attention")
    told = TimeUNet(**{k: config[k] for k in (*keys, "head_size", "groups")})
    fields, time = keras.Input((8, 8, HISTORY)), keras.Input(())
    told = keras.Model([fields, time], told(fields, time))
    told.set_weights(source.get_weights())
    np.testing.assert_allclose(source(x), told([x, np.zeros(len(x))]), atol=1e-6)


def test_encoder_has_weights_of_its_own():
    source = transfer_unet()
    encoder = transfer_encoder(source)
    x = maps(channels=HISTORY)
    before = np.asarray(encoder(x))
    source.set_weights([0 * w for w in source.get_weights()])
    np.testing.assert_array_equal(encoder(x), before)


# === Frozen ===


def unfreezing(model):
    """What a user may do, on purpose or not."""
    model.trainable = False
    model.trainable = True
    for layer in model.layers:
        layer.trainable = True
    for layer in model._flatten_layers():
        if layer.name == "transfer_encoder":
            layer.trainable = True


@pytest.mark.parametrize("kind", ["unet", "vae", "ddpm"])
def test_training_leaves_the_encoder_alone(kind):
    """With weight decay, which changes weights that have no gradient too."""
    model = model_of(kind)
    model.take_encoder(transfer_unet())
    before = frozen_weights(model)
    assert len(before) > 20
    unfreezing(model)
    x, y = maps(), maps(channels=1, seed=1)
    for _ in range(2):  # recompiled
        optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.5)
        model.compile(loss="mse", optimizer=optimizer, run_eagerly=True)
        model.fit(x, y, verbose=0)
        unfreezing(model)
    paths = {weight.path for weight in model.trainable_weights}
    assert not paths & before.keys()
    assert {v.path for v in model.trainable_variables} == paths
    # The optimizer keeps a momentum and a velocity of what it trains, the rate and the counter.
    assert len(optimizer.variables) == 2 * len(paths) + 2
    assert not [v.path for v in optimizer.variables if "transfer" in v.path]
    for path, value in frozen_weights(model).items():
        np.testing.assert_array_equal(value, before[path], err_msg=path)
    changed = [w.path for w in model.weights if w.path in paths]
    assert changed


def test_no_gradient_even_where_a_layer_inside_is_unfrozen():
    import tensorflow as tf

    model = model_of("unet")
    for layer in model.get_layer("transfer_encoder").layers:
        layer.trainable = True
    weights = [w.value for w in model.get_layer("transfer_encoder").weights]
    with tf.GradientTape() as tape:
        tape.watch(weights)
        loss = tf.reduce_sum(model(maps(), training=True) ** 2)
    assert tape.gradient(loss, weights) == [None] * len(weights)


def test_nothing_inside_is_in_training_mode():
    """Dropout and the statistics of batches, which this encoder does not have, would show."""
    encoder = transfer_encoder(transfer_unet())
    middle = encoder.get_layer("middle_1")
    modes, call = [], middle.call
    middle.call = lambda *args, training=None: (modes.append(training), call(*args))[1]
    for training in (True, False, None):
        encoder(maps(channels=HISTORY), training=training)
    assert modes == [False] * 3


def test_unfrozen_is_trained():
    model = model_of("unet", frozen=False)
    before = frozen_weights(model)
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(0.1), run_eagerly=True)
    model.fit(maps(), maps(channels=1, seed=1), verbose=0)
    after = frozen_weights(model)
    assert [path for path in before if (after[path] != before[path]).any()]


@pytest.mark.parametrize("kind", ["unet", "ddpm"])
def test_still_frozen_in_a_file(kind, tmp_path):
    model = model_of(kind)
    model.take_encoder(transfer_unet())
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    unfreezing(again)
    assert not [w.path for w in again.trainable_weights if w.path.startswith("transfer")]
    for path, value in frozen_weights(again).items():
        np.testing.assert_array_equal(value, frozen_weights(model)[path])


# === Errors ===


def test_another_configuration():
    wider = TransferUNet(
        HISTORY, widths=[8, 8], blocks=1, encoder_attention=[], head_size=4, groups=4
    )
    with pytest.raises(ModelError, match=r"widths': \[4, 8\].*widths': \[8, 8\]"):
        model_of("unet").take_encoder(wider)


def test_no_encoder():
    with pytest.raises(ModelError, match="encoder=None"):
        model_of("unet", encoder=None).take_encoder(transfer_unet())


def test_no_transfer_network():
    with pytest.raises(ModelError, match=r"transfer_unet.*DownscaleUNet"):
        transfer_encoder(model_of("unet", encoder=None))


def test_encoder_that_cannot_be_built():
    with pytest.raises(ModelError, match=r"width"):
        model_of("unet", encoder={"width": [4]})


def test_maps_that_do_not_fit():
    with pytest.raises(ModelError, match=r"reads maps of 5 channels.*\(2, 6, 10, 4\)"):
        model_of("unet")(maps(channels=4))
