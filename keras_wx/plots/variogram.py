"""`variogram`: how different two places are by their distance, beside the truth."""

from __future__ import annotations

from os import PathLike

from matplotlib.figure import Figure

from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.scored import Scores, by_group, by_model, require
from keras_wx.plots.style import line_style, pretty_units

_FROM = "; keras_wx.verify gives them of downscaled fields"


def variogram(scores: Scores, *, path: str | PathLike | None = None) -> Figure:
    """Shows semivariograms: a panel a season or area, a line a model.

    Dots are what was found, lines the spherical models. The truth is gray. A model below it is too
    smooth; one whose line rises faster has structures that are too small.

    Args:
        scores: what `keras_wx.verify` returns of downscaled fields, by at most one of season, area
            and so on, or a mapping from a model's name to it. The truth is drawn from the first.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: scores without variograms, or with several further dims.

    Example:

    >>> variogram({"ddpm": ours, "bicubic": theirs}, path="variogram.png")
    """
    models = by_model(scores)
    require(models, "forecast_variogram", "truth_variogram", hint=_FROM)
    selections = by_group(models, "forecast_variogram", "distance")
    first = next(iter(models.values()))
    lines = [("Truth", "truth", first, {"color": "0.6", "marker": "o"})]
    lines += [
        (name, "forecast", dataset, line_style(number))
        for number, (name, dataset) in enumerate(models.items())
    ]
    figure, grid = panels(len(selections), sharex=True, sharey=True)
    for axes, (title, selection) in zip(grid, selections.items(), strict=True):
        for name, side, dataset, style in lines:
            found = dataset.sel(selection)
            distance = found["distance"].values
            axes.plot(distance, found[f"{side}_variogram_fit"], **(style | {"marker": None}))
            style = style | {"linestyle": "none", "markersize": 3.5, "label": name}
            axes.plot(distance, found[f"{side}_variogram"], **style)
        axes.set_title(title, fontsize="medium")
        axes.grid(color="0.9", lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].set_xlim(left=0)
    grid[0].set_ylim(bottom=0)
    length = first["distance"].attrs.get("units", "1")
    units = pretty_units(first["truth_variogram"].attrs.get("units", ""))
    figure.supxlabel(f"Distance [{'grid points' if length == '1' else length}]", fontsize="medium")
    figure.supylabel(f"Semivariance [{units}]".replace(" []", ""), fontsize="medium")
    legend(figure, *grid[0].get_legend_handles_labels())
    return finish(figure, path)
