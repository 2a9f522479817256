"""A process that works on a search without any network: `python shared_search.py FOLDER SECONDS`.

Each trial writes a line when it begins, then works in ten parts, of which it keeps what is done, as
a training does by its checkpoints.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import keras_tuner

from keras_wx.tuning.changes import changes_of
from keras_wx.tuning.oracles import make_oracle
from keras_wx.tuning.search import Search
from keras_wx.tuning.space import read_space
from keras_wx.tuning.workers import work

SPACE = read_space({"config.x": {"range": [0.0, 1.0]}}, "any")
TRIALS = 10
PARTS = 10


def search(folder: Path) -> Search:
    hp = keras_tuner.HyperParameters()
    changes_of(SPACE, hp)

    def oracle():
        return make_oracle("random", hp, objective="f", direction="min", seed=5)

    return Search(folder, oracle, max_trials=TRIALS)


def run(folder: Path, seconds: float):
    def trial(search, trial):
        with (folder / "begun.txt").open("a") as file:
            file.write(f"{trial.id} {os.getpid()}\n")
        for part in range(PARTS):
            done = trial.directory / "checkpoints" / f"step-{part}"
            if not done.exists():
                time.sleep(seconds / PARTS)
                done.mkdir(parents=True)
                with (folder / "parts.txt").open("a") as file:
                    file.write(f"{trial.id} {part}\n")
        search.complete(trial, trial.hyperparameters.values["config.x"])

    return trial


if __name__ == "__main__":
    place = Path(sys.argv[1])
    work(search(place), run(place, float(sys.argv[2])), verbose=False)
