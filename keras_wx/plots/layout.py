"""Panels beside and below each other, the legend above them, and the file of the picture."""

from __future__ import annotations

from os import PathLike

from matplotlib.axes import Axes
from matplotlib.figure import Figure

_COLUMNS = 3
_PANEL = (3.4, 2.8)  # inches
_DPI = 150
_LEGEND_ITEMS = 4
_HANDLE, _LETTER, _LINE = 0.65, 0.075, 0.2
"""Widths and height in a legend, in inches."""
_FONT_SIZE = 10


def panels(
    count: int, *, size: tuple[float, float] = _PANEL, columns: int = _COLUMNS, **options
) -> tuple[Figure, list[Axes]]:
    """A figure with so many axes, up to three in a row.

    Args:
        count: of the panels.
        size: of one of them, width and height in inches.
        columns: the most in a row.
        options: of `Figure.subplots`, such as `sharex=True`.
    """
    columns = min(count, columns)
    rows = -(-count // columns)
    figure = Figure(figsize=(size[0] * columns + 0.5, size[1] * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, **options).flat
    for above, axes in zip(grid[count - columns : (rows - 1) * columns], grid[count:], strict=True):
        axes.remove()
        above.tick_params(labelbottom=True)
    return figure, list(grid[:count])


def legend(figure: Figure, handles: list, names: list[str]) -> None:
    """One legend for all panels, above them; long names stand below each other, or get smaller."""
    room = figure.get_figwidth() / (_HANDLE + _LETTER * max(map(len, names), default=1))
    columns = max(1, min(_LEGEND_ITEMS, len(names), int(room)))
    lines = -(-len(names) // columns)
    figure.set_figheight(figure.get_figheight() + _LINE * (lines - 1))
    figure.legend(
        handles,
        names,
        loc="outside upper center",
        ncols=columns,
        fontsize=_FONT_SIZE * min(1, room),
        frameon=False,
    )


def finish(figure: Figure, path: str | PathLike | None) -> Figure:
    """Saves the figure where a path says so."""
    if path is not None:
        figure.savefig(path, dpi=_DPI)
    return figure
