"""Extrapolation in the graph: known motions, plain NumPy, and the baseline outside of it."""

import keras
import numpy as np
import pytest
from scipy import ndimage

from keras_wx.errors import ModelError
from keras_wx.layers import Extrapolation
from keras_wx.layers.advection import advect, sample
from keras_wx.layers.optical_flow import motion

RNG = np.random.default_rng(0)


def blobs(shape=(64, 64), sigma=3.0, seed=0):
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma)
    return np.clip(field / field.std() * 0.2 + 0.1, 0, 1).astype("float32")


def moving(velocity, frames=5, shape=(48, 56)):
    """Echo that moves by `velocity` grid points a frame, cut from a larger field."""
    margin = 40
    large = blobs((shape[0] + 2 * margin, shape[1] + 2 * margin))
    pictures = [
        ndimage.shift(large, np.multiply(velocity, k), order=3)[margin:-margin, margin:-margin]
        for k in range(frames)
    ]
    return np.stack(pictures)[None, ..., None].astype("float32")


def test_sample_equals_scipy():
    field = RNG.normal(size=(2, 9, 7, 3)).astype("float32")
    y, x = RNG.uniform(-3, 12, size=(2, 2, 9, 7)).astype("float32")
    found = np.asarray(sample(field, y, x))
    for batch in range(2):
        for channel in range(3):
            expected = ndimage.map_coordinates(
                field[batch, ..., channel], [y[batch], x[batch]], order=1, mode="nearest"
            )
            np.testing.assert_allclose(found[batch, ..., channel], expected, atol=1e-5)


@pytest.mark.parametrize("velocity", [(0, 0), (1, -2), (-0.4, 0.7), (3.5, 2.0)])
def test_finds_a_known_displacement(velocity):
    pictures = np.moveaxis(moving(velocity, frames=3)[0, ..., 0], 0, -1)[None]
    found = np.asarray(motion(pictures))[0, 8:-8, 8:-8]
    np.testing.assert_allclose(found.mean((0, 1)), velocity, atol=0.1)
    assert np.abs(found - velocity).max() < 0.6


def test_finds_a_rotation():
    """Solid rotation by 3 degrees a frame about the middle."""
    large = blobs((120, 120))
    turned = [ndimage.rotate(large, 3 * k, reshape=False, order=3)[28:92, 28:92] for k in range(3)]
    found = np.asarray(motion(np.stack(turned, axis=-1)[None]))[0]
    y, x = np.mgrid[:64, :64] - 31.5
    angle = np.deg2rad(3)
    # scipy turns the axes (y, x) so that what was at (0, r) comes to (-r sin, r cos).
    expected = np.stack([-x * angle, y * angle], axis=-1)
    inner = np.hypot(y, x) < 24
    error = np.linalg.norm(found - expected, axis=-1)[inner]
    assert error.mean() < 0.25 * np.linalg.norm(expected, axis=-1)[inner].mean()


def test_carries_whole_grid_points_exactly():
    frame = blobs()[None, ..., None]
    velocity = np.broadcast_to(np.float32([1, -2]), (1, 64, 64, 2))
    forecast = np.asarray(advect(frame, velocity, 4))[0, ..., 0]
    for k in range(1, 5):
        np.testing.assert_allclose(
            forecast[k - 1, k:, : -2 * k], frame[0, :-k, 2 * k :, 0], atol=1e-5
        )


def test_what_enters_is_read_from_the_border():
    frame = np.tile(np.linspace(0, 1, 16, dtype="float32"), (16, 1)).T[None, ..., None]
    velocity = np.broadcast_to(np.float32([2, 0]), (1, 16, 16, 2))
    forecast = np.asarray(advect(frame, velocity, 3))[0, ..., 0]
    np.testing.assert_allclose(forecast[2, :6], np.repeat(frame[0, :1, :, 0], 6, axis=0), atol=1e-6)


def test_forecasts_a_moving_field():
    frames = moving((1.3, -0.8), frames=11)
    forecast = np.asarray(Extrapolation(6)(frames[:, :5]))
    truth, last = frames[:, 5:], frames[:, 4:5]
    inner = (slice(None), slice(None), slice(12, -12), slice(12, -12))
    error, persistence = (np.abs(f - truth)[inner].mean() for f in (forecast, last))
    assert error < 0.1 * persistence


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_nothing_to_see_stands_still(value):
    frames = np.full((2, 5, 24, 20, 1), value, "float32")
    np.testing.assert_allclose(Extrapolation(4)(frames), frames[:, :4], atol=1e-6)


def test_a_tiny_grid():
    frames = RNG.uniform(size=(1, 2, 4, 6, 1)).astype("float32")
    forecast = np.asarray(Extrapolation(3)(frames))
    assert forecast.shape == (1, 3, 4, 6, 1)
    assert (forecast >= 0).all()
    assert (forecast <= 1).all()


def test_samples_do_not_see_each_other():
    frames = np.concatenate([moving((1, 0)), moving((0, -2))])
    both = np.asarray(Extrapolation(3)(frames))
    np.testing.assert_allclose(Extrapolation(3)(frames[1:]), both[1:], atol=1e-5)


def test_is_as_good_as_the_baseline_outside_the_graph(shared_data):
    """On real radar: mean error within 5 % of OpenCV's Lucas-Kanade in the zoo."""
    import keras_wx

    file = shared_data / "taasrad19_64x64_2015-10_2017-01.nc"
    if not file.is_file():
        pytest.skip("the TAASRAD19 file is missing")
    radar = keras_wx.open_dataset("taasrad19", path=file)
    preset = keras_wx.info("convlstm_hko")
    val = keras_wx.samples(radar, preset, split="val", stride=60, batch_size=40)
    x, y = val[0][:2]
    baseline = keras_wx.load("lucas_kanade").predict(x * 60) / 60
    ours = np.asarray(Extrapolation(15)(x))
    here, there, still = (np.abs(f - y).mean() for f in (ours, baseline, x[:, -1:]))
    assert here < 1.05 * there
    assert here < 0.9 * still


def test_any_grid_and_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        frames = keras.Input((3, None, None, 1))
        model = keras.Model(frames, Extrapolation(2)(frames))
    finally:
        keras.config.set_dtype_policy("float32")
    for shape in ((20, 24), (31, 17)):
        x = moving((0.5, 0.5), frames=3, shape=shape)
        np.testing.assert_allclose(model.predict_on_batch(x), Extrapolation(2)(x), atol=1e-5)


def test_what_it_refuses():
    with pytest.raises(ModelError, match="steps=0"):
        Extrapolation(0)
    with pytest.raises(ModelError, match="two frames"):
        Extrapolation(2)(np.zeros((1, 1, 8, 8, 1), "float32"))
