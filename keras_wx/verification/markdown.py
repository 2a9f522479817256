"""Tables for reports and pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, right: bool = False
) -> str:
    """A Markdown table, which ends with a new line.

    Args:
        header: of the columns.
        rows: cells, as many as the header has.
        right: whether all columns but the first are aligned to the right.
    """
    rule = ["---", *(["--:"] if right else ["---"]) * (len(header) - 1)]
    lines = ["| " + " | ".join(row) + " |" for row in (header, *rows)]
    lines.insert(1, "|" + "|".join(rule) + "|")
    return "\n".join(lines) + "\n"
