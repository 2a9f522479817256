"""`performance`: probability of detection against success ratio, with CSI and bias behind them."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.scored import Scores, by_model, by_threshold, require, require_dims
from keras_wx.plots.style import line_style

_PANEL = (2.9, 3.5)  # inches: room for a square
_BIAS = (0.25, 0.5, 1.0, 2.0, 4.0)
_CSI = np.arange(0.1, 1.0, 0.1)


def performance(
    scores: Scores,
    *,
    thresholds: Sequence[float] | None = None,
    path: str | PathLike | None = None,
) -> Figure:
    """Shows how detection is paid for: a panel a threshold, a line a model.

    A line goes through the lead times, from the marker at the first. Up and to the right is better:
    curves join equal CSI, straight dashed lines equal frequency bias.

    Args:
        scores: what `keras_wx.verify` returns, or a mapping from a model's name to it.
        thresholds: which of them to show; by default all.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: scores without POD and FAR by threshold and lead time, or without a threshold.

    References:
        Roebber (2009), Visualizing Multiple Measures of Forecast Quality, Weather and Forecasting
        24, 601-608, doi:10.1175/2008WAF2222159.1.

    Example:

    >>> performance({"convlstm_hko": ours, "rover1": baseline}, path="performance.png")
    """
    models = by_model(scores)
    require(models, "pod", "far")
    for name in ("pod", "far"):
        require_dims(models, name, "threshold", "lead_time")
    selections = by_threshold(models, thresholds)
    figure, grid = panels(len(selections), size=_PANEL, sharex=True, sharey=True)
    for axes, (title, selection) in zip(grid, selections.items(), strict=True):
        isolines(axes)
        for number, (name, dataset) in enumerate(models.items()):
            chosen = dataset.sel(selection)
            axes.plot(
                1 - chosen["far"].values,
                chosen["pod"].values,
                label=name,
                markevery=[0],
                markersize=7,
                markeredgecolor="white",
                **line_style(number),
            )
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.set_title(title, fontsize="medium", pad=12)  # above the numbers of the bias
    figure.supxlabel("Success ratio, 1 − false alarm ratio", fontsize="medium")
    figure.supylabel("Probability of detection", fontsize="medium")
    legend(figure, *grid[0].get_legend_handles_labels())
    return finish(figure, path)


def isolines(axes: Axes) -> None:
    small = {"fontsize": 6, "color": "0.45"}
    ratio = np.linspace(0.005, 1, 400)
    success, detection = np.meshgrid(ratio, ratio)
    # From CSI = hits / (hits + misses + false alarms): 1 / CSI = 1 / SR + 1 / POD - 1.
    csi = 1 / (1 / success + 1 / detection - 1)
    axes.contour(success, detection, csi, _CSI, colors="0.8", linewidths=0.8, zorder=0)
    halo = [withStroke(linewidth=2, foreground="white")]
    for level in _CSI[1::2]:
        middle = 2 * level / (1 + level)  # where POD and success ratio are the same
        axes.text(
            middle, middle, f"{level:.1f}", ha="center", va="center", path_effects=halo, **small
        )
    for bias in _BIAS:
        end = (1 / bias, 1.0) if bias > 1 else (1.0, bias)
        axes.plot([0, end[0]], [0, end[1]], color="0.8", lw=0.8, ls=(0, (4, 4)), zorder=0)
        axes.annotate(
            f"{bias:g}",
            end,
            xytext=(2, 2),
            textcoords="offset points",
            annotation_clip=False,
            **small,
        )
