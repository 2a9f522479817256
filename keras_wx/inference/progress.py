"""A progress bar for a person at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(title: str, total: int, show: bool | None) -> Iterator[Callable[[int], None]]:
    """Yields a function that counts further.

    Args:
        title: what is being done.
        total: when it is done.
        show: None shows the bar on a terminal and in a notebook, not in a pipe or a log.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if show is None:
        show = console.is_terminal or console.is_jupyter
    with Progress(console=console, transient=console.is_terminal, disable=not show) as bar:
        task = bar.add_task(title, total=total)
        yield lambda number: bar.advance(task, number)
