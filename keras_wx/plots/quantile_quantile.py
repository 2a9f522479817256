"""`quantile_quantile`: whether values are as frequent as in the truth, extremes among them."""

from __future__ import annotations

from os import PathLike

from matplotlib.figure import Figure

from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.scored import Scores, by_group, by_model, require
from keras_wx.plots.style import line_style, pretty_units

_FROM = "; keras_wx.verify gives them of downscaled fields"
_EXTREME = 0.999


def quantile_quantile(scores: Scores, *, path: str | PathLike | None = None) -> Figure:
    """Shows quantiles against those of the truth: a panel a season or area, a line a model.

    On the diagonal a value is as frequent as it was. Below it at the upper end, extremes are too
    weak. The marker is the 99.9th percentile.

    Args:
        scores: what `keras_wx.verify` returns of downscaled fields, by at most one of season, area
            and so on, or a mapping from a model's name to it.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: scores without quantiles, or with several further dims.

    Example:

    >>> quantile_quantile({"ddpm": ours, "bicubic": theirs}, path="quantiles.png")
    """
    models = by_model(scores)
    require(models, "forecast_quantile", "truth_quantile", hint=_FROM)
    selections = by_group(models, "forecast_quantile", "quantile")
    figure, grid = panels(len(selections))
    for axes, (title, selection) in zip(grid, selections.items(), strict=True):
        for number, (name, dataset) in enumerate(models.items()):
            found, style = dataset.sel(selection), line_style(number)
            lines = found["truth_quantile"], found["forecast_quantile"]
            axes.plot(*lines, label=name, **(style | {"marker": None}))
            extreme = (line.sel(quantile=_EXTREME, method="nearest") for line in lines)
            axes.plot(*extreme, **(style | {"linestyle": "none"}))
        ends = min(axes.get_xlim()[0], axes.get_ylim()[0]), max(*axes.get_xlim(), *axes.get_ylim())
        axes.plot(ends, ends, color="0.3", lw=1, ls=(0, (4, 4)), zorder=0)
        axes.set(xlim=ends, ylim=ends, aspect="equal")
        axes.set_title(title, fontsize="medium")
        axes.grid(color="0.9", lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    units = pretty_units(next(iter(models.values()))["truth_quantile"].attrs.get("units", ""))
    figure.supxlabel(f"Quantile of the truth [{units}]".replace(" []", ""), fontsize="medium")
    figure.supylabel(f"Quantile of the forecast [{units}]".replace(" []", ""), fontsize="medium")
    legend(figure, *grid[0].get_legend_handles_labels())
    return finish(figure, path)
