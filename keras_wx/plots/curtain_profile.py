"""`curtain_profile`: mean reflectivity, its bias and the share of cloud, by height."""

from __future__ import annotations

from os import PathLike

from matplotlib.figure import Figure

from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.scored import Scores, by_model, require, require_dims
from keras_wx.plots.style import line_style

_FROM = "; keras_wx.verify gives it of a reconstructed curtain"
_PANELS = {
    "forecast_profile": ("truth_profile", "Mean reflectivity [dBZ]"),
    "profile_bias": (None, "Bias [dB]"),
    "forecast_cloud_profile": ("truth_cloud_profile", "Share of gates with cloud"),
}
"""What is drawn of a model -> what of the truth, and the label."""


def curtain_profile(
    scores: Scores, *, top: float | None = None, path: str | PathLike | None = None
) -> Figure:
    """Shows the mean vertical profile of reconstructions beside that of the observation.

    The broad gray line is the observation. Clear air counts as the lowest reflectivity, so that the
    first panel holds both how much cloud there is and how strong it is; the last one says the
    former.

    Args:
        scores: what `keras_wx.verify` returns of reconstructed curtains, or a mapping from a
            model's name to it. The observation is drawn from the first.
        top: of the panels, in metres; by default that of the curtain.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: scores without profiles, or by block.

    Example:

    >>> curtain_profile({"unet3plus_kazr": ours, "repeat": theirs}, top=3000, path="profile.png")
    """
    models = by_model(scores)
    first = next(iter(models.values()))
    figure, grid = panels(len(_PANELS), size=(2.8, 3.4), sharey=True)
    for axes, (ours, (observed, label)) in zip(grid, _PANELS.items(), strict=True):
        require(models, ours, *(() if observed is None else (observed,)), hint=_FROM)
        require_dims(models, ours, "height")
        if observed is None:
            axes.axvline(0, color="0.65", lw=2)
        else:
            height = first["height"].values / 1000
            axes.plot(first[observed], height, label="Observation", color="0.65", lw=5)
        for number, (name, dataset) in enumerate(models.items()):
            style = line_style(number) | {"marker": None}
            axes.plot(dataset[ours], dataset["height"].values / 1000, label=name, **style)
        axes.set_xlabel(label)
        axes.grid(color="0.9", lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].set_ylim(0, None if top is None else top / 1000)
    grid[0].set_ylabel("Height [km]")
    legend(figure, *grid[0].get_legend_handles_labels())
    return finish(figure, path)
