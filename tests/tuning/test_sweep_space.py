"""Search spaces: what they say, what they refuse, and what of it reaches a training."""

import pytest

from keras_wx.errors import PresetError, UnknownNameError
from keras_wx.spec import Sample
from keras_wx.training.recipe import resolve
from keras_wx.tuning.changes import arguments_of
from keras_wx.tuning.checks import recipe_options
from keras_wx.tuning.space import Parameter, label, list_spaces, read_space
from keras_wx.zoo import presets


def space(**parameters):
    return read_space({key.replace("__", "."): p for key, p in parameters.items()}, "convlstm")


@pytest.mark.parametrize("name", ["convlstm", "convlstm_stack", "fclstm"])
def test_each_trainable_family_has_a_space(name):
    found = read_space(None, name)
    assert found.architecture == name
    assert any(key.startswith("config.") for key in found.parameters)
    assert "training.optimizer.learning_rate" in found.parameters


def test_every_trainable_architecture_of_the_presets_has_one():
    trainable = {p.architecture for p in presets._index().values() if p.training is not None}
    assert trainable == set(list_spaces())


def test_an_unknown_key_is_refused_and_the_near_one_named(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("parameters:\n  config.filters: {choise: [1, 2]}\n")
    with pytest.raises(PresetError, match=r"mine\.yaml(.|\n)*Did you mean 'choice'\?"):
        read_space(file, "convlstm")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"trainig.batch_size": [1, 2]}, "Did you mean 'training'"),
        ({"training.batchsize": [1, 2]}, "Did you mean 'training.batch_size'"),
        ({"config": [1, 2]}, "expected a dotted key"),
        ({"config.a": {"range": [3, 1]}}, "low < high"),
        ({"config.a": {"range": [0.0, 1.0], "log": True}}, "positive"),
        ({"config.a": {"range": [1, 4], "step": 1.5}}, "whole step"),
        ({"config.a": {"range": [1, 4], "choice": [1]}}, "either choice or range"),
        ({"config.a": {"choice": [1, 1]}}, "different values"),
        ({"config.a": {"choice": [1, 2], "log": True}}, "go with range"),
        ({"config.b": {"range": [1, 2], "when": {"config.a": [1]}}, "config.a": [1, 2]}, "above"),
        ({"config.a": [1, 2], "config.b": {"choice": [1], "when": {"config.a": [3]}}}, "1, 2"),
    ],
)
def test_what_makes_no_space_is_refused(content, message):
    with pytest.raises(PresetError, match=message):
        read_space(content, "convlstm")


def test_a_space_for_another_architecture_is_refused():
    with pytest.raises(PresetError, match="'fclstm'"):
        read_space("fclstm", "convlstm")
    with pytest.raises(UnknownNameError, match="convlstm_stack"):
        read_space("convlstm_stak", "convlstm")


def test_a_number_in_text_is_a_number():
    # YAML 1.1 reads 1e-4 without a point as text.
    found = Parameter.model_validate({"range": ["1e-4", "1e-2"], "log": True})
    assert found.range == (1e-4, 1e-2)
    assert not found.whole


def test_choices_are_called_by_short_names():
    assert label([16, 32]) == "16-32"
    assert label(None) == "none"
    assert label({"name": "combined", "factor": 2}) == "combined factor=2"
    mixed = Parameter(choice=(None, 0.99))
    assert mixed.options == {"none": None, "0.99": 0.99}
    assert Parameter(choice=(8, 16)).options == {8: 8, 16: 16}
    assert mixed.name_of(None) == mixed.name_of("none") == "none"


def test_changes_reach_the_arguments_of_a_training():
    changes = {
        "training.optimizer.learning_rate": 0.5,
        "training.optimizer": {"name": "adam"},
        "config.filters": [8],
        "sample.variables.reflectivity.transform": {"linear": {"low": 0, "high": 70}},
        "sample.step": "10min",
    }
    options = {
        "config": {"filters": [4], "patch_size": 4},
        "sample": {"variables": {"reflectivity": {"fill": 0, "transform": {"identity": {}}}}},
        "learning_rate": 0.1,
        "epochs": 3,
    }
    found = arguments_of(changes, options)
    assert found["config"] == {"filters": [8], "patch_size": 4}
    assert found["sample"] == {
        "step": "10min",
        "variables": {"reflectivity": {"fill": 0, "transform": {"linear": {"low": 0, "high": 70}}}},
    }
    assert list(found)[:3] == ["epochs", "optimizer", "optimizer.learning_rate"]
    assert found["epochs"] == 3
    assert options["config"] == {"filters": [4], "patch_size": 4}


def recipe(changes, **options):
    return resolve(presets.get("convlstm_hko"), recipe_options(arguments_of(changes, options)))


def test_what_the_caller_says_of_the_optimizer_holds_for_another_one_too():
    given = {"learning_rate": 0.1, "optimizer.clipnorm": 2.0}
    found = recipe({"training.optimizer": {"name": "sgd"}}, **given).optimizer
    assert (found.name, found.arguments) == ("sgd", {"learning_rate": 0.1, "clipnorm": 2.0})
    assert recipe({"training.optimizer": "sgd"}, **given).optimizer == found


def test_what_a_trial_says_of_the_optimizer_comes_before_what_the_caller_says():
    given = {"learning_rate": 0.1, "optimizer.clipnorm": 2.0}
    own = {"name": "sgd", "learning_rate": 0.5}
    found = recipe({"training.optimizer": own}, **given).optimizer
    assert found.arguments == {"learning_rate": 0.5, "clipnorm": 2.0}
    changes = {"training.optimizer": own, "training.optimizer.learning_rate": 0.7}
    assert recipe(changes, **given).optimizer.arguments == {"learning_rate": 0.7, "clipnorm": 2.0}
    name = recipe({}).optimizer.name
    own = {"name": name, "learning_rate": 0.5}
    assert recipe({"training.optimizer": own}, **given).optimizer.arguments["learning_rate"] == 0.5


def test_changes_of_a_sample_object():
    sample = presets.get("convlstm_hko").sample
    found = arguments_of({"sample.step": "15min"}, {"sample": sample})["sample"]
    assert isinstance(found, Sample)
    assert found.step_text == "15min"
    assert found.grids == sample.grids
