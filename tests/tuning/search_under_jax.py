"""A search with real trainings, for a process that has no TensorFlow."""

import sys

from small_sweep import MODEL, OPTIONS, radar

import keras_wx

SPACE = {"config.filters": [[2], [3]], "training.batch_size": [2, 3]}
sweep = keras_wx.tune(
    MODEL, radar(), output_dir=sys.argv[1], space=SPACE, max_trials=2, verbose=0,
    **OPTIONS | {"epochs": 1},
)  # fmt: skip
assert list(sweep.trials["status"]) == ["completed"] * 2, sweep.trials["message"].tolist()
assert keras_wx.load(sweep.best_preset).preset.config["filters"] in ([2], [3])
