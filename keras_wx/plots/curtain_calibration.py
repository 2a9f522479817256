"""`curtain_calibration`: whether the members of reconstructions know how unsure they are."""

from __future__ import annotations

from os import PathLike

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.scored import Scores, by_model, require, require_dims
from keras_wx.plots.style import line_style

_FROM = "; keras_wx.verify gives it of a reconstruction with several members"
_ENOUGH = 100
"""Gates from which a bin of spread is drawn: the error of fewer says little."""


def curtain_calibration(scores: Scores, *, path: str | PathLike | None = None) -> Figure:
    """Shows error against spread, and the rank of the truth among the members: a line a model.

    On the dashed lines an ensemble is reliable. Above the first it is too sure of itself, as it is
    where the second panel has a trough in the middle. Bins with fewer than 100 gates are left out.

    Args:
        scores: what `keras_wx.verify` returns of reconstructed curtains with several members, or a
            mapping from a model's name to it.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: scores of a single reconstruction, or by block.

    References:
        Fortin et al. (2014), Why Should Ensemble Spread Match the RMSE of the Ensemble Mean?,
        Journal of Hydrometeorology 15, 1708-1713.
        Hamill (2001), Interpretation of Rank Histograms for Verifying Ensemble Forecasts, Monthly
        Weather Review 129, 550-560.

    Example:

    >>> curtain_calibration({"3+_1": one_channel, "3+_5": five_channels}, path="spread.png")
    """
    models = by_model(scores)
    require(models, "spread_mse", "spread_variance", "spread_count", "rank_frequency", hint=_FROM)
    require_dims(models, "spread_mse", "spread_bin")
    require_dims(models, "rank_frequency", "rank")
    figure, (errors, ranks) = panels(2, size=(3.6, 3.2))
    for number, (name, dataset) in enumerate(models.items()):
        _draw_errors(errors, dataset, label=name, markersize=4, **line_style(number))
        # As a density, so that ensembles of different sizes share the axis.
        frequency = dataset["rank_frequency"].values
        edges = np.linspace(0, 1, frequency.size + 1)
        color = line_style(number)["color"]
        ranks.stairs(frequency * frequency.size, edges, color=color, lw=1.5)
    end = max(errors.get_xlim()[1], errors.get_ylim()[1])
    dashed = {"color": "0.3", "lw": 1, "ls": (0, (4, 4)), "zorder": 0}
    errors.plot([0, end], [0, end], **dashed)
    ranks.axhline(1, **dashed)
    errors.set(xlim=(0, end), ylim=(0, end), aspect="equal")
    errors.set(xlabel="Spread of the members [dB]", ylabel="RMSE of their mean [dB]")
    ranks.set(xlim=(0, 1), xlabel="Rank of the truth over number of members", ylabel="Density")
    ranks.set_ylim(bottom=0)
    for axes in (errors, ranks):
        axes.spines[["top", "right"]].set_visible(False)
    legend(figure, *errors.get_legend_handles_labels())
    return finish(figure, path)


def _draw_errors(axes: Axes, scores: xr.Dataset, **style) -> None:
    often = scores["spread_count"] >= _ENOUGH
    # A standard deviation of m members is that much smaller than the error of their mean.
    members = scores.sizes["rank"] - 1
    spread = np.sqrt((members + 1) / members * scores["spread_variance"][often])
    axes.plot(spread, np.sqrt(scores["spread_mse"][often]), **style)
