"""Which devices there are, what they can share, and the messages where they cannot."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from keras_wx.errors import ModelError, TrainingError
from keras_wx.training.distribution import place
from keras_wx.training.distribution.choice import select
from keras_wx.training.distribution.parts import TrainParts, ValidationParts
from keras_wx.training.distribution.placement import Shared

FOUR = ["gpu:0", "gpu:1", "gpu:2", "gpu:3"]


def windows(count: int, batch_size: int, drop_remainder: bool = False):
    """As much of `Samples` as the placements look at; a window is its number."""

    class Numbers:
        init_times = np.arange(count)

        def __len__(self):
            return count // batch_size if drop_remainder else -(-count // batch_size)

        def __getitem__(self, index):
            x = np.arange(count)[index * batch_size : (index + 1) * batch_size]
            return {"x": x}, -x

    found = Numbers()
    found.batch_size, found.drop_remainder = batch_size, drop_remainder
    return found


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("all", FOUR), (2, FOUR[:2]), ("GPU:1", ["gpu:1"]), (["GPU:3", "gpu:1"], ["gpu:3", "gpu:1"])],
)
def test_devices_are_selected(wanted, expected):
    assert select(wanted, FOUR) == expected


@pytest.mark.parametrize("wanted", [0, 5, -1, True, "gpu:7", [], ["gpu:7"], ["gpu:1", "gpu:1"]])
def test_devices_that_are_not_there(wanted):
    with pytest.raises(TrainingError, match=r"a number up to 4, or some of gpu:0.*Received: devi"):
        select(wanted, FOUR)


def test_one_device_is_the_usual_one():
    assert place(None).devices == place(1).devices == place(["CPU:0"]).devices == 1


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow")
def test_several_workers_of_tensorflow_are_refused(monkeypatch):
    cluster = {"worker": ["host-1:1234", "host-2:1234"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster}))
    with pytest.raises(TrainingError, match=r"TF_CONFIG names 2 workers.*20585.*KERAS_BACKEND=jax"):
        place("all")


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_batch_that_cannot_be_divided(split):
    data = {"train": windows(60, 8, drop_remainder=True), "val": windows(60, 8)}
    data[split] = windows(60, 10, drop_remainder=True)
    expected = rf"{split}: a batch of 10 windows .* 4 devices\. batch_size=8 or 12 can"
    with pytest.raises(TrainingError, match=expected):
        Shared(4).check(None, **data)


def test_a_last_training_batch_that_is_smaller():
    with pytest.raises(TrainingError, match=r"last batch has 4 windows and not 8.*drop_remainder"):
        Shared(4).check(None, windows(60, 8), None)
    Shared(4).check(None, windows(56, 8), None)


def test_parts_make_up_the_batch():
    data = windows(16, 8)
    feed = type("Feed", (), {"step": 1, "__getitem__": lambda self, step: data[step]})()
    parts = [TrainParts(feed, part, 2) for part in (0, 1)]
    for read in (parts[0][0], parts[0][0]):  # Keras may ask for the first one again
        assert read[0]["x"].tolist() == [8, 9, 10, 11]
    assert parts[1][0][1].tolist() == [-12, -13, -14, -15]


@pytest.mark.parametrize(
    ("count", "expected"), [(16, [8, 8]), (20, [8, 8, 4]), (22, [8, 8, 4]), (18, [8, 8])]
)
def test_validation_is_cut_to_a_multiple_of_the_devices(count, expected):
    validation = windows(count, 8)
    validation.samples = validation
    left_out = count - sum(expected)
    if left_out:
        with pytest.warns(UserWarning, match=f"leaves out {left_out} of {count} windows"):
            whole = ValidationParts(validation, devices=4)
    else:
        whole = ValidationParts(validation, devices=4)
    assert [len(whole[index][1]) for index in range(len(whole))] == expected
    second = ValidationParts(validation, devices=4, part=1, parts=2)
    np.testing.assert_array_equal(second[1][0]["x"], [12, 13, 14, 15])


def test_processes_have_checkpoints_by_steps():
    assert Shared(2).interval("10min") == "10min"
    assert Shared(2, processes=2).interval(500) == 500
    with pytest.warns(UserWarning, match="2 processes do not agree on the time"):
        assert Shared(2, processes=2).interval("10min") > 10**9


def test_others_than_the_chief_write_into_a_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(Shared, "wait", lambda self, what: None)
    run = tmp_path / "run"
    (run / "checkpoints" / "step-000000002").mkdir(parents=True)
    (run / "checkpoints" / "step-000000002" / "progress.json").write_text("{}")
    (run / "log.csv").write_text("epoch\n")
    with Shared(2, processes=2, process=0).folder(run) as chief:
        assert chief == run
    with Shared(2, processes=2, process=1).folder(run) as other:
        assert (other / "checkpoints" / "step-000000002" / "progress.json").exists()
        assert not (other / "log.csv").exists()
        (other / "checkpoints" / "step-000000004").mkdir()
    assert not other.exists()
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["step-000000002"]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow")
def test_a_model_that_was_built_elsewhere():
    import tensorflow as tf

    from keras_wx.training.distribution.mirrored import Mirrored

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)], name="elsewhere")
    placement = Mirrored(tf.distribute.MirroredStrategy(["CPU:0"]))
    with (
        placement.scope(),
        pytest.raises(ModelError, match=r"elsewhere was built outside the strategy"),
    ):
        placement.check(model, windows(8, 8), None)
