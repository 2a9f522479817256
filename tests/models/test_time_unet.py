"""The time-conditioned U-Net against diffusers' `UNet2DModel` with the same weights."""

import keras
import numpy as np
import pytest
from diffusers_unet import GOLDEN, SMALL, outputs_of, peer, randomised, weights_of

from keras_wx.errors import ModelError
from keras_wx.models.diffusion.network import TimeUNet


def build(size=(None, None), **config) -> keras.Model:
    config = SMALL | config
    inputs = config.pop("inputs")
    network = TimeUNet(config.pop("outputs"), config.pop("widths"), **config)
    field, time = keras.Input((*size, inputs)), keras.Input(())
    return keras.Model([field, time], network(field, time))


def give_weights(model: keras.Model, weights: dict[str, np.ndarray]) -> None:
    places = {weight.path: weight for weight in model.weights}
    assert places.keys() == weights.keys()
    for path, value in weights.items():
        places[path].assign(value)


@pytest.mark.parametrize("size", [(None, None), (8, 12)])
def test_equals_what_diffusers_gave(size):
    golden = dict(np.load(GOLDEN))
    x, times, expected = (golden.pop(key) for key in ("x", "times", "y"))
    model = build(size)
    give_weights(model, golden)
    assert expected.std() > 0.3
    np.testing.assert_allclose(model.predict([x, times], verbose=0), expected, atol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"encoder_attention": (), "decoder_attention": (), "blocks": 1},
        {"widths": (8, 16), "encoder_attention": (1, 2), "decoder_attention": (1,), "blocks": 3},
        {"widths": (32,), "encoder_attention": (), "decoder_attention": (), "groups": 32},
    ],
)
def test_equals_diffusers(config):
    pytest.importorskip("diffusers")
    config = SMALL | config
    network = peer(**config).eval()
    randomised(network)
    model = build(**config)
    give_weights(model, weights_of(network, len(config["widths"])))
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 8, 16, config["inputs"])).astype("float32")
    times = np.array([3.0, 640.0], "float32")
    expected = outputs_of(network, x, times)
    assert expected.std() > 0.3
    np.testing.assert_allclose(model.predict([x, times], verbose=0), expected, atol=1e-4)


TRANSFER = {
    "inputs": 40,
    "outputs": 1,
    "widths": (64, 128, 256),
    "encoder_attention": (3,),
    "decoder_attention": (2,),
    "head_size": 8,
    "groups": 32,
    "blocks": 2,
}
LARGE = TRANSFER | {
    "inputs": 262,
    "widths": (128, 256, 512),
    "encoder_attention": (2, 3),
}


@pytest.mark.parametrize(("config", "expected"), [(TRANSFER, 15_152_961), (LARGE, 61_284_737)])
def test_parameters_of_the_published_sizes(config, expected):
    """The numbers are diffusers' own, see the next test."""
    assert build(**config).count_params() == expected


@pytest.mark.slow
@pytest.mark.parametrize(("config", "expected"), [(TRANSFER, 15_152_961), (LARGE, 61_284_737)])
def test_parameters_of_diffusers(config, expected):
    pytest.importorskip("diffusers")
    assert sum(each.numel() for each in peer(**config).parameters()) == expected


@pytest.mark.parametrize("size", [(13, 25), (5, 9), (1, 3)])
def test_any_size(size):
    """Sizes that are no multiple of the strides, which diffusers does not take."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *size, SMALL["inputs"])).astype("float32")
    times = np.zeros(2, "float32")
    open_size = build()
    fixed = build(size)
    fixed.set_weights(open_size.get_weights())
    given = open_size.predict([x, times], verbose=0)
    assert given.shape == (2, *size, SMALL["outputs"])
    np.testing.assert_allclose(fixed.predict([x, times], verbose=0), given, atol=1e-5)


def test_parts_of_the_stem():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 6, 6, 5)).astype("float32")
    stem = TimeUNet(1, (8,), groups=4).stem
    whole = np.asarray(stem(x))
    stem.bias.assign(rng.normal(size=8))
    parts = stem.changing(x[..., :2]) + stem.constant(x[..., 2:])
    np.testing.assert_allclose(parts, stem(x), atol=1e-6)
    assert np.abs(np.asarray(stem(x)) - whole).max() > 0.1


def test_time_matters_and_may_be_one_for_all():
    model = build()
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    first = np.asarray(model([x, np.array([5.0, 5.0])]))
    assert np.abs(np.asarray(model([x, np.array([900.0, 900.0])])) - first).max() > 1e-3
    network = TimeUNet(2, (8, 16), groups=4, head_size=4, timestep=7)
    field = keras.Input((8, 8, 3))
    fixed = keras.Model(field, network(field))
    told = TimeUNet(2, (8, 16), groups=4, head_size=4)
    time = keras.Input(())
    told = keras.Model([field, time], told(field, time))
    told.set_weights(fixed.get_weights())
    np.testing.assert_allclose(fixed(x), told([x, np.array([7.0, 7.0])]), atol=1e-6)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"groups": 5}, "groups=5"),
        ({"head_size": 7}, "head_size=7"),
        ({"encoder_attention": (4,)}, "levels from 1 to 3"),
        ({"blocks": 0}, "at least one level"),
    ],
)
def test_bad_configuration(config, message):
    with pytest.raises(ModelError, match=message):
        build(**config)
