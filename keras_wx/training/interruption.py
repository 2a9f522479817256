"""Ctrl-C, and the signal with which a batch system ends a job: a checkpoint first."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Interruption:
    """Whether somebody wants the run to end, looked at between two steps.

    Args:
        agree: takes the signal that came to this process, or None, and returns the one on which all
            processes of the run act. They call it in the same steps.

    Attributes:
        signal: the signal that came, or None.
    """

    def __init__(self, agree: Callable[[int | None], int | None] | None = None):
        self.signal: int | None = None
        self._agree = agree

    @property
    def is_wished(self) -> bool:
        """Whether the run is to end here, in every process."""
        if self._agree is not None:
            self.signal = self._agree(self.signal)
        return self.signal is not None

    def raise_it(self) -> None:
        """Ends the program as the signal would have done."""
        if self.signal == signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)
        raise KeyboardInterrupt


@contextmanager
def interruptible(
    agree: Callable[[int | None], int | None] | None = None,
) -> Iterator[Interruption]:
    """Turns the first SIGINT or SIGTERM into a wish; a second one acts at once, as usual.

    An exception in the middle of a step could leave weights and step apart. Signals reach the main
    thread alone: in any other one nothing changes.

    Args:
        agree: see `Interruption`.
    """
    wish = Interruption(agree)
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
        print(
            "\nThe run ends with a checkpoint after this step, or after the validation that has "
            "begun; once more ends at once.",
            file=sys.stderr,
        )

    for number in usual:
        signal.signal(number, note)
    try:
        yield wish
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
