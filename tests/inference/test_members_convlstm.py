"""An ensemble of the ConvLSTM by dropout: what it changes, and what it leaves alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from small_models import radar_of

import keras_wx
from keras_wx.errors import ModelError
from keras_wx.inference.network import seeded
from keras_wx.layers import dropout_layers
from keras_wx.zoo.transfer import transfer_weights

STEP = np.timedelta64(5, "m").astype("timedelta64[ns]")
TINY = {"input_frames": 2, "output_frames": 3, "filters": [6, 5]}


def tiny(**options) -> keras.Model:
    keras.utils.set_random_seed(1)
    return keras_wx.load("convlstm_hko", weights=None, **TINY, **options)


@pytest.fixture(scope="module")
def model():
    return tiny(dropout=0.5)


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).uniform(size=(3, 2, 8, 8, 1)).astype("float32")


def draw(model, x, seed=0):
    with seeded(model, seed):
        return model.predict(x, verbose=0)


def test_without_dropout_the_network_is_the_same():
    plain, none = tiny(), tiny(dropout=0)
    assert [layer.name for layer in none.layers] == [layer.name for layer in plain.layers]
    assert none.variables[0].path == plain.variables[0].path
    assert not plain.stochastic
    assert "dropout" not in " ".join(layer.name for layer in plain.layers)


def test_the_weights_are_those_without_dropout(model, x):
    plain = tiny()
    assert {w.path for w in model.weights} == {w.path for w in plain.weights}
    assert model.count_params() == plain.count_params()
    assert transfer_weights(plain, model) == []
    model.stochastic = False
    try:
        np.testing.assert_array_equal(model.predict(x, verbose=0), plain.predict(x, verbose=0))
    finally:
        model.stochastic = True


def test_members_are_those_of_masked_states(model, x):
    """The same masks on the states by hand: channels are dropped, the others doubled."""
    frames = keras.Input((2, 8, 8, 1))
    h = model.get_layer("patches")(frames)
    states = []
    for rank in (1, 2):
        h, *state = model.get_layer(f"encoder_{rank}")(h)
        states += state
    encoder = keras.Model(frames, states)
    masks = [keras.Input((1, 1, state.shape[-1])) for state in states]
    masked, outputs, y = [s * m for s, m in zip(states, masks, strict=True)], [], None
    for rank in (1, 2):
        layer = model.get_layer(f"forecaster_{rank}")
        y, *_ = layer(y, initial_state=masked[2 * rank - 2 : 2 * rank], steps=3)
        outputs.append(y)
    y = model.get_layer("readout")(keras.ops.concatenate(outputs, axis=-1))
    by_hand = keras.Model([frames, *masks], model.get_layer("unpatch")(y))

    draws = keras.Model(
        model.input, [model.get_layer(f"dropout_{p}_{r}").output for r in (1, 2) for p in "hc"]
    )
    with seeded(model, 3):
        dropped = draws.predict(x, verbose=0)
    kept = []
    for state, after in zip(encoder.predict(x, verbose=0), dropped, strict=True):
        ratio = after / state
        np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1, :1], ratio.shape), rtol=1e-4)
        kept.append(ratio[:, :1, :1].round(3))
        assert set(np.unique(kept[-1])) == {0, 2}
    np.testing.assert_allclose(
        draw(model, x, seed=3), by_hand.predict([x, *kept], verbose=0), atol=1e-5
    )


def test_round_trips(model, x, tmp_path):
    expected = draw(model, x)
    again = type(model).from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(draw(again, x), expected)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        draw(keras.models.load_model(tmp_path / "model.keras"), x), expected
    )
    again = keras_wx.load(keras_wx.save(model, tmp_path / "saved"))
    assert again.stochastic
    np.testing.assert_array_equal(draw(again, x), expected)


@pytest.mark.slow
def test_it_trains_with_its_dropout(x):
    model = tiny(dropout=0.5)
    model.compile(loss=model.loss, optimizer=keras.optimizers.Adam(0.01), run_eagerly=True)
    y = np.repeat(x[:, -1:], 3, axis=1)
    first, second = (model.evaluate(x, y, verbose=0, return_dict=True)["loss"] for _ in range(2))
    assert first != second
    history = model.fit(x, y, epochs=12, verbose=0).history["loss"]
    assert np.mean(history[-4:]) < np.mean(history[:4])


def test_mixed_precision_keeps_c_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny(dropout=0.5)
        outputs = {layer.name: layer.output.dtype for layer in dropout_layers(model)}
    finally:
        keras.config.set_dtype_policy("float32")
    assert outputs == {
        f"dropout_{p}_{r}": t
        for r in (1, 2)
        for p, t in zip("hc", ("bfloat16", "float32"), strict=True)
    }


def test_members_of_the_trained_model():
    model = keras_wx.load("convlstm_hko", dropout=0.2, compile=False, output_frames=3)
    frames = np.random.default_rng(1).uniform(0, 50, (5, 16, 16))
    radar = radar_of(frames, step=STEP)
    for axis in ("y", "x"):
        radar[axis] = (axis, 3.75 * radar[axis].values, {"units": "m"})
    forecast = keras_wx.predict(model, radar, members=6, seed=3)
    field = forecast["reflectivity"]
    assert field.sizes["realization"] == 6
    assert (field.std("realization").mean(("init_time", "y", "x")) > 0.5).all()
    again = keras_wx.predict(model, radar, members=6, seed=3)["reflectivity"]
    np.testing.assert_array_equal(again, field)
    # No dropout: the forecast that the card's scores are of.
    model.stochastic = False
    deterministic = keras_wx.load("convlstm_hko", compile=False, output_frames=3)
    np.testing.assert_allclose(
        keras_wx.predict(model, radar)["reflectivity"],
        keras_wx.predict(deterministic, radar)["reflectivity"],
        atol=1e-4,
    )
    with pytest.raises(ModelError, match="deterministic"):
        keras_wx.predict(model, radar, members=2)
