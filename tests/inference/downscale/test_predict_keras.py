"""`predict` of downscaling networks in Keras, as they are built and as workers get them."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
import xarray as xr
from keras import layers
from small_pairs import kelvin, make_pair, preset_of

import keras_wx
from keras_wx.data.conform import conform
from keras_wx.data.downscale import Fields
from keras_wx.inference.downscale import cluster, reconstruct

CHANNELS = 6  # three lags, the coarse field, elevation, the day of the season
TILES = {"tile": 8, "overlap": 5, "halo": 2}


def convolutions(**options) -> keras.Model:
    """Two 3 x 3 convolutions: what lies two points away has an effect, and no further."""
    keras.utils.set_random_seed(1)
    x = keras.Input((None, None, CHANNELS))
    y = layers.Conv2D(4, 3, padding="same", activation="tanh")(x)
    model = keras.Model(x, layers.Conv2D(1, 3, padding="same")(y), name="convolutions")
    model.preset = preset_of(**options)
    return model


@keras.saving.register_keras_serializable(package="tests")
class Drawing(keras.Model):
    """Draws at random by itself, tile by tile."""

    stochastic = True

    def __init__(self, name=None):
        super().__init__(name=name)
        self.scale = layers.Dense(1, use_bias=False)
        self.seed_generator = keras.random.SeedGenerator(0)
        self.scale.build((None, None, None, CHANNELS))
        self.built = True
        self.preset = preset_of()

    def call(self, x):
        noise = keras.random.normal(keras.ops.shape(x), seed=self.seed_generator)
        return self.scale(x + noise)

    def get_config(self):
        return {"name": self.name}


def test_equals_the_whole_domain_where_the_halo_is_what_a_network_sees():
    pair, model = make_pair(5, shape=(20, 17)), convolutions()
    stitched = keras_wx.predict(model, pair, **TILES)
    fields = Fields(conform(pair, model.preset.sample), model.preset.sample)
    x, _ = fields.x(np.array([3, 4]), np.zeros((2, 2), int), (20, 17))
    expected = kelvin(model.predict(x, verbose=0)[..., 0])
    np.testing.assert_allclose(stitched.air, expected, atol=1e-3)
    seams = keras_wx.predict(model, pair, tile=8, overlap=0, halo=0)
    assert abs(seams.air - expected).max() > 0.1


@pytest.mark.parametrize("model", [convolutions(), Drawing()], ids=["functional", "drawing"])
def test_a_worker_makes_the_same_numbers(model, tmp_path, monkeypatch):
    pair = make_pair(6)
    kept = {}
    monkeypatch.setattr(
        cluster, "run", lambda client, *parts: kept.update(parts=parts) or _work(*parts)
    )

    def _work(model, order, outline, path, waiting, count):
        parcel = pickle.loads(pickle.dumps(cluster.Parcel(model, order, outline, path)))
        maker, results = parcel.open()
        for job in (job for jobs in waiting for job in jobs):
            results.write(job, maker.make(job))

    members = {"members": 3} if getattr(model, "stochastic", False) else {}
    options = {"history": "own", "seed": 4, **members, **TILES}
    sent = keras_wx.predict(model, pair, path=tmp_path / "a.zarr", client=object(), **options)
    xr.testing.assert_identical(sent.load(), keras_wx.predict(model, pair, **options))
    assert kept


def test_draws_follow_from_the_seed_and_leave_the_model_as_it_was():
    pair, model = make_pair(6), Drawing()
    before = np.array(model.seed_generator.state)
    first = keras_wx.predict(model, pair, seed=1, members=2, **TILES)
    np.testing.assert_array_equal(model.seed_generator.state, before)
    xr.testing.assert_identical(keras_wx.predict(model, pair, seed=1, members=2, **TILES), first)
    other = keras_wx.predict(model, pair, seed=2, members=2, **TILES)
    assert float(abs(other.air - first.air).max()) > 0.1
    assert float(abs(first.air[0] - first.air[1]).max()) > 0.1
    assert first.attrs["seed"] == 1


def test_a_network_for_one_grid_takes_no_other_tile():
    x = keras.Input((8, 8, CHANNELS))
    model = keras.Model(x, layers.Conv2D(1, 1)(x), name="fixed")
    model.preset = preset_of((8, 8))
    assert keras_wx.predict(model, make_pair(4)).air.shape == (1, 12, 14)
    with pytest.raises(keras_wx.errors.ModelError, match="takes no other"):
        keras_wx.predict(model, make_pair(4), tile=12)


class Begun(Exception):
    pass


def test_the_model_and_the_options_are_part_of_a_run_s_mark(monkeypatch):
    """Another weight, day, value or tiling is another run."""
    pair, model = make_pair(5), convolutions()

    def begin(path, outline, plan, run):
        raise Begun(run)

    monkeypatch.setattr(reconstruct.InZarr, "begin", begin)

    def mark(pair, **options):
        with pytest.raises(Begun) as begun:
            keras_wx.predict(model, pair, path="never.zarr", **TILES | options)
        return str(begun.value)

    marks = {mark(pair)}
    assert mark(make_pair(5)) in marks
    marks.add(mark(pair.isel(time=slice(1, None))))
    marks.add(mark(pair.assign(coarse_air=(pair.coarse_air + 1).assign_attrs(units="K"))))
    last = pair.coarse_air.where(pair.time != pair.time[-1], 280.0).assign_attrs(units="K")
    marks.add(mark(pair.assign(coarse_air=last)))
    marks.add(mark(pair, history="own"))
    begins = pair.air.where(pair.time != pair.time[0], 280.0).assign_attrs(units="K")
    marks.add(mark(pair.assign(air=begins), history="own"))
    marks.add(mark(pair, halo=1))
    model.set_weights([weight + 0.1 for weight in model.get_weights()])
    marks.add(mark(pair))
    monkeypatch.setattr(keras.backend, "backend", lambda: "another")
    marks.add(mark(pair))
    assert len(marks) == 9
