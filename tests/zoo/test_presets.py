"""Finding, reading and listing presets."""

import pytest
from fake_distribution import nowcast_preset

import keras_wx
from keras_wx.errors import PresetError, UnknownNameError
from keras_wx.zoo import presets


def variants(*names):
    digest = "0" * 64
    records = [
        f"    {name}:\n      file: {name}.weights.h5\n      sha256: '{digest}'\n      bytes: 10"
        for name in names
    ]
    return "\n".join(["weights:", f"  default: {names[0]}", "  variants:", *records])


def test_list_models_by_wildcard_task_and_training(plugin):
    plugin(
        test_a=nowcast_preset("test_a", variants("alps", "fmi")),
        test_b=nowcast_preset("test_b").replace("task: nowcast", "task: inpaint"),
    )
    assert keras_wx.list_models("test_*") == ["test_a", "test_b"]
    assert keras_wx.list_models("test_?", task="inpaint") == ["test_b"]
    assert keras_wx.list_models("test_*", pretrained=True) == ["test_a"]
    assert keras_wx.list_models("test_*", pretrained=False) == ["test_b"]
    assert keras_wx.list_models("test_*.*") == ["test_a.alps", "test_a.fmi"]
    assert keras_wx.list_models("*.fmi", task="nowcast") == ["test_a.fmi"]
    assert keras_wx.list_models("nothing*") == []
    everything = keras_wx.list_models()
    assert everything == sorted(everything)
    assert {"convlstm_hko", "persistence", "test_a"} < set(everything)


def test_list_models_of_an_unknown_task():
    with pytest.raises(UnknownNameError, match=r"Unknown task: 'nowcasting'. .*'nowcast'"):
        keras_wx.list_models(task="nowcasting")


def test_info_resolves_the_variant(plugin):
    plugin(
        test_a=nowcast_preset("test_a", variants("alps", "fmi") + "\n      seed: 3"),
    )
    assert keras_wx.info("test_a").full_name == "test_a.alps"
    assert keras_wx.info("test_a.fmi").full_name == "test_a.fmi"
    assert presets.base("test_a.fmi").full_name == "test_a"
    assert "seed          3" in str(keras_wx.info("test_a.fmi"))


def test_unknown_names_list_the_near_ones():
    with pytest.raises(UnknownNameError, match=r"preset: 'convlstm_hk'. .*'convlstm_hko'"):
        keras_wx.info("convlstm_hk")
    with pytest.raises(UnknownNameError, match=r"preset: 'zzzz'. Known: .*convlstm_hko, "):
        keras_wx.info("zzzz")


def test_unknown_variant(plugin):
    plugin(test_a=nowcast_preset("test_a", variants("alps", "fmi")))
    with pytest.raises(UnknownNameError, match=r"variant of 'test_a': 'alp'. .*'alps'"):
        keras_wx.info("test_a.alp")
    with pytest.raises(UnknownNameError, match=r"variant of 'convlstm_mnist_1layer'"):
        keras_wx.info("convlstm_mnist_1layer.alp")


def test_alias_stands_for_the_new_name(plugin):
    plugin(
        test_new=nowcast_preset("test_new", "aliases: [test_old]\n" + variants("alps", "fmi")),
    )
    assert keras_wx.info("test_old").full_name == "test_new.alps"
    assert keras_wx.info("test_old.fmi").full_name == "test_new.fmi"
    assert keras_wx.list_models("test_*") == ["test_new"]
    with pytest.raises(UnknownNameError, match=r"'test_odl'. .*'test_old'"):
        keras_wx.info("test_odl")


@pytest.mark.parametrize("alias", ["test_other", "test_taken", "convlstm_hko"])
def test_an_alias_that_is_taken(plugin, alias):
    plugin(
        test_other=nowcast_preset("test_other", "aliases: [test_taken]"),
        test_new=nowcast_preset("test_new", f"aliases: [{alias}]"),
    )
    with pytest.raises(PresetError, match=rf"alias {alias!r} of .*is taken"):
        keras_wx.info("test_new")


def test_extends_takes_over_what_it_does_not_change(plugin):
    plugin(
        test_parent=nowcast_preset("test_parent", "aliases: [test_old]\n" + variants("alps")),
        test_child="extends: test_parent\nname: test_child\nconfig: {filters: [8]}\n"
        "sample: {step: 10min}\n",
        test_grandchild="extends: test_child\nname: test_grandchild\nconfig: {patch_size: 4}\n",
    )
    child, grandchild = keras_wx.info("test_child"), keras_wx.info("test_grandchild")
    assert child.config == {
        "input_frames": 2,
        "output_frames": 3,
        "patch_size": 2,
        "filters": [8],
    }
    assert grandchild.config == child.config | {"patch_size": 4}
    assert grandchild.sample == child.sample
    assert child.sample.variables == keras_wx.info("test_parent").sample.variables
    assert child.sample.step.total_seconds() == 600
    assert (child.weights.variants, child.aliases) == ({}, ())


@pytest.mark.parametrize(
    ("parent", "reason"),
    [
        ("test_b", "without a circle. Received: 'test_a'"),
        ("test_a", "without a circle. Received: 'test_a'"),
        ("nobody", "another preset of the same folder. Received: 'nobody'"),
        ("[test_b]", r"another preset of the same folder. Received: \['test_b'\]"),
    ],
)
def test_extends_that_leads_nowhere(plugin, parent, reason):
    plugin(
        test_a=f"extends: {parent}\nname: test_a\n",
        test_b="extends: test_a\nname: test_b\n",
    )
    with pytest.raises(PresetError, match=rf"test_[ab]\.yaml: extends: .*{reason}"):
        keras_wx.list_models()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", r"test_a\.yaml is not valid YAML: .*line 2"),
        ("- a\n- b\n", r"test_a\.yaml: expected a mapping of preset keys. Received: \['a', 'b'\]"),
        ("", r"test_a\.yaml: expected a mapping of preset keys. Received: None"),
        (nowcast_preset("test_b"), r"test_a\.yaml: expected the name 'test_a'.*'test_b'"),
        (nowcast_preset("test_a", "colour: red"), r"test_a\.yaml is not a valid.*\n.*'colour'"),
        ("!!python/object/apply:os.getcwd []", r"test_a\.yaml is not valid YAML"),
    ],
    ids=["broken", "list", "empty", "name", "key", "object"],
)
def test_files_that_are_no_preset(plugin, text, message):
    plugin(test_a=text)
    with pytest.raises(PresetError, match=f"(?s){message}"):
        keras_wx.list_models()


def test_two_presets_of_one_name(plugin):
    plugin(convlstm_hko=nowcast_preset("convlstm_hko"))
    with pytest.raises(PresetError, match=r"'convlstm_hko'.* used by one preset only"):
        keras_wx.list_models()


def test_a_saved_directory_comes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved = tmp_path / "convlstm_hko"
    saved.mkdir()
    (saved / "preset.yaml").write_text(nowcast_preset("mine"))
    assert keras_wx.info("convlstm_hko").name == "mine"
    assert keras_wx.info(saved).name == keras_wx.info("./convlstm_hko").name == "mine"


def test_a_path_without_a_saved_model(tmp_path):
    with pytest.raises(PresetError, match=r"no such folder"):
        keras_wx.info(tmp_path / "nothing")
    with pytest.raises(PresetError, match=r"expected a folder with preset.yaml.*without it"):
        keras_wx.info(str(tmp_path))
