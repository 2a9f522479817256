"""`autocorrelation`: how long fields remember, beside the truth."""

from __future__ import annotations

from os import PathLike
from typing import Literal

from matplotlib.figure import Figure

from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.scored import Scores, by_group, by_model, require
from keras_wx.plots.style import line_style

_FROM = "; keras_wx.verify gives them of downscaled fields at several times"


def autocorrelation(
    scores: Scores,
    *,
    series: Literal["domain_mean", "pixel"] = "domain_mean",
    path: str | PathLike | None = None,
) -> Figure:
    """Shows autocorrelation and, in the panel after it, partial autocorrelation: a line a model.

    The gray bars are the truth's. There are two panels for each season or area.

    Args:
        scores: what `keras_wx.verify` returns of downscaled fields, by at most one of season, area
            and so on, or a mapping from a model's name to it. The truth is drawn from the first.
        series: of the mean over the domain, or the mean of those of single pixels.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: scores without autocorrelation, or with several further dims.

    Example:

    >>> autocorrelation({"ddpm": ours, "bicubic": theirs}, series="pixel", path="acf.png")
    """
    models = by_model(scores)
    require(models, "forecast_acf", "truth_acf", hint=_FROM)
    selections = by_group(models, "forecast_acf", "series", "lag")
    first = next(iter(models.values()))
    figure, grid = panels(2 * len(selections), sharex=True, sharey=True, columns=2)
    for number, (title, selection) in enumerate(selections.items()):
        for axes, function in zip(grid[2 * number :], ("acf", "pacf"), strict=False):
            here = selection | {"series": series}
            observed = first[f"truth_{function}"].sel(here)
            axes.bar(observed["lag"], observed, width=0.8, color="0.8", label="Truth")
            for place, (name, dataset) in enumerate(models.items()):
                line = dataset[f"forecast_{function}"].sel(here)
                axes.plot(line["lag"], line, label=name, markersize=3, **line_style(place))
            axes.axhline(0, color="0.3", lw=1)
            axes.set_title(f"{title} {function.upper()}".strip(), fontsize="medium")
            axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("Lag [time steps]", fontsize="medium")
    figure.supylabel("Correlation", fontsize="medium")
    legend(figure, *grid[0].get_legend_handles_labels())
    return finish(figure, path)
