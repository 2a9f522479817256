"""`rank_histogram`: where the observation lies among the members of an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

from matplotlib.figure import Figure

from keras_wx.plots.layout import finish, panels
from keras_wx.plots.scored import Scores, by_model, chosen_leads, require, require_dims
from keras_wx.plots.style import LINE_COLORS

_FROM = "; keras_wx.verify gives it of a forecast with several members"


def rank_histogram(
    scores: Scores, *, lead_times: Sequence | None = None, path: str | PathLike | None = None
) -> Figure:
    """Shows how often each rank of the observation among the members was seen: a panel a model.

    Bars at the dashed line are those of a reliable ensemble. A trough in the middle means too
    little spread, a slope a bias.

    Args:
        scores: what `keras_wx.verify` returns of ensembles, or a mapping from a model's name to it.
        lead_times: timedeltas, or numbers of minutes, taken together; by default all. Seasons and
            areas of downscaled fields are all taken together.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: scores of a single forecast, or a lead time that is not there.

    References:
        Hamill (2001), Interpretation of Rank Histograms for Verifying Ensemble Forecasts, Monthly
        Weather Review 129, 550-560.

    Example:

    >>> scores = keras_wx.verify(keras_wx.predict(model, radar, members=20), radar)
    >>> rank_histogram(scores, path="ranks.png")
    """
    models = by_model(scores)
    require(models, "rank_histogram", hint=_FROM)
    by_lead = any("lead_time" in dataset.dims for dataset in models.values())
    if by_lead:
        require_dims(models, "rank_histogram", "rank", "lead_time")
        leads = chosen_leads(models, lead_times, most=None)
    figure, grid = panels(len(models), sharey=True)
    for axes, (name, dataset) in zip(grid, models.items(), strict=True):
        counts = dataset["rank_histogram"]
        counts = counts.sel(lead_time=leads) if by_lead else counts
        counts = counts.sum([dim for dim in counts.dims if dim != "rank"])
        axes.bar(counts["rank"], counts / counts.sum(), width=0.9, color=LINE_COLORS[0])
        axes.axhline(1 / counts.size, color="0.3", lw=1, ls=(0, (4, 4)))
        axes.set_title(name, fontsize="medium")
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("Rank of the observation among the members", fontsize="medium")
    figure.supylabel("Relative frequency", fontsize="medium")
    return finish(figure, path)
