"""Batches for `fit`, against plain slices of the same arrays."""

from __future__ import annotations

import re
import warnings
from datetime import timedelta

import keras
import numpy as np
import pytest
import xarray as xr
from samples_fields import make_dataset, make_sample, make_times

import keras_wx
from keras_wx.data import frames as frames_module
from keras_wx.data.augment import Pose
from keras_wx.data.samples import samples
from keras_wx.errors import DataError, UnknownNameError
from keras_wx.spec import Preset, RainFilter, Sample, Training


def windows(batches) -> tuple[np.ndarray, ...]:
    """All windows of an epoch, each array concatenated along the batch axis."""
    return tuple(np.concatenate(arrays) for arrays in zip(*batches, strict=True))


def first_pixels(x: np.ndarray) -> np.ndarray:
    """Tells windows apart: the values of the fields are random."""
    return x[:, 0, 0, 0, 0]


class TestWindows:
    def test_values_shapes_and_init_times(self):
        dataset = make_dataset(12, (6, 4), jumps=(7,))
        found = samples(dataset, make_sample((6, 4)), split=None, batch_size=2)
        gray = dataset["reflectivity"].values / 60
        # Frames 0 to 6 hold three windows of five frames, frames 7 to 11 one.
        starts = [0, 1, 2, 7]
        x, y = windows(found)
        assert x.shape == (4, 3, 6, 4, 1)
        assert y.shape == (4, 2, 6, 4, 1)
        assert x.dtype == y.dtype == np.float32
        for window, start in enumerate(starts):
            np.testing.assert_allclose(x[window, ..., 0], gray[start : start + 3], rtol=1e-6)
            np.testing.assert_allclose(y[window, ..., 0], gray[start + 3 : start + 5], rtol=1e-6)
        times = dataset["time"].values
        np.testing.assert_array_equal(found.init_times, times[[2, 3, 4, 9]])

    @pytest.mark.parametrize("seed", range(10))
    def test_splits_share_no_frame(self, seed):
        rng = np.random.default_rng(seed)
        length = int(rng.integers(100, 200))
        jumps = tuple(np.flatnonzero(rng.random(length - 1) < 0.02) + 1)
        dataset = make_dataset(length, (2, 2), jumps=jumps, seed=seed)
        seen = {}
        for split in ("train", "val", "test"):
            found = samples(dataset, make_sample((2, 2)), split=split)
            x, y = windows(found)
            seen[split] = set(np.concatenate([x, y], axis=1)[..., 0, 0, 0].ravel().tolist())
        assert not seen["train"] & seen["val"]
        assert not seen["val"] & seen["test"]
        assert not seen["train"] & seen["test"]

    def test_a_part_is_used_to_its_last_frame(self):
        dataset = make_dataset(100)
        options = {"splits": (0.7, 0.15, 0.15), "gap": timedelta(0)}
        for split, first, end in (("train", 0, 70), ("val", 70, 85), ("test", 85, 100)):
            found = samples(dataset, make_sample(), split=split, **options)
            assert found.selection.starts.tolist() == list(range(first, end - 4))

    def test_stride(self):
        dataset = make_dataset(40, jumps=(20,))
        found = samples(dataset, make_sample(), split=None, stride=5)
        assert found.selection.starts.tolist() == [0, 5, 10, 15, 20, 25, 30, 35]

    def test_batches(self):
        dataset = make_dataset(15)  # eleven windows
        sizes = [len(x) for x, _ in samples(dataset, make_sample(), split=None, batch_size=4)]
        assert sizes == [4, 4, 3]
        whole = samples(dataset, make_sample(), split=None, batch_size=4, drop_remainder=True)
        assert [len(x) for x, _ in whole] == [4, 4]
        with pytest.raises(IndexError):
            whole[2]
        with pytest.raises(DataError, match=r"11 windows make no whole batch of 12.*batch_size=11"):
            samples(dataset, make_sample(), split=None, batch_size=12, drop_remainder=True)

    def test_variables_of_one_grid_are_channels(self):
        dataset = make_dataset(10)
        dataset["terrain"] = ("y", "x"), np.arange(36.0).reshape(6, 6), {"units": "m"}
        dataset["wind"] = dataset["reflectivity"].copy(data=dataset["reflectivity"] * 2)
        dataset["wind"].attrs["units"] = "m s-1"
        base = make_sample().model_dump()
        wind = base["variables"][0] | {"name": "wind", "units": "m s-1", "transform": None}
        terrain = {"name": "terrain", "units": "m", "role": "static", "grid": "radar"}
        base["variables"] = [terrain, *base["variables"], wind]
        x, y = windows(samples(dataset, Sample.model_validate(base), split=None))
        assert x.shape == (6, 3, 6, 6, 3)
        assert y.shape == (6, 2, 6, 6, 1)
        np.testing.assert_allclose(x[..., 1], x[..., 0] * 120, rtol=1e-5)
        assert (x[..., 2] == np.arange(36.0).reshape(6, 6)).all()

    def test_inputs_that_differ_in_steps_are_a_dict(self):
        dataset = make_dataset(10)
        dataset["wind"] = dataset["reflectivity"] * 2
        dataset["wind"].attrs["units"] = "m s-1"
        base = make_sample().model_dump()
        base["variables"] += (
            base["variables"][0]
            | {"name": "wind", "units": "m s-1", "transform": None, "steps": (0, 0)},
        )
        x, y = samples(dataset, Sample.model_validate(base), split=None)[0]
        assert x["reflectivity"].shape == (6, 3, 6, 6, 1)
        assert x["wind"].shape == (6, 1, 6, 6, 1)
        assert y.shape == (6, 2, 6, 6, 1)
        np.testing.assert_allclose(x["wind"][:, 0], x["reflectivity"][:, 2] * 120, rtol=1e-5)


