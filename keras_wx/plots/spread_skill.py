"""`spread_skill`: whether an ensemble spreads as far as its mean errs."""

from __future__ import annotations

from os import PathLike

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.scored import Scores, by_group, by_model, require, require_dims
from keras_wx.plots.style import in_clock_units, line_style, pretty_units

_FROM = "; keras_wx.verify gives them of a forecast with several members"


def spread_skill(scores: Scores, *, path: str | PathLike | None = None) -> Figure:
    """Shows the error of an ensemble's mean and the spread of its members.

    Against lead time: of a reliable ensemble, both lines lie on each other. Spread (dashed) below
    the error (full) means that it is too sure of itself. Of downscaled fields, the error against
    the spread, a point a tenth of the pixels and a panel a season or area: on the dashed diagonal
    the ensemble is reliable, above it too sure of itself.

    Args:
        scores: what `keras_wx.verify` returns of ensembles, or a mapping from a model's name to it.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: scores of a single forecast.

    References:
        Fortin et al. (2014), Why Should Ensemble Spread Match the RMSE of the Ensemble Mean?,
        Journal of Hydrometeorology 15, 1708-1713.

    Example:

    >>> scores = keras_wx.verify(keras_wx.predict(model, radar, members=20), radar)
    >>> spread_skill(scores, path="spread.png")
    """
    models = by_model(scores)
    require(models, "spread", "rmse", hint=_FROM)
    if all("spread_mse" in dataset for dataset in models.values()):
        return finish(_against_spread(models), path)
    for name in ("spread", "rmse"):
        require_dims(models, name, "lead_time")
    figure, (axes,) = panels(1, size=(4.2, 3.2))
    for number, (name, dataset) in enumerate(models.items()):
        style = line_style(number) | {"markersize": 4}
        minutes, unit = in_clock_units(dataset["lead_time"].values)
        axes.plot(minutes, dataset["rmse"], label=name, **(style | {"linestyle": "-"}))
        axes.plot(minutes, dataset["spread"], **(style | {"linestyle": "--"}))
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(color="0.9", lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    units = pretty_units(next(iter(models.values()))["rmse"].attrs.get("units", ""))
    axes.set_xlabel(f"Lead time [{unit}]")
    axes.set_ylabel(f"Full: RMSE of the mean, dashed: spread [{units}]".replace(" []", ""))
    handles, names = axes.get_legend_handles_labels()
    legend(figure, handles, names)
    return finish(figure, path)


def _against_spread(models: dict[str, xr.Dataset]) -> Figure:
    selections = by_group(models, "spread_mse", "spread_bin")
    figure, grid = panels(len(selections), sharex=True, sharey=True)
    for axes, (title, selection) in zip(grid, selections.items(), strict=True):
        for number, (name, dataset) in enumerate(models.items()):
            # A standard deviation of m members is that much smaller than the error of their mean.
            members = dataset.sizes["rank"] - 1
            variance = (members + 1) / members * dataset["spread_variance"].sel(selection)
            error = np.sqrt(dataset["spread_mse"].sel(selection))
            axes.plot(np.sqrt(variance), error, label=name, markersize=4, **line_style(number))
        axes.set_title(title, fontsize="medium")
        axes.grid(color="0.9", lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    end = max(*grid[0].get_xlim(), *grid[0].get_ylim())
    grid[0].set(xlim=(0, end), ylim=(0, end))
    for axes in grid:
        axes.plot([0, end], [0, end], color="0.3", lw=1, ls=(0, (4, 4)), zorder=0)
    units = pretty_units(next(iter(models.values()))["rmse"].attrs.get("units", ""))
    figure.supxlabel(f"Spread of the members [{units}]".replace(" []", ""), fontsize="medium")
    figure.supylabel(f"RMSE of their mean [{units}]".replace(" []", ""), fontsize="medium")
    legend(figure, *grid[0].get_legend_handles_labels())
    return figure
