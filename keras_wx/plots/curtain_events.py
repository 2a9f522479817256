"""`curtain_events`: the performance diagram of the events of a blind zone."""

from __future__ import annotations

from os import PathLike

from matplotlib.figure import Figure

from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.performance import isolines
from keras_wx.plots.scored import Scores, by_model, require, require_dims
from keras_wx.plots.style import line_style

_PANEL = (2.9, 3.5)  # inches: room for a square
_FROM = "; keras_wx.verify gives them of a reconstructed curtain"


def curtain_events(scores: Scores, *, path: str | PathLike | None = None) -> Figure:
    """Shows how the detection of each event is paid for: a panel an event, a marker a model.

    Up and to the right is better: curves join equal CSI, straight dashed lines equal frequency
    bias. A model that never says an event has no success ratio, and no marker.

    Args:
        scores: what `keras_wx.verify` returns of reconstructed curtains, or a mapping from a
            model's name to it.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: scores without POD and FAR by event.

    References:
        Roebber (2009), Visualizing Multiple Measures of Forecast Quality, Weather and Forecasting
        24, 601-608, doi:10.1175/2008WAF2222159.1.

    Example:

    >>> curtain_events({"unet3plus_kazr": ours, "marching_average": theirs}, path="events.png")
    """
    models = by_model(scores)
    require(models, "pod", "far", hint=_FROM)
    for name in ("pod", "far"):
        require_dims(models, name, "event")
    events = next(iter(models.values()))["event"].values
    figure, grid = panels(len(events), size=_PANEL, sharex=True, sharey=True)
    for axes, event in zip(grid, events, strict=True):
        isolines(axes)
        for number, (name, dataset) in enumerate(models.items()):
            chosen = dataset.sel(event=event)
            style = line_style(number) | {"linestyle": "none"}
            axes.plot(
                [1 - float(chosen["far"])],
                [float(chosen["pod"])],
                label=name,
                markersize=7,
                markeredgecolor="white",
                clip_on=False,
                **style,
            )
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        title = str(event).replace("_", " ").capitalize()
        axes.set_title(title, fontsize="medium", pad=12)  # above the numbers of the bias
    figure.supxlabel("Success ratio, 1 − false alarm ratio", fontsize="medium")
    figure.supylabel("Probability of detection", fontsize="medium")
    legend(figure, *grid[0].get_legend_handles_labels())
    return finish(figure, path)