class TestOrder:
    def test_training_is_shuffled_and_evaluation_is_not(self):
        dataset, sample = make_dataset(200, (2, 2)), make_sample((2, 2))
        gray = dataset["reflectivity"].values[:, 0, 0] / 60
        val = samples(dataset, sample, split="val")
        np.testing.assert_allclose(
            first_pixels(windows(val)[0]), gray[val.selection.starts], rtol=1e-6
        )
        train = samples(dataset, sample, split="train")
        seen = first_pixels(windows(train)[0])
        expected = gray[train.selection.starts]
        assert not np.allclose(seen, expected)
        np.testing.assert_allclose(np.sort(seen), np.sort(expected), rtol=1e-6)

    def test_the_order_follows_from_seed_and_epoch(self):
        def epoch(seed, epoch):
            train = samples(dataset, sample, split="train", seed=seed, augment=("flip",))
            train.epoch = epoch
            return windows(train)[0]

        dataset, sample = make_dataset(100), make_sample()
        running = samples(dataset, sample, split="train", seed=5, augment=("flip",))
        epochs = []
        for _ in range(3):
            epochs.append(windows(running)[0])
            running.on_epoch_end()
        assert not np.array_equal(epochs[0], epochs[1])
        for number, seen in enumerate(epochs):
            np.testing.assert_array_equal(seen, epoch(5, number))
        assert not np.array_equal(epochs[0], epoch(6, 0))

    def test_the_same_windows_are_turned_anew_each_epoch(self):
        train = samples(
            make_dataset(60),
            make_sample(),
            split="train",
            shuffle=False,
            augment=("flip", "rotate"),
        )
        first = windows(train)[0]
        train.on_epoch_end()
        second = windows(train)[0]
        np.testing.assert_allclose(first.mean(axis=(2, 3)), second.mean(axis=(2, 3)), rtol=1e-4)
        assert not np.array_equal(first, second)

    def test_batches_may_be_asked_for_in_any_order_by_threads(self):
        from concurrent.futures import ThreadPoolExecutor

        dataset, sample = make_dataset(120).chunk(time=10), make_sample()
        options = {"split": "train", "batch_size": 4, "augment": ("flip", "rotate")}
        alone = list(samples(dataset, sample, **options))
        shared = samples(dataset, sample, **options)
        with ThreadPoolExecutor(6) as pool:
            together = list(pool.map(shared.__getitem__, range(len(shared))))
        for (x, y, w), (x2, y2, w2) in zip(alone, together, strict=True):
            np.testing.assert_array_equal(x, x2)
            np.testing.assert_array_equal(y, y2)
            np.testing.assert_array_equal(w, w2)


