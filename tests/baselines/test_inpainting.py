"""Baselines of the blind zone against slow plain versions and peer libraries."""

from pathlib import Path

import numpy as np
import plain_inpainting as plain
import pytest
from scipy.interpolate import interp1d
from scipy.ndimage import gaussian_filter

import keras_wx
from keras_wx.baselines import inpainting
from keras_wx.errors import ModelError

CLEAR = -1.0
GOLDEN = Path(__file__).parents[1] / "golden" / "biharmonic_skimage.npz"
NAMES = ["repeat", "marching_average", "linear", "laplace", "biharmonic", "navier_stokes", "telea"]


def cloud(seed=0, shape=(3, 24, 20)):
    """Network numbers of clouds with clear air between them."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), (0, 3, 4))
    field = 0.5 * field / field.std()
    return np.where(field > -0.2, np.clip(field, -0.49, 1), CLEAR).astype("float32")


def steps():
    """A hole whose top differs from column to column, `(24, 20)`."""
    return np.arange(24)[:, None] < np.array([5, 8, 3, 8, 6] * 4)


def given(curtains, hole, ramp=3):
    """An input of curtains and a mask with a ramp above the hole."""
    top = hole.sum(axis=0)
    mask = np.clip(1 - (np.arange(len(hole))[:, None] - top + 1) / (ramp + 1), 0, 1)
    mask = np.broadcast_to(mask, curtains.shape)
    return np.stack([curtains, mask], axis=-1).astype("float32")


def filled(model, curtains, hole):
    return model.predict(given(curtains, hole))[..., 0]


@pytest.fixture(params=NAMES)
def model(request):
    return keras_wx.load(request.param)


# === What all of them do ===


def test_measured_gates_come_out_as_they_went_in(model):
    curtains, hole = cloud(), steps()
    out = model.predict(given(curtains, hole))
    assert out.shape == (*curtains.shape, 1)
    assert out.dtype == "float32"
    np.testing.assert_array_equal(out[:, ~hole, 0], curtains[:, ~hole])
    assert (out[:, hole, 0] != curtains[:, hole]).any()


def test_what_the_hole_holds_is_not_looked_at(model):
    curtains, hole = cloud(), steps()
    garbage = np.where(hole, 7.0, curtains)
    np.testing.assert_array_equal(filled(model, garbage, hole), filled(model, curtains, hole))


def test_each_curtain_has_its_own_hole(model):
    curtains = cloud(shape=(4, 24, 20))
    holes = [steps(), steps()[:, ::-1], steps(), 0 * steps() == 1]
    x = np.concatenate([given(c[None], h) for c, h in zip(curtains, holes, strict=True)])
    together = model.predict(x)
    for n in range(4):
        # Equations that are solved together are rounded otherwise than one by one.
        np.testing.assert_allclose(model.predict(x[n : n + 1])[0], together[n], atol=1e-6)
    np.testing.assert_array_equal(together[3, ..., 0], curtains[3])


def test_below_clear_air_it_is_clear_and_below_even_cloud_even(model):
    hole = steps()
    clear = np.full((1, 24, 20), CLEAR)
    np.testing.assert_array_equal(filled(model, clear, hole), clear)
    even = np.full((1, 24, 20), 0.4)
    np.testing.assert_allclose(filled(model, even, hole), even, atol=1e-6)


def test_numbers_are_those_of_a_measurement(model):
    """Cloud or clear, nothing between them, and no value beyond what was measured."""
    curtains, hole = cloud(), steps()
    out = filled(model, curtains, hole)
    assert ((out == CLEAR) | (out > -0.5)).all()
    for each, curtain in zip(out, curtains, strict=True):
        assert each.max() <= curtain[~hole].max() + 1e-6


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 8, 8)), r"\(batch, height, time, channels\).*\(2, 8, 8\)"),
        (np.zeros((2, 8, 8, 1)), r"the mask last.*\(2, 8, 8, 1\)"),
        (np.full((1, 8, 8, 2), np.nan), r"finite values.*128 of 128"),
        (np.full((1, 8, 8, 2), 2.0), r"mask between 0 and 1.*2 to 2"),
        (np.ones((1, 8, 8, 2)), r"measured gate above the hole.*8 columns"),
    ],
)
def test_inputs_that_do_not_fit(model, x, message):
    with pytest.raises(ModelError, match=f"{model.name}: .*{message}"):
        model.predict(x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: inpainting.MarchingAverage(window=0), "at least 1 gate.*window=0"),
        (lambda: inpainting.Linear(gates=1), "at least two gates.*gates=1"),
        (lambda: inpainting.Telea(radius=0.5), "at least 1 gate.*radius=0.5"),
    ],
)
def test_arguments_that_fill_nothing(make, message):
    with pytest.raises(ModelError, match=message):
        make()


def test_another_transform_has_another_clear_number():
    """Gray levels from -10 to 60 dBZ: 0 is clear, and nothing is snapped."""
    model = keras_wx.load("marching_average")
    gray = {"linear": {"low": -10, "high": 60}}
    sample = model.preset.sample.merged({"variables": {"reflectivity": {"transform": gray}}})
    model.preset = model.preset.model_copy(update={"sample": sample})
    curtains, hole = np.clip(cloud() + 0.5, 0, 1), steps()
    expected = [plain.marching_average(each, hole, 8) for each in curtains]
    np.testing.assert_allclose(filled(model, curtains, hole), expected, atol=1e-6)
    assert ((np.array(expected) > 0) & (np.array(expected) < 0.2))[:, hole].any()


# === Each against a plain version ===


def as_measured(numbers):
    return np.where(numbers <= -0.5, CLEAR, np.minimum(numbers, 1))


def test_repeat_by_hand():
    column = np.array([9.0, 9.0, 0.3, 0.1, CLEAR])
    hole = np.array([True, True, False, False, False])[:, None]
    out = filled(inpainting.Repeat(), column[None, :, None], hole)
    np.testing.assert_allclose(out[0, :, 0], [0.3, 0.3, 0.3, 0.1, CLEAR], rtol=1e-6)


def test_repeat():
    curtains, hole = cloud(), steps()
    expected = [plain.repeat(each, hole) for each in curtains]
    np.testing.assert_allclose(filled(inpainting.Repeat(), curtains, hole), expected, atol=1e-6)


@pytest.mark.parametrize("window", [1, 3, 8])
def test_marching_average(window):
    curtains, hole = cloud(), steps()
    expected = [as_measured(plain.marching_average(each, hole, window)) for each in curtains]
    out = filled(inpainting.MarchingAverage(window), curtains, hole)
    np.testing.assert_allclose(out, expected, atol=1e-6)


def test_marching_average_by_hand():
    """One column, mirrored: the first sweep sees row 2 alone, the second rows 1 and 1 again."""
    column = np.array([9.0, 9.0, 0.6, 0.2])
    hole = np.array([True, True, False, False])[:, None]
    out = filled(inpainting.MarchingAverage(window=1), column[None, :, None], hole)
    np.testing.assert_allclose(out[0, :, 0], [0.6, 0.6, 0.6, 0.2], rtol=1e-6)
    out = filled(inpainting.MarchingAverage(window=2), column[None, :, None], hole)
    # Row 1 sees rows 2 and 3; row 0 then rows 1 and 2, each also as its own mirror image.
    np.testing.assert_allclose(out[0, :, 0], [0.5, 0.4, 0.6, 0.2], rtol=1e-6)


@pytest.mark.parametrize("gates", [2, 5, 8])
def test_linear(gates):
    curtains, hole = cloud(), steps()
    edges = [each[~hole].max() for each in curtains]
    expected = [
        as_measured(np.minimum(plain.linear(each, hole, gates, -0.5), edge))
        for each, edge in zip(curtains, edges, strict=True)
    ]
    np.testing.assert_allclose(
        filled(inpainting.Linear(gates), curtains, hole), expected, atol=1e-5
    )


def test_linear_through_two_gates_is_scipys_extrapolation():
    rows, hole = np.arange(12), np.arange(12)[:, None] < 5
    profile = np.array([9, 9, 9, 9, 9, 0.20, 0.17, 0.30, 0.6, 0.1, -0.2, 0.0])
    peer = interp1d(rows[5:], profile[5:], kind="linear", fill_value="extrapolate")
    out = filled(inpainting.Linear(gates=2), profile[None, :, None], hole)
    np.testing.assert_allclose(out[0, :, 0], peer(rows), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "power", "sweeps"), [("laplace", 1, 2000), ("biharmonic", 2, 9000)]
)
def test_harmonic_surfaces_are_what_relaxation_comes_to(name, power, sweeps):
    curtain, hole = cloud()[0], steps()
    surface = plain.relaxed(curtain, hole, power, sweeps)
    surface = np.clip(surface, curtain[~hole].min(), curtain[~hole].max())
    out = filled(keras_wx.load(name), curtain[None], hole)[0]
    sure = np.abs(surface + 0.5) > 1e-3
    assert sure.mean() > 0.98
    np.testing.assert_allclose(out[sure], as_measured(surface)[sure], atol=2e-5)


def test_biharmonic_equals_scikit_image():
    golden = np.load(GOLDEN)
    model = inpainting.Biharmonic()
    model.snap = lambda numbers: numbers
    out = filled(model, golden["curtain"][None], golden["hole"])[0]
    np.testing.assert_allclose(out, golden["filled"], atol=1e-5)


@pytest.mark.parametrize(("name", "method"), [("navier_stokes", 0), ("telea", 1)])
def test_photographs_are_opencvs(name, method):
    """To rounding: a photograph has whole gray levels."""
    import cv2

    curtains, hole = cloud(), steps()
    assert (cv2.INPAINT_NS, cv2.INPAINT_TELEA) == (0, 1)
    out = filled(keras_wx.load(name), curtains, hole)
    for each, curtain in zip(out, curtains, strict=True):
        photo = np.round(127.5 * (curtain + 1)).astype("uint8")
        photo[hole] = 0
        peer = cv2.inpaint(photo, hole.astype("uint8"), 16, method) / 127.5 - 1
        sure = hole & (np.abs(peer + 0.5) > 0.05)
        error = (each - as_measured(np.clip(peer, -1, curtain[~hole].max())))[sure]
        assert sure.sum() > 0.8 * hole.sum()
        # One level is 0.008.
        assert np.abs(error).max() < 0.04
        assert np.abs(error).mean() < 0.012
