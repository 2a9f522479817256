"""Where the commands print to: a terminal, or a pipe or file."""

from __future__ import annotations

import os

from rich import box
from rich.console import Console
from rich.table import Table

WIDE = 120
"""Columns from which a table has room for sentences."""
_UNLIMITED = 10_000


def console(*, stderr: bool = False) -> Console:
    """A console that prints text as it is: brackets are units here, not markup.

    What is not a terminal is read by programs, which want a row in a line: there, lines are as long
    as they need to be, unless COLUMNS says otherwise.
    """
    found = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not found.is_terminal and "COLUMNS" not in os.environ:
        found.width = _UNLIMITED
    return found


def table() -> Table:
    """An empty table in the style that all commands share: two blanks between columns."""
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
