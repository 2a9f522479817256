"""Real processes on one search, of which some are killed in the middle of a trial."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from shared_search import PARTS, TRIALS, search
from small_sweep import MODEL, OPTIONS, radar

import keras_wx
from keras_wx.errors import TrainingError
from keras_wx.tuning import workers
from keras_wx.tuning.result import read_trials

SCRIPT = Path(__file__).with_name("shared_search.py")
SPACE = {"training.optimizer.learning_rate": {"range": [1e-4, 1e-2], "log": True}}


def start(folder, seconds=1.0):
    return subprocess.Popen([sys.executable, SCRIPT, str(folder), str(seconds)])


def wait_for(condition, limit=900):
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def lines(folder, name):
    path = folder / name
    return path.read_text().splitlines() if path.exists() else []


def undisturbed(folder):
    ours = search(folder)
    while (trial := ours.take()) is not None:
        ours.complete(trial, trial.hyperparameters.values["config.x"])
    return read_trials(folder)


@pytest.mark.slow
def test_a_killed_worker_leaves_its_trial_to_the_others(tmp_path):
    (tmp_path / "alone").mkdir()
    expected = undisturbed(tmp_path / "alone")
    folder = tmp_path / "together"
    folder.mkdir()
    processes = [start(folder) for _ in range(3)]
    wait_for(lambda: any(f" {processes[0].pid}" in line for line in lines(folder, "begun.txt")))
    time.sleep(0.3)  # into the trial
    processes[0].send_signal(signal.SIGKILL)
    processes[0].wait()
    for process in processes[1:]:
        assert process.wait(timeout=300) == 0
    assert search(folder).is_over
    found = read_trials(folder)
    # Draws do not depend on results, so that it is known which trials there have to be.
    assert found["config.x"].equals(expected["config.x"])
    assert found["score"].equals(expected["score"])
    victim = next(x.split()[0] for x in lines(folder, "begun.txt") if f" {processes[0].pid}" in x)
    begun = Counter(line.split()[0] for line in lines(folder, "begun.txt"))
    assert begun[victim] == 2
    assert sum(begun.values()) == TRIALS + 1
    parts = Counter(lines(folder, "parts.txt"))
    assert len(parts) == TRIALS * PARTS
    assert set(parts.values()) == {1}  # what was done before the kill was not done again


@pytest.mark.slow
def test_killed_again_and_again_a_search_ends_with_the_same_table(tmp_path):
    (tmp_path / "alone").mkdir()
    expected = undisturbed(tmp_path / "alone")
    folder = tmp_path / "killed"
    folder.mkdir()
    kills = 0
    while not search(folder).is_over:
        process = start(folder, seconds=0.5)
        before = len(lines(folder, "parts.txt"))
        wait_for(lambda p=process, b=before: p.poll() is not None
                 or len(lines(folder, "parts.txt")) >= b + 11)  # fmt: skip
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 5
    assert read_trials(folder).equals(expected)
    assert set(Counter(lines(folder, "parts.txt")).values()) <= {1, 2}


@pytest.mark.slow
def test_tune_with_two_workers_one_of_which_is_killed_in_the_middle_of_a_training(tmp_path):
    """The survivor trains on from the checkpoint of the dead one, and the search is complete."""
    script = tmp_path / "sweep.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(SCRIPT.parent)!r})\n"
        "from small_sweep import MODEL, OPTIONS, radar\n"
        "import keras_wx\n"
        "if __name__ == '__main__':\n"
        "    keras_wx.tune(MODEL, radar(), output_dir=sys.argv[1], oracle='random', seed=1,\n"
        f"        space={SPACE!r}, max_trials=3, workers=2, checkpoint_every=5,\n"
        "        objective='val_mean_absolute_error',\n"
        "        **OPTIONS | {'epochs': 3, 'steps_per_epoch': 150})\n"
    )
    folder = tmp_path / "sweep"
    parent = subprocess.Popen([sys.executable, script, str(folder)], start_new_session=True)
    try:
        wait_for(lambda: checkpoints(folder))
        trial = checkpoints(folder)[0].parts[-3]
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        owner = next(pid for pid in children if holds(pid, folder / "locks" / trial))
        os.kill(int(owner), signal.SIGKILL)
        assert parent.wait(timeout=900) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
    found = read_trials(folder)
    assert list(found["status"]) == ["completed"] * 3
    assert found["message"].tolist() == [""] * 3
    assert list(found["epochs"]) == [3] * 3
    alone = keras_wx.train(
        MODEL, radar(), output_dir=tmp_path / "alone", seed=1, verbose=0,
        learning_rate=found.loc[trial, "training.optimizer.learning_rate"],
        **OPTIONS | {"epochs": 3, "steps_per_epoch": 150,
                     "early_stopping": {"monitor": "val_mean_absolute_error", "mode": "min"}},
    )  # fmt: skip
    best = alone.history["val_mean_absolute_error"][alone.best_epoch]
    assert found.loc[trial, "score"] == pytest.approx(best, rel=1e-6)


def test_what_cannot_be_sent_to_a_worker_is_said():
    with pytest.raises(TrainingError, match=r"workers=2: something cannot be sent"):
        workers.work_together(2, print, lambda: None)


def test_that_data_can_be_sent_is_found_out_without_a_copy_of_them(monkeypatch):
    monkeypatch.setattr(workers.multiprocessing, "get_context", lambda kind: Nobody())
    data = radar(frames=10_000)
    tracemalloc.start()
    try:
        workers.work_together(2, print, {"train": data})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert data.nbytes > 2e6
    assert peak < 0.2 * data.nbytes


class Nobody:
    """Processes that are none."""

    exitcode = 0

    def Process(self, **arguments):
        return self

    def start(self):
        pass

    def join(self):
        pass


def checkpoints(folder):
    return list(folder.glob("trials/*/checkpoints/step-*"))


def holds(pid, path):
    links = Path(f"/proc/{pid}/fd").iterdir()
    return any(link.exists() and link.resolve() == path.resolve() for link in links)
