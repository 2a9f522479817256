"""A run that a test kills: `python long_run.py PATH`."""

from __future__ import annotations

import sys
import time

from small_pairs import Mixed, make_pair, model_of

import keras_wx

OPTIONS = {"members": 3, "seed": 3, "tile": 8, "overlap": 6, "halo": 2, "batch_size": 12}
DAYS = 14


class Slow(Mixed):
    """`Mixed`, and slow."""

    def __init__(self, seconds=0.0, noise=0.1, name=None):
        super().__init__(noise=noise, name=name)
        self.seconds = seconds

    def forecast(self, x):
        time.sleep(self.seconds)
        return super().forecast(x)


def run(path, history="own", seconds=0.05, **more):
    return keras_wx.predict(
        model_of(Slow(seconds)), make_pair(DAYS), path=path, history=history, **OPTIONS | more
    )


if __name__ == "__main__":
    run(sys.argv[1])
