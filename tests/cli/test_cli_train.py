"""`keras-wx train`, in this process."""

from __future__ import annotations

import keras_wx
from keras_wx.cli._training import cuts


def options(folder, *more):
    recipe = (
        "--epochs",
        1,
        "--steps-per-epoch",
        2,
        "--batch-size",
        1,
        "--quiet",
        "--set",
        "loss=mse",
    )
    return ("--output-dir", folder, *recipe, "--min-rain-fraction", 0, "--whole-grid", *more)


def test_trains_goes_on_and_refuses_another_recipe(run, model_folder, radar_file, tmp_path):
    folder = tmp_path / "run"
    given = options(
        folder,
        *("--val-path", radar_file, "--weights", "default", "--learning-rate", "1e-3"),
        *("--set", "optimizer.clipnorm=1", "--set", "augment=[flip]", "--freeze", "encoder"),
        *("--layer-rate", "head=0.5"),
    )
    first = run("train", model_folder, radar_file, *given)
    assert first.exit_code == 0, first.output
    assert "Best of 1 epochs: 1 (" in first.output
    preset = keras_wx.load(folder / "best", compile=False).preset
    assert preset.training.optimizer.arguments["clipnorm"] == 1
    assert preset.training.optimizer.arguments["learning_rate"] == 1e-3

    again = run("train", model_folder, radar_file, *given)
    assert again.output == first.output
    other = run("train", model_folder, radar_file, *given, "--set", "ema=0.9")
    assert other.exit_code == 1
    assert "recipe.ema: None in the run, 0.9 now" in other.output


def test_only_what_was_given_is_told_to_samples():
    """A run that began in Python, with none of these, goes on."""
    switches = {"regrid": False, "resample": False, "convert_units": False, "zr": None}
    plain = {"crop": False, "min_rain_fraction": None, "stride": 1, **switches}
    assert cuts(**plain) == {}
    given = {"crop": True, "min_rain_fraction": 0.0, "stride": 2, "regrid": True}
    assert cuts(**plain | given) == given | {"crop": None}
    assert cuts(**plain | {"zr": "200,1.6"}) == {"zr": (200.0, 1.6)}


def test_wrong_words(run, model_folder, radar_file, tmp_path):
    for more, words in (
        (("--set", "optimizer.clipnrom=1"), "Did you mean 'clipnorm'"),
        (("--set", "epoch=1"), "Did you mean 'epochs'"),
        (("--set", "epochs"), "expected KEY=VALUE"),
        (("--set", "loss=[1"), "is not YAML"),
        (("--freeze", "encodr"), "Parts: encoder, forecaster, head"),
        (("--config", "filter=[3]"), "filters"),
        (("--layer-rate", "head=0"), "--layer-rate: expected factors above 0"),
        (("--log", "cvs"), "Weights & Biases is the option --wandb"),
    ):
        given = options(tmp_path / "runs" / "mine", "--val-path", radar_file, *more)
        found = run("train", model_folder, radar_file, *given)
        assert found.exit_code != 0
        assert words in " ".join(found.output.replace("│", " ").split()), found.output
        assert not (tmp_path / "runs").exists()


def test_data_that_are_too_small_are_told_of_the_option(run, model_folder, radar_file, tmp_path):
    """`crop=None`, of which the message speaks in Python, is a switch here."""
    given = (arg for arg in options(tmp_path / "run") if arg != "--whole-grid")
    found = run("train", model_folder, radar_file, *given)
    assert found.exit_code == 1
    assert ". --whole-grid takes the data's own grid" in found.output


def test_help_says_how_to_set_what_has_no_option(run):
    text = " ".join(run("train", "--help").output.replace("│", " ").split())
    for word in ("optimizer.clipnorm=1", "schedule=cosine", "--weights", "--freeze", "--val-path"):
        assert word in text
