"""`lowest_echo`: how far down the echo of a column reaches."""

from __future__ import annotations

from os import PathLike

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.scored import Scores, by_model, require, require_dims
from keras_wx.plots.style import line_style

_FROM = "; keras_wx.verify gives it of a reconstructed curtain"
_NAMES = ("lowest_echo", "without_echo")


def lowest_echo(
    scores: Scores, *, top: float | None = None, path: str | PathLike | None = None
) -> Figure:
    """Shows the cumulative distribution of the height of the lowest echo: a line a model.

    A line says which share of the columns has an echo at or below each height; the broad gray one
    is the observation. Left of it at the ground, precipitation is missed; right of it, made up.

    Args:
        scores: what `keras_wx.verify` returns of reconstructed curtains, or a mapping from a
            model's name to it. The observation is drawn from the first.
        top: of the picture, in metres; by default that of the curtain.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: scores without lowest echoes, or by block.

    Example:

    >>> lowest_echo({"unet3plus_kazr": ours, "repeat": theirs}, top=3000, path="lowest.png")
    """
    models = by_model(scores)
    for side in ("forecast", "truth"):
        require(models, *(f"{side}_{name}" for name in _NAMES), hint=_FROM)
        require_dims(models, f"{side}_lowest_echo", "height")
    figure, (axes,) = panels(1, size=(4.2, 3.4))
    _draw(axes, next(iter(models.values())), "truth", label="Observation", color="0.65", lw=5)
    for number, (name, dataset) in enumerate(models.items()):
        _draw(axes, dataset, "forecast", label=name, **(line_style(number) | {"marker": None}))
    axes.set_xlim(left=0)
    axes.set_ylim(0, None if top is None else top / 1000)
    axes.grid(color="0.9", lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("Share of columns with an echo at or below")
    axes.set_ylabel("Height [km]")
    legend(figure, *axes.get_legend_handles_labels())
    return finish(figure, path)


def _draw(axes: Axes, scores: xr.Dataset, side: str, **style) -> None:
    counts, without = (scores[f"{side}_{name}"] for name in _NAMES)
    share = counts.cumsum("height") / (counts.sum() + without)
    axes.plot(share, scores["height"].values / 1000, drawstyle="steps-pre", **style)
