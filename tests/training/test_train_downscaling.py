"""`keras_wx.train` of downscaling: statistics of the training part, resumed runs, encoders."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import yaml
from small_downscaling import ddpm_folder, pair, transfer_folder

import keras_wx
from keras_wx.data import fit_statistics
from keras_wx.errors import DataError, ModelError, TrainingError, UnknownNameError, WeightsError
from keras_wx.training import checkpoints

QUIET = {"verbose": 0, "seed": 3}
TRAIN_DAYS = 42
"""70 % of the days of `pair`."""


@pytest.fixture(scope="module")
def data():
    return pair()


@pytest.fixture(scope="module")
def transfer_run(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("transfer")
    preset = transfer_folder(folder / "preset", epochs=1)
    return keras_wx.train(preset, data, output_dir=folder / "run", **QUIET)


@pytest.fixture(scope="module")
def ddpm_run(tmp_path_factory, data, transfer_run):
    folder = tmp_path_factory.mktemp("ddpm")
    stopping = {"monitor": "val_crps", "patience": 9}
    preset = ddpm_folder(folder / "preset", ema=0.8, early_stopping=stopping)
    options = {"encoder": transfer_run.directory, "val_members": 3}
    return keras_wx.train(preset, data, output_dir=folder / "run", **options, **QUIET)


def numbers(preset, name="air"):
    return {v.transform for v in preset.sample.variables if v.name == name}


def test_statistics_are_of_the_training_part(data, ddpm_run):
    # The split leaves a gap of a window before the part that is held out.
    part = data.isel(time=slice(TRAIN_DAYS - 4 + 1))
    for name in ("air", "coarse_air"):
        (found,) = numbers(ddpm_run.model.preset, name)
        everything = float(data[name].mean())
        np.testing.assert_allclose(found.mean, part[name].astype(float).mean(), atol=0.15)
        np.testing.assert_allclose(found.std, part[name].astype(float).std(), rtol=0.03)
        assert abs(found.mean - everything) > 1  # which grows warmer


def test_statistics_travel(data, ddpm_run):
    checkpoint = checkpoints.Checkpoints(ddpm_run.directory / "checkpoints").newest()
    expected = numbers(ddpm_run.model.preset)
    for folder in (ddpm_run.directory / "best", checkpoint):
        assert numbers(keras_wx.load(folder).preset) == expected
    record = yaml.safe_load((ddpm_run.directory / "run.yaml").read_text())
    (written,) = {
        tuple(v["transform"]["standard"].values())
        for v in record["preset"]["sample"]["variables"]
        if v["name"] == "air"
    }
    assert written == tuple(next(iter(expected)).model_dump().values())


@pytest.mark.slow
def test_statistics_stay_with_the_weights(data, ddpm_run):
    expected = numbers(ddpm_run.model.preset)
    # A run on other data goes on with the numbers that the weights learnt with.
    warmer = data.assign(air=data.air + 20, coarse_air=data.coarse_air + 20)
    for name in ("air", "coarse_air"):
        warmer[name].attrs = data[name].attrs
    again = keras_wx.train(
        ddpm_run.directory / "best",
        warmer,
        output_dir=ddpm_run.directory.parent / "fine_tuned",
        weights="default",
        epochs=1,
        val_members=2,  # of which the recipe watches the score
        **QUIET,
    )
    assert numbers(again.model.preset) == expected


@pytest.mark.slow
def test_statistics_by_month(tmp_path, data):
    data = data.isel(time=slice(59))  # February and March
    run = keras_wx.train(
        ddpm_folder(tmp_path / "preset", by=["month"], epochs=1),
        data,
        output_dir=tmp_path / "run",
        samples={"splits": (0.9, 0.1, 0.0)},
        **QUIET,
    )
    found = keras_wx.load(tmp_path / "run" / "best").preset.sample.targets[0].statistics
    assert set(found) == {"02", "03"}
    np.testing.assert_allclose(found["02"]["mean"], data.air.sel(time="2001-02").mean(), rtol=1e-5)
    fields = keras_wx.predict(run.model, data.isel(time=slice(20, 40)), progress=False)
    assert fields.air.sizes["time"] == 17
    assert np.isfinite(fields.air).all()


@pytest.mark.slow
def test_samples_bring_their_statistics(tmp_path, data):
    folder = ddpm_folder(tmp_path / "preset", epochs=1)
    preset = fit_statistics(keras_wx.info(folder), data, splits=(0.5, 0.2, 0.3))
    train, val = (
        keras_wx.samples(data, preset, split=split, splits=(0.5, 0.2, 0.3))
        for split in ("train", "val")
    )
    run = keras_wx.train(folder, train, val, output_dir=tmp_path / "run", **QUIET)
    assert run.model.preset.sample == preset.sample
    linear = {"transform": {"linear": {"low": 0, "high": 9}}}
    other = preset.sample.merged({"variables": {"air": linear}})
    with pytest.raises(DataError, match="cut for another model"):
        keras_wx.train(
            folder,
            keras_wx.samples(data, other, split="train", batch_size=4),
            False,
            output_dir=tmp_path / "other",
            **QUIET,
        )
    assert not (tmp_path / "other").exists()


def test_the_average_is_validated(data, ddpm_run):
    """`best/` has the moving average of the weights, of which val_loss is said to be."""
    preset = ddpm_run.model.preset
    val = keras_wx.samples(data, preset, split="val")
    model = keras_wx.load(ddpm_run.directory / "best")
    found = model.evaluate(val, verbose=0)
    expected = ddpm_run.history["val_loss"][ddpm_run.best_epoch]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    # The last checkpoint's own weights are others than their average.
    newest = checkpoints.Checkpoints(ddpm_run.directory / "checkpoints").newest()
    with np.load(newest / "variables.npz") as arrays:
        trained = dict(zip(arrays["paths"], (arrays[n] for n in sorted(arrays)[:-1]), strict=True))
    weights = {w.path: np.array(w) for w in keras_wx.load(newest).weights}
    moved = [path for path in weights if not np.allclose(trained[path], weights[path], atol=1e-6)]
    assert moved
    assert not any(path.startswith("transfer_encoder/") for path in moved)


def test_what_is_drawn_is_scored(data, ddpm_run):
    """val_crps and val_mae, by hand from fields of the best model in Kelvin."""
    from keras_wx.inference.network import seeded

    preset = ddpm_run.model.preset
    val = keras_wx.samples(data, preset, split="val")
    model, (transform,) = keras_wx.load(ddpm_run.directory / "best"), numbers(preset)
    crps, mae = [], []
    with seeded(model, QUIET["seed"]):
        for x, y in (val[i] for i in range(len(val))):
            drawn = model.sample(x, members=3).astype(float) * transform.std
            truth = y.astype(float) * transform.std
            pairs = np.abs(drawn[:, None] - drawn[None]).mean(axis=(0, 1))
            crps.append(np.abs(drawn - truth).mean(axis=0) - pairs / 2)
            mae.append(np.abs(drawn.mean(axis=0) - truth))
    logged = ddpm_run.history.loc[ddpm_run.best_epoch]
    assert logged["val_crps"] == ddpm_run.history["val_crps"].min()
    assert len(val) <= 8  # all of it is drawn from
    np.testing.assert_allclose(logged["val_crps"], np.concatenate(crps).mean(), rtol=1e-4)
    np.testing.assert_allclose(logged["val_mae"], np.concatenate(mae).mean(), rtol=1e-4)


class Killed(BaseException):
    """Nothing catches it, as nothing catches a signal."""


class Killer(keras.callbacks.Callback):
    """Kills after a step."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self._model.optimizer._iterations) == self.step:
            raise Killed


