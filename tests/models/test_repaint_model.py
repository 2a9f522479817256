"""Repaint: what it is trained on, what it draws into gaps, and what it leaves as it is."""

import keras
import numpy as np
import pytest
import xarray as xr
from jax_process import run_under_jax
from keras import ops

import keras_wx
from keras_wx import diffusion
from keras_wx.data import conform
from keras_wx.errors import ModelError
from keras_wx.inference.network import seeded
from keras_wx.models.diffusion import Repaint

SCHEDULE = diffusion.CosineSchedule(steps=50)
CONFIG = Repaint.tiny | {"widths": [8], "encoder_attention": []}
JUMPS = {"jump_length": 2, "resamplings": 2}


def model_of(**config) -> Repaint:
    model = Repaint(**CONFIG | config)
    rng = np.random.default_rng(0)
    model.set_weights([w + 0.1 * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def model():
    return model_of()


def gappy(targets: int = 1, seed: int = 0) -> np.ndarray:
    """Maps `(2, 6, 10, targets + 1)` with a mask: a hole in each, and its rim on a ramp."""
    x = np.random.default_rng(seed).normal(size=(2, 6, 10, targets + 1)).astype("float32")
    x[..., -1] = 0
    x[0, :3, :, -1] = 1
    x[0, 3, :, -1] = 0.5
    x[1, 1:4, 2:7, -1] = 1
    return x


# === Drawing ===


def test_gaps_are_what_repaint_draws_and_the_rest_is_untouched(model):
    """The algorithm itself is tested in tests/diffusion/test_repaint.py."""
    x = gappy()
    noise = np.random.default_rng(1).normal(size=(2, 2, 6, 10, 1)).astype("float32")
    with seeded(model, 3):
        given = model.sample(x, noise=noise, members=2)
    with seeded(model, 3):
        expected = diffusion.repaint(
            lambda field, times: model.network([field, times]),
            noise.reshape(4, 6, 10, 1),
            np.concatenate([x[..., :1]] * 2),
            np.concatenate([x[..., 1:] < 1] * 2),
            SCHEDULE,
            diffusion.DDPM(),
            5,
            prediction="epsilon",
            seed=model.seed_generator,
            **JUMPS,
        )
    np.testing.assert_allclose(given.reshape(4, 6, 10, 1), expected, rtol=1e-3, atol=1e-3)
    gaps = x[..., -1] == 1
    for member in given:
        np.testing.assert_array_equal(member[~gaps], x[..., :1][~gaps])
        assert np.abs(member[gaps] - x[..., :1][gaps]).min() > 0
    assert np.abs(given[0] - given[1])[gaps].std() > 0.1


def test_what_lies_in_a_gap_is_of_no_consequence(model):
    x = gappy()
    other = x.copy()
    other[..., 0] += 100 * (x[..., 1] == 1)
    fields = []
    for maps in (x, other):
        with seeded(model, 3):
            fields.append(np.asarray(model(maps)))
    np.testing.assert_array_equal(*fields)


def test_measurements_keep_every_bit_in_low_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    x = gappy()
    try:
        model = model_of()
        fields = np.asarray(model(x)), model.sample(x)[0]
    finally:
        keras.config.set_dtype_policy("float32")
    known = x[..., -1] < 1
    for field in fields:
        assert field.dtype == np.float32
        np.testing.assert_array_equal(field[known], x[..., :1][known])


def test_maps_of_other_channels(model):
    with pytest.raises(ModelError, match=r"2 channels.*\(1, 6, 10, 4\).*targets="):
        model(np.zeros((1, 6, 10, 4)))


class Denoiser(keras.layers.Layer):
    """The exact denoiser of columns of correlated normal numbers, in the place of a network."""

    def __init__(self, mean: np.ndarray, covariance: np.ndarray, schedule: diffusion.Schedule):
        super().__init__(autocast=False)
        self.schedule = schedule
        self.mean = mean.astype("float32")
        values, vectors = np.linalg.eigh(covariance)
        self.values, self.vectors = values.astype("float32"), vectors.astype("float32")

    def call(self, given):
        field, times = given
        alpha, sigma = (ops.reshape(v, (-1, 1)) for v in self.schedule.alpha_sigma(times))
        along = ops.matmul(field[:, :, 0, 0] - alpha * self.mean, self.vectors)
        along = along * alpha * self.values / (alpha**2 * self.values + sigma**2)
        clean = self.mean + ops.matmul(along, self.vectors.T)
        return clean[:, :, None, None]


def test_samples_have_the_moments_of_the_gap_given_the_rest():
    """Of three gates `x ~ N(mean, covariance)` the upper two are measured:
    `E[x0 | x12] = m0 + c01 c11^-1 (x12 - m12)`, `Var = c00 - c01 c11^-1 c10`."""
    mean = np.array([0.2, -0.3, 0.1])
    distance = np.abs(np.subtract.outer(np.arange(3), np.arange(3)))
    covariance = 0.5 * 0.7**distance
    seen = np.array([1.0, -0.5])
    gain = covariance[0, 1:] @ np.linalg.inv(covariance[1:, 1:])
    expected = mean[0] + gain @ (seen - mean[1:])
    spread = np.sqrt(covariance[0, 0] - gain @ covariance[1:, 0])
    model = Repaint(
        **CONFIG
        | {
            "prediction": "x0",
            "schedule": {"name": "cosine", "steps": 100},
            "sampler": {"name": "ddpm", "steps": 100, "variance": "fixed_large"},
            "jump_length": 5,
            "resamplings": 40,
        }
    )
    model.network = Denoiser(mean, covariance, diffusion.CosineSchedule(steps=100))
    x = np.zeros((2000, 3, 1, 2), "float32")
    x[:, 1:, 0, 0], x[:, 0, 0, 1] = seen, 1
    x[:, 0, 0, 0] = 1e3
    with seeded(model, 0):
        drawn = model.sample(x)[0, :, :, 0, 0]
    np.testing.assert_array_equal(drawn[:, 1:], np.broadcast_to(seen, (2000, 2)))
    # So many steps leave 0.046 of the mean, by the algorithm's own formulas; a gap that knows
    # nothing of the rest would be 0.91 off.
    assert drawn[:, 0].mean() == pytest.approx(expected, abs=0.09)
    assert drawn[:, 0].std() == pytest.approx(spread, rel=0.06)


# === Training ===


def test_the_loss_is_that_of_whole_fields(model):
    """Plain NumPy; the input says nothing, the mask of a curtain's samples leaves nothing out."""
    x, y = gappy(), np.random.default_rng(5).normal(size=(2, 6, 10, 1)).astype("float32")
    with seeded(model, 7):
        drawn = diffusion.draw(model.seed_generator, y, SCHEDULE)
    predicted = np.asarray(model.network([drawn.x_t, drawn.times]))
    error = (predicted - np.asarray(drawn.noise)) ** 2
    losses = []
    for maps, weight in ((x, None), (gappy(seed=9), None), (x, x[..., -1])):
        with seeded(model, 7):
            losses.append(float(model.compute_loss(maps, y, None, weight)))
    assert losses == pytest.approx([error.mean()] * 3, rel=1e-5)


def test_what_is_missing_from_the_target_has_no_loss(model):
    """Within the mask a weight of 0 says so, of curtains and of maps."""
    x, y = gappy(), np.random.default_rng(5).normal(size=(2, 6, 10, 1)).astype("float32")
    weight = x[..., -1].copy()
    weight[0, 0] = 0
    other = y.copy()
    other[0, 0] += 50
    valid = np.ones((2, 6, 10))
    valid[0, 0] = 0
    with seeded(model, 7):
        drawn = diffusion.draw(model.seed_generator, y, SCHEDULE)
    predicted = np.asarray(model.network([drawn.x_t, drawn.times]))
    error = (predicted - np.asarray(drawn.noise))[..., 0] ** 2
    with seeded(model, 7):
        given = float(model.compute_loss(x, y, None, weight))
    assert given == pytest.approx(np.average(error, weights=valid), rel=1e-5)


# === Curtains and maps, from datasets ===


def small(name: str, **sample):
    return keras_wx.load(name, weights=None, **CONFIG, sample=sample)


@pytest.mark.slow
def test_a_curtain_from_training_to_an_ensemble():
    curtain = keras_wx.open_dataset("synthetic_curtain", columns=512, events=4, seed=3)
    model = small("repaint_curtain_small", grids={"curtain": {"shape": [128, 16]}})
    train = keras_wx.samples(curtain, model.preset, split="train", batch_size=4)
    x, y, _ = train[0]
    np.testing.assert_array_equal(x[..., :1], y)  # whole fields
    assert set(np.unique(x[..., 1])) == {0, 1}
    model.fit(train, steps_per_epoch=1, verbose=0)
    scene = curtain.isel(time=slice(0, 40))
    hidden = scene.copy(deep=True)
    hidden["reflectivity"] = hidden.reflectivity.where(hidden.height >= 1250)
    filled = keras_wx.predict(model, hidden, members=2)
    assert filled.reflectivity.dims == ("realization", "time", "height")
    known = (filled.blind_zone == 0).values
    assert 0 < known.mean() < 1
    for member in filled.reflectivity.values:
        np.testing.assert_array_equal(member[known], scene.reflectivity.values[known])
        assert np.isfinite(member).all()
    assert (filled.reflectivity.std("realization").values[~known] > 0).mean() > 0.1
    # Busy processors sum in another order, and a hundred steps magnify it.
    again = keras_wx.predict(model, hidden, members=2)
    np.testing.assert_allclose(again.reflectivity, filled.reflectivity, atol=0.1)


def rain_with_gaps() -> xr.Dataset:
    """Hours of showers on 0.02 degrees with a sector that no radar sees, in two of them."""
    rng = np.random.default_rng(2)
    rain = rng.gamma(0.3, 4, (6, 20, 24)).astype("float32")
    rain[:, 12:, 14:] = np.nan
    rain[5] = 3.0
    return xr.Dataset(
        {"rain_rate": (("time", "lat", "lon"), rain, {"units": "mm h-1"})},
        {
            "time": np.datetime64("2016-09-20T00", "ns") + np.arange(6) * np.timedelta64(1, "h"),
            "lat": ("lat", 30 + 0.02 * np.arange(20), {"units": "degrees_north"}),
            "lon": ("lon", -90 + 0.02 * np.arange(24), {"units": "degrees_east"}),
        },
    )


def test_a_mask_of_maps_is_where_they_are_missing():
    rain = rain_with_gaps()
    preset = keras_wx.info("repaint_mrms")
    data = conform(rain, preset.sample)
    np.testing.assert_array_equal(data.gap, np.isnan(rain.rain_rate))
    assert data.gap.attrs["units"] == "1"
    own = rain.assign(gap=xr.zeros_like(rain.rain_rate).assign_attrs(units="1"))
    assert not conform(own, preset.sample).gap.any()


@pytest.mark.slow
def test_maps_with_gaps_from_training_to_an_ensemble(tmp_path):
    rain = rain_with_gaps()
    model = small("repaint_mrms", grids={"map": {"shape": [16, 16]}})
    train = keras_wx.samples(rain, model.preset, split="all", batch_size=4, min_rain_fraction=0)
    x, _, weight = train[0]
    assert x.shape == (4, 16, 16, 2)
    np.testing.assert_array_equal(weight, 1 - x[..., 1])
    model.fit(train, steps_per_epoch=1, verbose=0)
    filled = keras_wx.predict(model, rain, members=2)
    assert filled.rain_rate.dims == ("realization", "time", "lat", "lon")
    assert filled.attrs["title"] == "rain_rate with its gaps filled by repaint_mrms"
    gaps = np.isnan(rain.rain_rate.values)
    for member in filled.rain_rate.values:
        np.testing.assert_array_equal(member[~gaps], rain.rain_rate.values[~gaps])
        assert np.isfinite(member).all()
    drawn = filled.rain_rate.values[:, gaps]
    assert drawn.min() > 0
    assert drawn.std(axis=0).min() > 0
    stored = keras_wx.predict(model, rain, members=2, path=tmp_path / "filled.zarr")
    np.testing.assert_array_equal(stored.rain_rate, filled.rain_rate)


# === Configurations ===


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"sampler": {"name": "dpm_solver", "steps": 10}}, "'ddpm' or 'ddim'"),
        ({"sampler": {"name": "ddpm"}}, "steps"),
        ({"resamplings": 0}, "at least 1"),
    ],
)
def test_bad_configuration(config, message):
    with pytest.raises(ModelError, match=message):
        Repaint(**CONFIG | config)


def test_tiles_are_those_of_the_configuration():
    model = Repaint(**CONFIG | {"height": 128, "width": 64})
    assert model.inputs[0].shape == (None, 128, 64, 2)
    assert Repaint.from_config(model.get_config()).get_config() == model.get_config()


def test_export_of_repaint_is_refused(tmp_path):
    model = small("repaint_curtain_small")
    with pytest.raises(ModelError, match="draws"):
        keras_wx.export(model, tmp_path / "model")


# === JAX ===


@pytest.mark.slow
def test_repaint_under_jax(tmp_path):
    """The backends draw other noise around a gap, also where sampler and jumps draw none: so they
    are compared where nothing is known, and where something is by what comes back."""
    model = model_of(sampler={"name": "ddim", "steps": 4}, resamplings=1)
    x = gappy()
    x[0, ..., -1] = 1
    noise = np.random.default_rng(1).normal(size=(1, 2, 6, 10, 1)).astype("float32")
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "drawn.npz", x=x, noise=noise, y=model.sample(x, noise=noise))
    run_under_jax(__file__.replace("test_repaint_model.py", "jax_repaint.py"), tmp_path)
