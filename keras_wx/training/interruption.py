"""Ctrl-C, and the signal with which a batch system ends a job: a checkpoint first."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Interruption:
    """Whether somebody wants the run to end, looked at between two steps.

    Attributes:
        signal: the signal that came, or None.
    """

    def __init__(self):
        self.signal: int | None = None

    def raise_it(self) -> None:
        """Ends the program as the signal would have done."""
        if self.signal == signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turns the first SIGINT or SIGTERM into a wish; a second one acts at once, as usual.

    An exception in the middle of a step could leave weights and step apart. Signals reach the main
    thread alone: in any other one nothing changes.
    """
    wish = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    usual = {
        # None stands for a handler that was not installed from Python.
        number: signal.getsignal(number) or signal.SIG_DFL
        for number in (signal.SIGINT, signal.SIGTERM)
    }

    def note(number, frame):
        wish.signal = number
        for known, handler in usual.items():
            signal.signal(known, handler)
        print("\nA checkpoint is written after this step; once more ends at once.", file=sys.stderr)

    for number in usual:
        signal.signal(number, note)
    try:
        yield wish
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
