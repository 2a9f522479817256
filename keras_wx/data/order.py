"""The order of windows in an epoch: a pure function of seed and epoch."""

from __future__ import annotations

import numpy as np

_ADJACENT_BLOCKS = 8
"""Blocks that stay neighbours, so that windows across their borders need few extra reads."""


def epoch_rng(seed: int, epoch: int, *more: int) -> np.random.Generator:
    """A generator of its own for each epoch, or each batch of one."""
    return np.random.default_rng([seed, epoch, *more])


def chunked_order(blocks: np.ndarray, capacity: int, rng: np.random.Generator) -> np.ndarray:
    """Shuffles windows so that each block is read about once.

    Runs of neighbouring blocks are shuffled; then windows, among the runs that memory holds
    together. A window belongs to the block of its first frame and may reach into the next one.

    Args:
        blocks: block of each window, shape `(windows,)`, increasing.
        capacity: number of blocks that memory holds.
        rng: source of randomness.

    Returns:
        A permutation of the windows, shape `(windows,)`.
    """
    adjacent = int(np.clip(capacity // 4, 1, _ADJACENT_BLOCKS))
    together = max(1, capacity // (adjacent + 1))
    run = blocks // adjacent
    place = rng.permutation(run[-1] + 1)[run] // together
    return np.lexsort((rng.random(len(blocks)), place))
