"""`skill`: scores against lead time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_wx.errors import DataError
from keras_wx.plots.style import LINE_COLORS, LINE_MARKERS, in_clock_units, pretty_units

_COLUMNS = 3
_PANEL = (3.4, 2.8)  # inches
_DPI = 150


def skill(
    scores: xr.Dataset | Mapping[str, xr.Dataset],
    *,
    score: str = "csi",
    thresholds: Sequence[float] | None = None,
    path: str | PathLike | None = None,
) -> Figure:
    """Shows a score against lead time: a panel a threshold, a line a model.

    Args:
        scores: what `keras_wx.verify` returns, or a mapping from a model's name to it.
        score: one of its variables, such as "csi", "hss" or "mae".
        thresholds: which of them to show; by default all. A score without threshold has one panel.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: a score or threshold that is not there, or scores that have other dims than
            `threshold` and `lead_time`.

    Example:

    >>> skill({"convlstm_hko": ours, "persistence": baseline}, score="hss", path="hss.png")
    """
    lines = _lines(scores, score)
    first = next(iter(lines.values()))
    panels = _panels(lines, thresholds)
    columns = min(len(panels), _COLUMNS)
    rows = -(-len(panels) // columns)
    size = (_PANEL[0] * columns + 0.5, _PANEL[1] * rows + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for above, axes in zip(
        grid.flat[len(panels) - columns :], grid.flat[len(panels) :], strict=False
    ):
        axes.remove()
        above.tick_params(labelbottom=True)
    for axes, (title, selection) in zip(grid.flat, panels.items(), strict=False):
        _draw(axes, {name: line.sel(selection) for name, line in lines.items()}, score)
        axes.set_title(title, fontsize="medium")
    _label(figure, grid, first, score)
    handles, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside upper center", ncols=min(4, len(names)), frameon=False
    )
    if path is not None:
        figure.savefig(path, dpi=_DPI)
    return figure


def _lines(scores: xr.Dataset | Mapping[str, xr.Dataset], score: str) -> dict[str, xr.DataArray]:
    if isinstance(scores, xr.Dataset):
        scores = {str(scores.attrs.get("model", "forecast")): scores}
    if not scores:
        raise DataError("Expected the scores of at least one model. Received: an empty mapping")
    lines = {}
    for name, dataset in scores.items():
        if score not in dataset.data_vars:
            raise DataError(
                f"The scores of {name!r} have no {score!r}. Expected one of "
                f"{sorted(map(str, dataset.data_vars))}"
            )
        line = dataset[score]
        if set(line.dims) - {"threshold"} != {"lead_time"}:
            raise DataError(
                f"Skill is shown against lead_time, for each threshold. The scores of {name!r} "
                f"have dims {line.dims}; keras_wx.verification.pool removes those beyond."
            )
        lines[name] = line
    return lines


def _panels(
    lines: Mapping[str, xr.DataArray], thresholds: Sequence[float] | None
) -> dict[str, dict]:
    """Title -> what to select from each line."""
    first = next(iter(lines.values()))
    if "threshold" not in first.dims:
        return {"": {}}
    wanted = first["threshold"].values if thresholds is None else np.atleast_1d(thresholds)
    for name, line in lines.items():
        known = line["threshold"].values
        if not len(wanted) or not np.isin(wanted, known).all():
            raise DataError(
                f"thresholds: expected some of those that {name!r} has, {known.tolist()}. "
                f"Received: {wanted.tolist()}"
            )
    units = pretty_units(first["threshold"].attrs.get("units", ""))
    return {f"≥ {value:g} {units}".rstrip(): {"threshold": value} for value in wanted}


def _draw(axes: Axes, lines: Mapping[str, xr.DataArray], score: str):
    for i, (name, line) in enumerate(lines.items()):
        numbers, _ = in_clock_units(line["lead_time"].values)
        axes.plot(
            numbers,
            line.values,
            label=name,
            color=LINE_COLORS[i % len(LINE_COLORS)],
            marker=LINE_MARKERS[i % len(LINE_MARKERS)],
            markersize=4,
        )
    if score in ("frequency_bias", "mean_error"):
        axes.axhline(1.0 if score == "frequency_bias" else 0.0, color="0.5", lw=1, zorder=0)
    axes.grid(color="0.9", lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def _label(figure: Figure, grid: np.ndarray, line: xr.DataArray, score: str):
    _, unit = in_clock_units(line["lead_time"].values)
    figure.supxlabel(f"Lead time [{unit}]", fontsize="medium")
    name = line.attrs.get("long_name", score.replace("_", " "))
    units = line.attrs.get("units", "1")
    label = name[:1].upper() + name[1:]
    figure.supylabel(
        label if units == "1" else f"{label} [{pretty_units(units)}]", fontsize="medium"
    )
    lowest = min(0.0, grid[0, 0].get_ylim()[0]) if score in ("hss", "mean_error") else 0.0
    grid[0, 0].set_ylim(bottom=lowest)
    grid[0, 0].set_xlim(left=0)
    # Quarters of an hour rather than tens of minutes.
    grid[0, 0].xaxis.set_major_locator(MaxNLocator(7, steps=[1, 1.5, 3, 6, 10]))
