"""The shared state of a search: no trial lost, none run twice, failures counted."""

import itertools

import keras_tuner
import pytest

from keras_wx.errors import TrainingError
from keras_wx.training import files
from keras_wx.tuning.changes import changes_of
from keras_wx.tuning.oracles import make_oracle
from keras_wx.tuning.result import best_trial, read_trials
from keras_wx.tuning.search import STATE, Search
from keras_wx.tuning.space import read_space

SPACE = read_space({"config.x": {"range": [0.0, 1.0]}}, "any")


def search(folder, name="random", **options):
    hp = keras_tuner.HyperParameters()
    changes_of(SPACE, hp)

    def oracle():
        return make_oracle(name, hp, objective="f", direction="min", seed=3)

    return Search(folder, oracle, **{"max_trials": 4} | options)


def x(trial):
    return trial.hyperparameters.values["config.x"]


def test_trials_are_recorded_until_there_are_enough(tmp_path):
    ours = search(tmp_path)
    for _ in range(4):
        trial = ours.take()
        ours.complete(trial, x(trial), epochs=3, duration=1.5)
    assert ours.take() is None
    assert ours.is_over
    table = read_trials(tmp_path)
    assert list(table.index) == ["0000", "0001", "0002", "0003"]
    assert (table["score"] == table["config.x"]).all()
    assert table.loc[best_trial(table), "score"] == table["config.x"].min()
    assert list(table["epochs"]) == [3] * 4
    more = search(tmp_path, max_trials=5)
    assert more.take().id == "0004"


def test_a_trial_belongs_to_one_process_until_that_dies(tmp_path):
    mine, other = search(tmp_path), search(tmp_path)
    first, second = mine.take(), other.take()
    assert (first.id, second.id) == ("0000", "0001")
    first.claim.release(force=True)  # what the system does when a process dies
    third = other.take()
    assert (third.id, x(third)) == (first.id, x(first))
    fourth, fifth = mine.take(), mine.take()
    assert (fourth.id, fifth.id) == ("0002", "0003")
    assert mine.take() is None
    assert not mine.is_over


def test_a_trial_that_kills_its_process_again_and_again_has_failed(tmp_path):
    ours = search(tmp_path)
    for _ in range(5):
        trial = ours.take()
        assert trial.id == "0000"
        trial.claim.release(force=True)
    assert ours.take().id == "0001"
    table = read_trials(tmp_path)
    assert table.loc["0000", "status"] == "failed"
    assert "died 5 times" in table.loc["0000", "message"]


def test_a_trial_that_gets_further_each_time_may_die_more_often(tmp_path):
    ours = search(tmp_path)
    for step in range(12):
        trial = ours.take()
        assert trial.id == "0000"
        (trial.directory / "checkpoints" / f"step-{step:09}").mkdir(parents=True)
        trial.claim.release(force=True)


def test_too_many_failures_in_a_row_stop_the_search_and_are_listed(tmp_path):
    ours = search(tmp_path, max_trials=20, max_consecutive_failures=3)
    for number in range(2):
        ours.fail(ours.take(), f"reason {number}")
    ours.complete(ours.take(), 1.0)
    for number in range(3, 6):
        ours.fail(ours.take(), f"reason {number}")
    with pytest.raises(TrainingError, match=r"The last 3 trials") as error:
        ours.take()
    for number in range(3, 6):
        assert f"000{number} (config.x=" in str(error.value)
        assert f"reason {number}" in str(error.value)
    assert "reason 1" not in str(error.value)
    assert search(tmp_path, max_trials=20, max_consecutive_failures=4).take().id == "0006"
    assert list(read_trials(tmp_path)["status"]) == [
        "failed", "failed", "completed", "failed", "failed", "failed", "running"
    ]  # fmt: skip


def test_a_state_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    ours = search(tmp_path)
    ours.complete(ours.take(), 1.0)
    before = (tmp_path / STATE).read_bytes()
    trial = ours.take()
    during = (tmp_path / STATE).read_bytes()
    assert during != before
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        ours.complete(trial, 2.0)
    assert (tmp_path / STATE).read_bytes() == during
    assert {path.name for path in tmp_path.glob("*.json*")} == {STATE}


@pytest.mark.parametrize("name", ["random", "bayesian", "hyperband", "grid"])
def test_who_only_looks_writes_nothing(tmp_path, name):
    ours = search(tmp_path, name, max_trials=3)
    done = ours.take()
    ours.complete(done, x(done))
    running = ours.take()
    before = (tmp_path / STATE).stat()
    assert not ours.is_over
    assert "best: " in search(tmp_path, name, max_trials=3).describe(done.id)
    after = (tmp_path / STATE).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    ours.complete(running, x(running))
    assert (tmp_path / STATE).stat().st_ino != before.st_ino


class Killed(BaseException):
    """What the process would not live to see."""


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
@pytest.mark.parametrize("number", range(8))
def test_killed_while_the_state_is_written_a_search_ends_with_the_same_table(
    tmp_path, monkeypatch, call, number
):
    """Four trials write eight times: each of them dies before, within and after the new file."""
    expected = tmp_path / "undisturbed"
    expected.mkdir()
    finish(expected)
    folder = tmp_path / "killed"
    folder.mkdir()
    with monkeypatch.context() as patch:
        dies_while_writing(patch, call, number)
        with pytest.raises(Killed):
            finish(folder)
    assert (folder / f".{STATE}.new").exists() == (call != "open")
    finish(folder)
    assert read_trials(folder).equals(read_trials(expected))


def dies_while_writing(patch, call, number):
    """Lets the process die in the n-th writing of the state, before one of its system calls."""
    if call == "open":
        place, name = files.Path, "open"
    else:
        place, name = files.os, call
    real, left = getattr(place, name), iter([False] * number + [True])

    def deadly(*arguments, **options):
        ours = call == "fsync" or STATE in str(arguments[0])
        if ours and next(left, False):
            # A dead process clears nothing up.
            patch.setattr(files.Path, "unlink", lambda *_, **__: None)
            raise Killed
        return real(*arguments, **options)

    patch.setattr(place, name, deadly)


def finish(folder):
    ours, mine = search(folder), []
    try:
        while (trial := ours.take()) is not None:
            mine.append(trial)
            ours.complete(trial, x(trial))
    finally:
        for trial in mine:  # what the system does when a process dies
            trial.claim.release(force=True)
    assert ours.is_over


def test_processes_that_die_between_trials_lose_none_and_score_none_twice(tmp_path):
    """Every pattern of deaths after the beginning of four trials ends with the same table."""
    tables = []
    for number, dies in enumerate(itertools.product((False, True), repeat=4)):
        folder = tmp_path / str(number)
        folder.mkdir()
        for die in dies:
            ours = search(folder)
            trial = ours.take()
            if die:
                trial.claim.release(force=True)
                ours = search(folder)
                trial = ours.take()
            ours.complete(trial, x(trial))
        tables.append(read_trials(folder))
        assert search(folder).is_over
    for table in tables[1:]:
        assert table.equals(tables[0])
