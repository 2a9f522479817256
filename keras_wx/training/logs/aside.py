"""Calls that may raise, hang or be slow, kept away from a training."""

from __future__ import annotations

import queue
import threading
import warnings
from collections.abc import Callable
from typing import Any


class Aside:
    """Makes calls one after the other in a thread of its own; none of them can do harm.

    What goes wrong is said once, as a warning in the thread that trains.

    Args:
        name: what the calls are for, for the warning.
        room: how many calls may wait; while there is no more room, new ones are left out.
    """

    def __init__(self, name: str, room: int = 10_000):
        self.name = name
        self._calls: queue.Queue[tuple[Callable[..., Any], tuple, bool] | None] = queue.Queue(room)
        self._trouble: str | None = None
        self._warned = False
        self._given_up = False
        # A daemon: a call that hangs does not keep Python from ending.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def call(self, function: Callable[..., Any], *arguments: Any, vital: bool = False) -> None:
        """Has a call made when those before it are done. Returns at once, and never raises.

        Args:
            function: what to call.
            arguments: with what.
            vital: whether nothing after it makes sense where it fails.
        """
        if not self._given_up:
            try:
                self._calls.put_nowait((function, arguments, vital))
            except queue.Full:
                self.note("it is slower than the training, and what it has no room for is lost")
        self._warn()

    def note(self, trouble: str) -> None:
        """Keeps what went wrong, for the one warning."""
        self._trouble = self._trouble or trouble

    def close(self, patience: float) -> bool:
        """Waits until all calls are made, but no longer than `patience` seconds.

        Returns:
            Whether they were; otherwise the one that hangs is left alone.
        """
        try:
            self._calls.put(None, timeout=patience)
            self._thread.join(patience)
        except queue.Full:
            pass
        done = not self._thread.is_alive()
        if not done:
            self.note(f"it did not end within {patience:g} s")
            self._given_up = True
        self._warn()
        return done

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            function, arguments, vital = item
            if self._given_up:
                continue
            try:
                function(*arguments)
            # Also SystemExit: a library may end its thread, but not this one.
            except BaseException as error:
                self.note(f"{type(error).__name__}: {error}")
                self._given_up = self._given_up or vital

    def _warn(self) -> None:
        if self._trouble and not self._warned:
            self._warned = True
            warnings.warn(
                f"{self.name}: {self._trouble}. The training goes on; what {self.name} shows of "
                "it may be incomplete.",
                stacklevel=3,
            )