class TestMissing:
    def test_weights_where_targets_are_missing_and_fill_where_anything_is(self):
        dataset = make_dataset(10)
        dataset["reflectivity"][4, 1, 2] = np.nan
        x, y, weight = windows(samples(dataset, make_sample(fill=6.0), split=None))
        assert weight.shape == (6, 2, 6, 6)
        assert weight.dtype == np.float32
        # Frame 4 is the second target of window 0, the first of window 1, an input of 2, 3, 4.
        missing = np.argwhere(weight == 0).tolist()
        assert missing == [[0, 1, 1, 2], [1, 0, 1, 2]]
        assert y[0, 1, 1, 2, 0] == y[1, 0, 1, 2, 0] == np.float32(0.1)
        assert [x[2, 2, 1, 2, 0], x[3, 1, 1, 2, 0], x[4, 0, 1, 2, 0]] == [np.float32(0.1)] * 3
        assert np.isfinite(x).all()
        assert np.isfinite(y).all()

    def test_no_weights_where_nothing_can_be_missing(self):
        assert len(samples(make_dataset(), make_sample(), split=None)[0]) == 2
        lazy = make_dataset().chunk(time=5)
        assert len(samples(lazy, make_sample(fill=0), split=None)[0]) == 3

    def test_nan_without_a_fill(self):
        dataset = make_dataset(10)
        dataset["reflectivity"][4, 1, 2] = np.nan
        message = (
            r"NaN without a mask: variable 'reflectivity' \(input\) has missing values "
            r"at 2016-01-01T00:20:00.*`fill`.*dBZ"
        )
        with pytest.raises(DataError, match=message):
            samples(dataset, make_sample(), split=None)
        lazy = samples(dataset.chunk(time=5), make_sample(), split=None)
        with pytest.raises(DataError, match=message):
            list(lazy)

    def test_nan_outside_of_every_window_is_none_of_our_business(self):
        dataset = make_dataset(14, jumps=(10, 12))
        dataset["reflectivity"][11] = np.nan
        assert len(samples(dataset, make_sample(), split=None)) == 1

    def test_keras_makes_the_masked_mean_of_the_weights(self):
        dataset = make_dataset(20)
        dataset["reflectivity"][:, :2] = np.nan
        found = samples(dataset, make_sample(fill=0.0), split=None, batch_size=16)
        x, y, weight = found[0]
        model = tiny_model()
        model.compile(loss=keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"))
        errors = np.square(model.predict(x, verbose=0) - y)[..., 0]
        assert 0 < (weight == 0).mean() < 1
        assert model.evaluate(found, verbose=0) == pytest.approx(errors[weight == 1].mean(), 1e-4)


class TestRainFilter:
    def make(self):
        dataset = make_dataset(12, (2, 2))
        dataset["reflectivity"][:] = 0.0
        dataset["reflectivity"][5, :, 0] = 20.0  # half of one frame
        return dataset

    def test_mean_fraction_over_the_window(self):
        rain = RainFilter(above=10, min_fraction=0.1)
        found = samples(self.make(), make_sample((2, 2), filter=rain), split=None)
        # Exactly a tenth of the five frames of each window that holds frame 5.
        assert found.selection.starts.tolist() == [1, 2, 3, 4, 5]
        assert found.selection.dry == 3
        with pytest.raises(DataError, match=r"8 windows dropped by the rain filter. It wants 11%"):
            samples(
                self.make(), make_sample((2, 2), filter=rain), split=None, min_rain_fraction=0.11
            )

    def test_the_threshold_itself_is_not_above_it(self):
        with pytest.raises(DataError, match="rain filter"):
            samples(
                self.make(),
                make_sample((2, 2)),
                split=None,
                filter=RainFilter(above=20, min_fraction=0.01),
            )

    def test_zero_switches_it_off_and_missing_is_not_rain(self):
        rain = RainFilter(above=10, min_fraction=0.1)
        sample = make_sample((2, 2), filter=rain, fill=0.0)
        assert len(samples(self.make(), sample, split=None, min_rain_fraction=0).init_times) == 8
        missing = self.make()
        missing["reflectivity"][5] = np.nan
        with pytest.raises(DataError, match="rain filter"):
            samples(missing, sample, split=None)

    def test_chunks_give_the_same(self, monkeypatch):
        monkeypatch.setattr(frames_module, "BLOCK_BYTES", 1)
        dataset = make_dataset(60, seed=2)
        rain = RainFilter(above=30, min_fraction=0.5)
        options = {"split": None, "filter": rain}
        whole = samples(dataset, make_sample(), **options)
        chunked = samples(dataset.chunk(time=7), make_sample(fill=0), **options)
        assert 0 < whole.selection.dry < 56
        np.testing.assert_array_equal(whole.selection.starts, chunked.selection.starts)

    def test_fraction_without_threshold(self):
        with pytest.raises(DataError, match="min_rain_fraction: the preset says no threshold"):
            samples(self.make(), make_sample((2, 2)), split=None, min_rain_fraction=0.1)
        with pytest.raises(DataError, match="from 0 to 1"):
            samples(self.make(), make_sample((2, 2)), split=None, min_rain_fraction=5)


class TestCropAndAugment:
    def test_the_centre_for_evaluation(self):
        dataset = make_dataset(10, (10, 8))
        x, _ = windows(samples(dataset, make_sample((4, 6)), split=None))
        np.testing.assert_allclose(
            x[0, ..., 0], dataset["reflectivity"].values[:3, 3:7, 1:7] / 60, rtol=1e-6
        )

    def test_random_crops_are_the_same_for_x_y_and_weights(self):
        dataset = make_dataset(30, (9, 9))
        dataset["reflectivity"][:, 2, 3] = np.nan
        options = {"split": "train", "splits": {"train": (None, None)}, "shuffle": False}
        found = samples(dataset, make_sample((4, 4), fill=0), augment=("flip", "rotate"), **options)
        values = dataset["reflectivity"].values / 60
        corners = set()
        for start, x, y, weight in zip(found.selection.starts, *windows(found), strict=True):
            window = np.concatenate([x, y])[..., 0]
            pose = next(p for p in all_poses() if matches(window, values[start : start + 5], p))
            corners.add((pose.row, pose.column))
            frames = values[start + 3 : start + 5]
            np.testing.assert_array_equal(weight, pose.apply(~np.isnan(frames), (4, 4)))
        assert len(corners) > 10

    def test_evaluation_is_never_augmented(self):
        dataset = make_dataset(100)
        training = Training(loss="mse", optimizer="adam", augment=("flip", "rotate"), batch_size=3)
        preset = Preset(
            name="tiny",
            title="Tiny",
            task="nowcast",
            architecture="none",
            sample=make_sample(),
            training=training,
        )
        assert samples(dataset, preset, split="train").batch_size == 3
        gray = dataset["reflectivity"].values / 60
        for split in ("val", "test", None):
            found = samples(dataset, preset, split=split)
            for start, x in zip(found.selection.starts, windows(found)[0], strict=True):
                np.testing.assert_allclose(x[..., 0], gray[start : start + 3], rtol=1e-6)
        train = samples(dataset, preset, split="train", shuffle=False)
        as_it_is = [
            np.allclose(x[..., 0], gray[start : start + 3])
            for start, x in zip(train.selection.starts, windows(train)[0], strict=True)
        ]
        assert 0 < sum(as_it_is) < len(as_it_is) / 3

    def test_the_whole_grid_less_what_patches_do_not_divide(self):
        sample = make_sample((None, None))
        grid = sample.grids["radar"].model_copy(update={"multiple": 4})
        sample = sample.model_copy(update={"grids": {"radar": grid}})
        dataset = make_dataset(10, (9, 7))
        x, _ = samples(dataset, sample, split=None, crop=None)[0]
        # Rows 0 to 7 of 9 and columns 1 to 4 of 7: what is left over is shared by both sides.
        expected = dataset["reflectivity"].values[:3, 0:8, 1:5] / 60
        np.testing.assert_allclose(x[0, ..., 0], expected, rtol=1e-6)

    def test_quarter_turns_of_the_preset_are_left_out_where_the_grid_is_no_square(self):
        preset = Preset(
            name="tiny",
            title="Tiny",
            task="nowcast",
            architecture="none",
            sample=make_sample((4, 6)),
            training=Training(loss="mse", optimizer="adam", augment=("rotate",), batch_size=3),
        )
        dataset = make_dataset(100, (4, 6))
        found = samples(dataset, preset, split="train", shuffle=False)
        gray = dataset["reflectivity"].values / 60
        for start, x in zip(found.selection.starts, windows(found)[0], strict=True):
            np.testing.assert_allclose(x[..., 0], gray[start : start + 3], rtol=1e-6)

    def test_the_whole_grid(self):
        x, _ = samples(make_dataset(10, (9, 8)), make_sample((4, 4)), split=None, crop=None)[0]
        assert x.shape[2:4] == (9, 8)
        x, _ = samples(make_dataset(30, (9, 8)), make_sample((None, None)), split="train")[0]
        assert x.shape[2:4] == (9, 8)

    def test_data_smaller_than_the_grid(self):
        with pytest.raises(DataError, match=r"grid of 8 x 8, the data have 6 x 6. crop=None"):
            samples(make_dataset(10), make_sample((8, 8)), split=None)

    def test_turning_what_is_not_square(self):
        with pytest.raises(DataError, match="square grid"):
            samples(make_dataset(10, (6, 5)), make_sample((6, 5)), split=None, augment=("rotate",))


def all_poses():
    for row in range(6):
        for column in range(6):
            for flip in (False, True):
                for mirror in (False, True):
                    for turns in range(4):
                        yield Pose(row, column, flip, mirror, turns)


def matches(window, frames, pose) -> bool:
    expected = np.nan_to_num(pose.apply(frames, window.shape[1:]))
    return np.allclose(window, expected, rtol=1e-5)


class TestLargerThanMemory:
    FRAMES, CHUNK = 400, 20

    @pytest.fixture
    def zarr_store(self, tmp_path, monkeypatch):
        """Packed as archives are, and opened as xarray opens it: nothing is read yet."""
        monkeypatch.setattr(frames_module, "BLOCK_BYTES", 1)
        encoding = {"dtype": "int16", "scale_factor": 0.01, "chunks": (self.CHUNK, 6, 6)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make_dataset(self.FRAMES).to_zarr(
                tmp_path / "radar.zarr", encoding={"reflectivity": encoding}, zarr_format=2
            )
        return tmp_path / "radar.zarr"

    @pytest.mark.parametrize("chunks", [None, {}])
    def test_each_chunk_is_read_about_once_an_epoch(self, zarr_store, chunks):
        blocks = self.FRAMES // self.CHUNK
        with xr.open_dataset(zarr_store, engine="zarr", chunks=chunks) as dataset:
            found = samples(
                dataset,
                make_sample(fill=0),
                split="train",
                splits={"train": (None, None)},
                batch_size=8,
                cache_bytes=8 * self.CHUNK * 4 * 36,
            )
            seen = []
            reads = []
            for _ in range(3):
                seen.append(first_pixels(windows(found)[0]))
                reads.append(found._store.reads)
                found.on_epoch_end()
        assert reads[0] <= 1.6 * blocks
        assert reads[2] <= 3 * 1.6 * blocks
        expected = np.sort(make_dataset(self.FRAMES)["reflectivity"][:-4, 0, 0].values / 60)
        for epoch in seen:
            np.testing.assert_allclose(np.sort(epoch), expected, atol=2e-4)
        assert not np.array_equal(seen[0], seen[1])

    def test_one_pass_for_the_filter_warms_the_cache(self, zarr_store):
        with xr.open_dataset(zarr_store, engine="zarr") as dataset:
            rain = RainFilter(above=5, min_fraction=0.01)
            found = samples(dataset, make_sample(fill=0), split=None, filter=rain)
            list(found)
            assert found._store.reads == self.FRAMES // self.CHUNK

    def test_opening_reads_nothing_and_other_parts_are_never_read(self, zarr_store):
        with xr.open_dataset(zarr_store, engine="zarr") as dataset:
            found = samples(dataset, make_sample(fill=0), split="test")
            assert found._store.reads == 0
            list(found)
            assert found._store.reads <= 4

    def test_keras_shuffling_on_top_is_warned_of(self, zarr_store):
        with xr.open_dataset(zarr_store, engine="zarr") as dataset:
            options = {
                "split": "train",
                "splits": {"train": (None, None)},
                "cache_bytes": 4 * self.CHUNK * 4 * 36,
            }
            model = tiny_model()
            with pytest.warns(UserWarning, match=r"fit\(\.\.\., shuffle=False\)"):
                model.fit(samples(dataset, make_sample(fill=0), **options), verbose=0)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = samples(dataset, make_sample(fill=0), **options)
                model.fit(found, epochs=2, shuffle=False, verbose=0)
            assert found.epoch == 2
            assert found._store.reads <= 2 * 2.5 * self.FRAMES // self.CHUNK


def tiny_model() -> keras.Model:
    inputs = keras.Input((3, 6, 6, 1))
    outputs = keras.layers.Conv3D(1, (2, 1, 1))(inputs)
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    return model


class TestKeras:
    def test_fit_and_evaluate(self):
        dataset = make_dataset(100)
        train = samples(dataset, make_sample(), split="train", batch_size=2)
        val = samples(dataset, make_sample(), split="val")
        model = tiny_model()
        history = model.fit(train, validation_data=val, epochs=2, verbose=0).history
        assert len(history["loss"]) == 2
        assert train.epoch == 2
        x, y = windows(val)
        expected = np.mean(np.square(model.predict(x, verbose=0) - y))
        assert history["val_loss"][-1] == pytest.approx(expected, rel=1e-4)

    def test_workers(self):
        val = samples(make_dataset(100), make_sample(), split="val", batch_size=2)
        threaded = samples(make_dataset(100), make_sample(), split="val", batch_size=2, workers=3)
        model = tiny_model()
        loss = model.evaluate(val, verbose=0)
        assert model.evaluate(threaded, verbose=0) == pytest.approx(loss)

    def test_to_tf(self):
        pytest.importorskip("tensorflow")
        options = {"split": "train", "batch_size": 7, "augment": ("flip",)}
        dataset = make_dataset(60)
        dataset["reflectivity"][5, 1, 2] = np.nan
        reference = samples(dataset, make_sample(fill=0), **options)
        found = samples(dataset, make_sample(fill=0), **options)
        stream = found.to_tf()
        assert int(stream.cardinality()) == len(reference)
        for _ in range(2):
            for batch, expected in zip(stream, reference, strict=True):
                for array, wanted in zip(batch, expected, strict=True):
                    np.testing.assert_array_equal(array.numpy(), wanted)
            reference.on_epoch_end()
        assert found.epoch == 2

    def test_fit_takes_the_stream(self):
        pytest.importorskip("tensorflow")
        if keras.backend.backend() == "torch":
            pytest.skip("torch takes no tf.data")
        found = samples(make_dataset(60), make_sample(), split="train")
        history = tiny_model().fit(found.to_tf(), epochs=3, verbose=0).history
        assert len(history["loss"]) == 3

    def test_repr(self):
        dataset = make_dataset(40, jumps=(20,))
        rain = RainFilter(above=59.99, min_fraction=0.001)
        found = samples(
            dataset, make_sample(), split=None, filter=rain, min_rain_fraction=0, batch_size=8
        )
        text = repr(found)
        assert "split 'all', 2016-01-01T00:10 to 2016-01-01T04:05" in text
        assert "32 windows of 3 -> 2 frames every 5min, 6 x 6" in text
        assert "4 batches of 8, in order" in text
        assert "0 windows by the rain filter, 4 starts broken by jumps in time" in text
        assert "seed 3, epoch 0" in repr(samples(dataset, make_sample(), split="train", seed=3))


class TestBadInput:
    def test_a_name_is_no_preset(self):
        with pytest.raises(DataError, match=r"keras_wx\.info\(name\).*'convlstm_hko'"):
            samples(make_dataset(), "convlstm_hko", split="train")

    def test_too_few_frames(self):
        message = (
            "No window of 5 consecutive frames every 5min is left. Of 4 frames, 0 are outside the "
            "split, and the 4 inside are too few."
        )
        with pytest.raises(DataError, match=re.escape(message)):
            samples(make_dataset(4), make_sample(), split=None)

    def test_nothing_but_jumps(self):
        dataset = make_dataset(20, jumps=tuple(range(3, 20, 3)))
        message = "Of 16 possible starts inside, 16 are broken by jumps in time, and 0 windows"
        with pytest.raises(DataError, match=message):
            samples(dataset, make_sample(), split=None)

    def test_time_that_runs_backwards(self):
        dataset = make_dataset(10)
        times = make_times(10)
        times[7] = times[2]
        with pytest.raises(DataError, match="index 7"):
            samples(dataset.assign_coords(time=times), make_sample(), split=None)

    def test_another_step(self):
        dataset = make_dataset(40)
        every_other = dataset.isel(time=slice(None, None, 2))
        with pytest.raises(DataError, match="10min, the sample needs 5min"):
            samples(every_other, make_sample(), split=None)
        slower = make_sample(step="10min")
        found = samples(dataset, slower, split=None, resample=True)
        x, _ = windows(found)
        gray = dataset["reflectivity"].values[::2] / 60
        np.testing.assert_allclose(x[4, ..., 0], gray[4:7], rtol=1e-5)

    def test_units(self):
        dataset = make_dataset()
        dataset["reflectivity"].attrs["units"] = "K"
        with pytest.raises(DataError, match="expected units 'dBZ', received 'K'"):
            samples(dataset, make_sample(), split=None)

    def test_an_unknown_split(self):
        with pytest.raises(UnknownNameError, match="'train'"):
            samples(make_dataset(), make_sample(), split="training")

    @pytest.mark.parametrize("option", ["batch_size", "stride"])
    def test_numbers_below_one(self, option):
        with pytest.raises(DataError, match=f"{option}=0"):
            samples(make_dataset(), make_sample(), split=None, **{option: 0})


class TestRealRadar:
    """TAASRAD19: 43,080 frames with jumps in time inside of rain events too."""

    SAMPLE = {
        "shape": (64, 64),
        "past": 5,
        "future": 15,
        "filter": RainFilter(above=7.4, min_fraction=0.05),
        "grids": {"radar": {"shape": (64, 64), "spacing_km": 3.75}},
    }

    @pytest.fixture
    def radar(self, shared_data):
        path = shared_data / "taasrad19_64x64_2015-10_2017-01.nc"
        if not path.is_file():
            pytest.skip(f"real data not found: {path}")
        return keras_wx.open_dataset("taasrad19", path=path)

    def test_windows_equal_slices_of_the_file(self, radar):
        sample = make_sample(**self.SAMPLE)
        found = samples(radar, sample, split="val", batch_size=16)
        rng = np.random.default_rng(0)
        times = radar["time"].values
        for index in rng.choice(len(found), 5, replace=False):
            x, y = found[index]
            inits = found.init_times[16 * index : 16 * (index + 1)]
            for window, init in enumerate(inits):
                first = int(np.searchsorted(times, init)) - 4
                frames = radar["reflectivity"][first : first + 20]
                assert (np.diff(frames["time"]) == np.timedelta64(5, "m")).all()
                assert np.datetime64("2016-08-01") <= frames["time"][0]
                assert frames["time"][-1] < np.datetime64("2016-09-01")
                assert (frames > 7.4).mean() >= 0.05
                expected = np.clip(frames.values / 60, 0, 1)
                together = np.concatenate([x[window], y[window]])[..., 0]
                np.testing.assert_allclose(together, expected, atol=1e-6)


def test_an_unknown_option_is_answered_with_the_near_ones():
    with pytest.raises(UnknownNameError, match="Did you mean 'batch_size'"):
        samples(make_dataset(12, (6, 4)), make_sample((6, 4)), split=None, batchsize=8)
