"""`reliability`: how often it rained where a probability was forecast."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.scored import (
    Scores,
    by_model,
    by_threshold,
    chosen_leads,
    require,
    require_dims,
)
from keras_wx.plots.style import line_style

_PANEL = (2.9, 3.35)  # inches
_COUNTS = ("forecast_count", "observed_count", "probability_sum")
_FROM = "; keras_wx.verify gives them of a forecast with several members"


def reliability(
    scores: Scores,
    *,
    thresholds: Sequence[float] | None = None,
    lead_times: Sequence | None = None,
    path: str | PathLike | None = None,
) -> Figure:
    """Shows observed frequency against forecast probability: a panel a threshold, a line a model.

    On the diagonal it rained as often as was said; below it the forecast said too much. The small
    curve in the corner has the share of the forecasts at each probability, on a logarithmic axis.

    Args:
        scores: what `keras_wx.verify` returns of ensembles, or a mapping from a model's name to it.
        thresholds: which of them to show; by default all.
        lead_times: timedeltas, or numbers of minutes, taken together; by default all. Seasons and
            areas of downscaled fields are all taken together.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: scores of a single forecast, or a threshold or lead time that is not there.

    References:
        Wilks (2019), Statistical Methods in the Atmospheric Sciences, section 9.4.4.

    Example:

    >>> scores = keras_wx.verify(keras_wx.predict(model, radar, members=20), radar)
    >>> reliability(scores, lead_times=[30, 60], path="reliability.png")
    """
    models = by_model(scores)
    require(models, *_COUNTS, hint=_FROM)
    selections = by_threshold(models, thresholds)
    leads = {}
    if any("lead_time" in dataset.dims for dataset in models.values()):
        for name in _COUNTS:
            require_dims(models, name, "threshold", "probability_bin", "lead_time")
        leads = {"lead_time": chosen_leads(models, lead_times, most=None)}
    figure, grid = panels(len(selections), size=_PANEL, sharex=True, sharey=True)
    for axes, (title, selection) in zip(grid, selections.items(), strict=True):
        counts = {
            name: _added(dataset[list(_COUNTS)].sel(selection | leads))
            for name, dataset in models.items()
        }
        axes.plot([0, 1], [0, 1], color="0.6", lw=1, ls=(0, (4, 4)), zorder=0)
        inset = axes.inset_axes((0.15, 0.7, 0.36, 0.22))
        for number, (name, found) in enumerate(counts.items()):
            _draw(axes, inset, found, name, line_style(number))
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.grid(color="0.9", lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(title, fontsize="medium")
        inset.set(xlim=(0, 1), yscale="log", xticks=[])
        inset.yaxis.set_minor_formatter(NullFormatter())
        inset.set_title("Share of forecasts", fontsize=6, pad=2)
        inset.tick_params(labelsize=6, pad=1)
    figure.supxlabel("Forecast probability", fontsize="medium")
    figure.supylabel("Observed frequency", fontsize="medium")
    legend(figure, *grid[0].get_legend_handles_labels())
    return finish(figure, path)


def _added(counts: xr.Dataset) -> xr.Dataset:
    return counts.sum([dim for dim in counts.dims if dim != "probability_bin"])


def _draw(axes: Axes, inset: Axes, counts: xr.Dataset, name: str, style: dict) -> None:
    made, seen, total = (counts[key].values.astype(float) for key in _COUNTS)
    used = made > 0
    probability = total[used] / made[used]
    axes.plot(probability, seen[used] / made[used], label=name, markersize=4, **style)
    share = made[used] / np.sum(made) if used.any() else made[used]
    inset.plot(probability, share, lw=1, **(style | {"marker": None}))
