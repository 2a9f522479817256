"""The caller's options over the preset's recipe."""

from __future__ import annotations

import pytest
from small_run import PRESET

from keras_wx.errors import ModelError, TrainingError, UnknownNameError
from keras_wx.spec import EarlyStopping, Training
from keras_wx.training.recipe import resolve
from keras_wx.zoo import presets


def test_the_preset_stays_where_nothing_is_said():
    assert resolve(PRESET, {}) == PRESET.training


def test_parts_change_by_dotted_names_shortcuts_and_mappings():
    found = resolve(
        PRESET,
        {
            "learning_rate": 1e-4,
            "optimizer.clipnorm": 1,
            "epochs": 7,
            "early_stopping.patience": 3,
            "schedule": {"drops": {2: 0.5}},
            "schedule.fall": 0.1,
            "loss": {"name": "combined", "terms": [{"name": "mse"}]},
        },
    )
    assert found.optimizer.name == "adam"
    assert found.optimizer.arguments == {"learning_rate": 1e-4, "clipnorm": 1}
    assert found.epochs == 7
    assert found.early_stopping == EarlyStopping(patience=3)
    assert found.schedule.drops == {2: 0.5}
    assert found.schedule.fall == 0.1
    assert found.loss.arguments == {"terms": [{"name": "mse"}]}


def test_another_optimizer_takes_the_place_of_the_whole():
    found = resolve(PRESET, {"optimizer": {"name": "sgd", "momentum": 0.9}})
    assert found.optimizer.arguments == {"momentum": 0.9}
    assert resolve(PRESET, {"optimizer": "sgd", "learning_rate": 0.1}).optimizer.model_dump() == {
        "name": "sgd",
        "learning_rate": 0.1,
    }


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("early_stopping", False, None),
        ("early_stopping", 5, EarlyStopping(patience=5)),
        ("early_stopping", True, EarlyStopping(patience=20)),
        ("ema", False, None),
        ("mixed_precision", True, "bfloat16"),
        ("mixed_precision", False, None),
        ("loss_limit", False, None),
    ],
)
def test_short_forms(field, value, found):
    assert getattr(resolve(PRESET, {field: value}), field) == found


def test_defaults():
    training = Training(loss="mse", optimizer="adam")
    assert training.early_stopping.patience == 20
    assert training.model_dump(exclude_defaults=True).keys() == {"loss", "optimizer"}


@pytest.mark.parametrize(
    ("options", "near"),
    [
        ({"epoch": 3}, "epochs"),
        ({"learning_rat": 3}, "learning_rate"),
        ({"output_dirr": 3}, "output_dir"),
        ({"optimiser.clipnorm": 3}, "optimizer"),
    ],
)
def test_unknown_options_name_the_near_one(options, near):
    with pytest.raises(UnknownNameError, match=f"Did you mean '{near}'"):
        resolve(PRESET, options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, "epochs: .*Received: 0"),
        ({"early_stopping.patienc": 3}, "early_stopping: .*Did you mean 'patience'"),
        ({"mixed_precision": "float8"}, "mixed_precision: .*'float8'"),
    ],
)
def test_values_that_make_no_recipe(options, words):
    with pytest.raises(TrainingError, match=f"The recipe of small: {words}"):
        resolve(PRESET, options)


def test_nothing_to_train():
    with pytest.raises(ModelError, match="persistence has no recipe"):
        resolve(presets.get("persistence"), {})
