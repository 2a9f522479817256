"""`skill`: scores against lead time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_wx.errors import DataError
from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.scored import Scores, by_model, by_threshold, require
from keras_wx.plots.style import in_clock_units, line_style, pretty_units


def skill(
    scores: Scores,
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
    selections = by_threshold(lines, thresholds) if "threshold" in first.dims else {"": {}}
    figure, grid = panels(len(selections), sharex=True, sharey=True)
    for axes, (title, selection) in zip(grid, selections.items(), strict=True):
        _draw(axes, {name: line.sel(selection) for name, line in lines.items()}, score)
        axes.set_title(title, fontsize="medium")
    _label(figure, grid[0], first, score)
    legend(figure, *grid[0].get_legend_handles_labels())
    return finish(figure, path)


def _lines(scores: Scores, score: str) -> dict[str, xr.DataArray]:
    models = by_model(scores)
    require(models, score)
    lines = {name: dataset[score] for name, dataset in models.items()}
    for name, line in lines.items():
        if set(line.dims) - {"threshold"} != {"lead_time"}:
            raise DataError(
                f"Skill is shown against lead_time, for each threshold. The scores of {name!r} "
                f"have dims {line.dims}; keras_wx.verification.pool takes start times and members "
                "together, .sel(scale=...) chooses among the others."
            )
    return lines


def _draw(axes: Axes, lines: Mapping[str, xr.DataArray], score: str):
    for i, (name, line) in enumerate(lines.items()):
        numbers, _ = in_clock_units(line["lead_time"].values)
        axes.plot(
            numbers,
            line.values,
            label=name,
            markersize=4,
            **line_style(i),
        )
    if score in ("frequency_bias", "mean_error"):
        axes.axhline(1.0 if score == "frequency_bias" else 0.0, color="0.5", lw=1, zorder=0)
    axes.grid(color="0.9", lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def _label(figure: Figure, axes: Axes, line: xr.DataArray, score: str):
    _, unit = in_clock_units(line["lead_time"].values)
    figure.supxlabel(f"Lead time [{unit}]", fontsize="medium")
    name = line.attrs.get("long_name", score.replace("_", " "))
    units = line.attrs.get("units", "1")
    label = name[:1].upper() + name[1:]
    figure.supylabel(
        label if units == "1" else f"{label} [{pretty_units(units)}]", fontsize="medium"
    )
    lowest = min(0.0, axes.get_ylim()[0]) if score in ("hss", "mean_error") else 0.0
    axes.set_ylim(bottom=lowest)
    axes.set_xlim(left=0)
    # Quarters of an hour rather than tens of minutes.
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 1.5, 3, 6, 10]))