@pytest.mark.slow
def test_resumed(tmp_path, data, ddpm_run, transfer_run):
    """Between checkpoints, with draws of times and noise, and with a moving average."""
    arguments = {"encoder": transfer_run.directory, "val_members": 3, **QUIET}
    arguments["checkpoint_every"] = 2
    arguments["output_dir"] = tmp_path / "run"
    stopping = {"monitor": "val_crps", "patience": 9}
    preset = ddpm_folder(tmp_path / "preset", ema=0.8, early_stopping=stopping)
    for step in (3, 5):
        with pytest.raises(Killed):
            keras_wx.train(preset, data, callbacks=[Killer(step)], **arguments)
    run = keras_wx.train(preset, data, **arguments)
    for ours, theirs in zip(run.model.weights, ddpm_run.model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert run.history.equals(ddpm_run.history)


def test_the_encoder_is_taken_and_stays(data, ddpm_run, transfer_run):
    def encoder(model):
        found = {w.path.split("/", 1)[1]: np.array(w) for w in model.weights if _is_encoder(w)}
        assert found
        return found

    expected = encoder_of_transfer(transfer_run.model)
    for values, other in zip(encoder(ddpm_run.model).values(), expected, strict=True):
        np.testing.assert_array_equal(values, other)
    record = yaml.safe_load((ddpm_run.directory / "run.yaml").read_text())
    assert record["recipe"]["encoder"] == str(transfer_run.directory)


def _is_encoder(weight):
    return weight.path.startswith("transfer_encoder/")


def encoder_of_transfer(model):
    encoder = keras_wx.models.transfer_encoder(model)
    return [np.array(w) for w in encoder.weights]


@pytest.mark.slow
def test_frozen_parts(tmp_path, data, transfer_run):
    """An encoder that may learn, frozen by the name of its part, and left to learn."""
    preset = ddpm_folder(tmp_path / "preset", epochs=1, config={"frozen": False})
    expected = encoder_of_transfer(transfer_run.model)
    changed = {}
    for freeze in ("transfer", ()):
        run = keras_wx.train(
            preset,
            data,
            output_dir=tmp_path / f"run{len(freeze)}",
            encoder=transfer_run.model,
            freeze=freeze,
            **QUIET,
        )
        found = [np.array(w) for w in run.model.weights if _is_encoder(w)]
        changed[freeze] = any(
            not np.array_equal(a, b) for a, b in zip(found, expected, strict=True)
        )
    assert changed == {"transfer": False, (): True}


@pytest.mark.slow
def test_encoders_that_do_not_fit(tmp_path, data, transfer_run):
    preset = ddpm_folder(tmp_path / "preset", epochs=1)
    wide = transfer_folder(tmp_path / "wide", epochs=1, config={"widths": [4, 12]})
    wide = keras_wx.train(wide, data, output_dir=tmp_path / "wide_run", **QUIET)
    alone = ddpm_folder(tmp_path / "alone", config={"encoder": None, "history": 3})

    def refused(error, match, name, encoder):
        with pytest.raises(error, match=match):
            keras_wx.train(name, data, output_dir=tmp_path / "refused", encoder=encoder, **QUIET)
        assert not (tmp_path / "refused").exists()

    refused(
        ModelError, r"encoder=.*wide_run': Expected .*\[4, 8\].*\[4, 12\]", preset, wide.directory
    )
    refused(ModelError, "built with encoder=None", alone, transfer_run.directory)
    refused(WeightsError, "no trained weights", preset, "transfer_unet_merra2")
    refused(ModelError, "small_transfer has no transfer encoder", tmp_path / "wide", "any")
    refused(ModelError, "bilinear", preset, "bilinear")


@pytest.mark.slow
def test_encoder_of_another_step(tmp_path, data, transfer_run):
    hourly = transfer_folder(tmp_path / "hourly", step="6h")
    model = keras_wx.load(hourly, weights=None)
    preset = ddpm_folder(tmp_path / "preset", epochs=1)
    with pytest.warns(UserWarning, match="learnt from fields 6h apart.*1d apart"):
        keras_wx.train(preset, data, output_dir=tmp_path / "run", encoder=model, **QUIET)


def test_refused_before_anything_is_written(tmp_path, data, transfer_run):
    preset = transfer_run.directory.parent / "preset"
    for options, error, match in (
        ({"logs": "tensorbord"}, UnknownNameError, "Unknown logger"),
        ({"wandb": {"projekt": "x"}}, UnknownNameError, "option of Weights & Biases"),
        ({"checkpoint_every": "often"}, TrainingError, "checkpoint_every"),
        ({"val_members": 3}, TrainingError, "deterministic"),
        ({"val_members": 1, "val": False}, TrainingError, "data to validate on"),
    ):
        with pytest.raises(error, match=match):
            keras_wx.train(preset, data, output_dir=tmp_path / "a" / "run", **options, **QUIET)
        assert not (tmp_path / "a").exists()


def test_quantile_mapping_is_fitted(tmp_path, data):
    run = keras_wx.train(
        "quantile_mapping", data, output_dir=tmp_path / "run", config={"quantiles": 10}
    )
    part = data.isel(time=slice(TRAIN_DAYS))
    loaded = keras_wx.load(tmp_path / "run" / "best")
    assert loaded.fine == run.model.fine
    np.testing.assert_allclose(loaded.fine[5], part.air.quantile(0.5), rtol=1e-6)
    assert run.history.columns.tolist() == ["mae", "val_mae"]
    assert "best is epoch 0" in repr(run)
    with pytest.raises(ModelError, match="freeze, epochs: expected none for quantile_mapping"):
        keras_wx.train(
            "quantile_mapping", data, output_dir=tmp_path / "no", epochs=3, freeze="head"
        )
    assert not (tmp_path / "no").exists()
