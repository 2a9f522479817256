"""Forecasts of whole domains, a few at a time: tiles in batches, blended, in physical units."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from keras_wx.inference.inputs import Inputs
from keras_wx.inference.network import run
from keras_wx.inference.output import Block
from keras_wx.inference.tiles import Tile
from keras_wx.spec import Variable

if TYPE_CHECKING:
    import keras

    from keras_wx.baselines import Baseline


class Batches(NamedTuple):
    """How the work is divided, so that every batch has one shape and the last ones little padding.

    Attributes:
        forecasts: start times in a block, whose domains are in memory together.
        windows: tiles in a batch.
    """

    forecasts: int
    windows: int

    @classmethod
    def plan(cls, forecasts: int, windows_each: int, most: int) -> Batches:
        """Divides forecasts of so many windows each into batches of at most `most` windows."""
        if windows_each >= most:
            return cls(1, evenly(windows_each, most))
        together = evenly(forecasts, most // windows_each)
        return cls(together, together * windows_each)


def evenly(number: int, most: int) -> int:
    """Size of the parts, if a number is divided into as few of at most `most` as possible."""
    return math.ceil(number / math.ceil(number / most))


def forecast_blocks(
    model: keras.Model | Baseline,
    inputs: Inputs,
    targets: tuple[Variable, ...],
    init: np.ndarray,
    tiles: list[Tile],
    *,
    members: int,
    batches: Batches,
    count: Callable[[int], None],
) -> Iterator[Block]:
    """Forecasts block by block.

    Args:
        model: gives network numbers `(batch, time, y, x, channels)`, one channel a target.
        inputs: of the dataset.
        targets: what the channels are.
        init: index of the frame at step 0 of each forecast.
        tiles: of the domain.
        members: how often each forecast is made.
        batches: how the work is divided.
        count: is told how many windows have been done.

    Yields:
        Which forecasts, and by name of the target `(members, forecasts, time, y, x)` in physical
        units, float32, NaN where nothing is known; without the first axis for one member.
    """
    for first in range(0, len(init), batches.forecasts):
        inits = slice(first, min(first + batches.forecasts, len(init)))
        arrays, missing = inputs.read(init[inits])
        shape = (members, len(missing), targets[0].frames, *inputs.shape, len(targets))
        network = np.zeros(shape, np.float32)
        work = list(itertools.product(range(members), range(len(missing)), tiles))
        # Where a tile is missing as a whole there is nothing to forecast from.
        known = [job for job in work if not missing[job[1], *job[2].inside].all()]
        count(len(work) - len(known))
        for jobs in _groups(known, batches.windows):
            # A smaller last batch would be compiled anew.
            padded = jobs + jobs[-1:] * (batches.windows - len(jobs))
            x = {
                name: np.stack([tile.cut(array[i], inputs.fill[name]) for _, i, tile in padded])
                for name, array in arrays.items()
            }
            tile = jobs[0][2]
            y = run(model, x, (shape[2], tile.rows.size, tile.columns.size, len(targets)))
            for (member, i, tile), part in zip(jobs, y[: len(jobs)], strict=True):
                tile.add(network[member, i], part)
            count(len(jobs))
        yield inits, _physical(network, targets, missing)


def _groups(work: list, size: int) -> Iterator[list]:
    return (work[first : first + size] for first in range(0, len(work), size))


def _physical(
    network: np.ndarray, targets: tuple[Variable, ...], missing: np.ndarray
) -> dict[str, np.ndarray]:
    values = {}
    for channel, target in enumerate(targets):
        field = target.transform.inverse(network[..., channel]).astype(np.float32)
        np.copyto(field, np.nan, where=missing[:, None])
        values[target.name] = field[0] if len(field) == 1 else field
    return values
