"""Processes that work on one search, and the loop that each of them runs."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
import time
from collections.abc import Callable
from typing import Any

from keras_wx.errors import TrainingError
from keras_wx.tuning.search import Search, Trial, in_words

POLL_SECONDS = 2.0


def work(search: Search, run: Callable[[Search, Trial], None], *, verbose: bool = True) -> None:
    """Runs trials until none is left, those of processes that die meanwhile among them.

    Args:
        search: which may be shared.
        run: runs a trial and tells the search how it ended.
        verbose: whether to print a line for each trial.
    """
    while True:
        trial = search.take()
        if trial is None:
            if search.is_over:
                return
            time.sleep(POLL_SECONDS)
            continue
        try:
            if verbose:
                _say(f"trial {trial.id}  {in_words(trial.hyperparameters.values)}")
            run(search, trial)
            if verbose:
                _say(f"trial {trial.id}  {search.describe(trial.id)}")
        finally:
            trial.claim.release()


def work_together(count: int, target: Callable[..., None], *arguments: Any) -> None:
    """Runs a function in several processes that share nothing but the disk.

    Args:
        count: of processes. One that dies leaves its trial to the others.
        target: of a module.
        *arguments: of it; they can be pickled.

    Raises:
        TrainingError: arguments that cannot be sent to another process, or no process was left.
    """
    try:
        # Arrays are named and not copied: the data may fill half of the memory.
        pickle.dumps(arguments, protocol=5, buffer_callback=lambda array: None)
    except Exception as error:
        raise TrainingError(
            f"workers={count}: something cannot be sent to another process: {error}. Functions "
            "must stand in a module; data must be in memory or opened from files."
        ) from None
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=target, args=arguments) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    codes = [process.exitcode for process in processes]
    if all(codes):
        raise TrainingError(
            f"All {count} processes of the search have ended early, with the exit codes {codes} "
            "(-9: killed, often for want of memory). The same call goes on with the search."
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
