"""`lag_curves`: error and R2 of downscaled fields against lag or lead."""

from __future__ import annotations

from os import PathLike

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.scored import Scores, by_model, require, require_dims
from keras_wx.plots.style import in_clock_units, line_style, pretty_units

_LAG = ("forecast_lag_rmse", "forecast_lag_r2")
_LEAD = ("rmse", "r2_correlation")
_FROM = "; keras_wx.verify gives them of downscaled fields at several times"


def lag_curves(scores: Scores, *, path: str | PathLike | None = None) -> Figure:
    """Shows RMSE and squared correlation: a panel each, a line a model.

    Against the lag of the truth that fields are compared with: the gray line is the truth itself,
    which a good forecast joins after lag 0. Where the scores are by lead_time, against that: how a
    reconstruction loses hold of the truth from which it started.

    Args:
        scores: what `keras_wx.verify` returns of downscaled fields, without further dims or by
            lead_time, or a mapping from a model's name to it. The truth is drawn from the first.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: scores without lags, or by something else.

    Example:

    >>> lag_curves({"ddpm": ours, "bicubic": theirs}, path="lags.png")
    """
    models = by_model(scores)
    first = next(iter(models.values()))
    dim, names = ("lead_time", _LEAD) if "lead_time" in first.dims else ("lag", _LAG)
    require(models, *names, hint=_FROM)
    for name in names:
        require_dims(models, name, dim)
    figure, grid = panels(2, size=(3.6, 3.0), sharex=True)
    for axes, score in zip(grid, names, strict=True):
        if dim == "lag":
            truth = first[score.replace("forecast", "truth")]
            _draw(axes, truth, dim, label="Truth", color="0.65", lw=4)
        for number, (name, dataset) in enumerate(models.items()):
            _draw(axes, dataset[score], dim, label=name, markersize=3, **line_style(number))
        axes.set_ylim(bottom=0)
        axes.grid(color="0.9", lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    units = pretty_units(first[names[0]].attrs.get("units", ""))
    grid[0].set_ylabel(f"RMSE [{units}]".replace(" []", ""))
    grid[1].set_ylabel("R² (squared correlation)")
    label = "Lag [time steps]" if dim == "lag" else f"Lead time [{_leads(first)[1]}]"
    figure.supxlabel(label, fontsize="medium")
    legend(figure, *grid[0].get_legend_handles_labels())
    return finish(figure, path)


def _draw(axes: Axes, line: xr.DataArray, dim: str, **style) -> None:
    axes.plot(line[dim].values if dim == "lag" else _leads(line)[0], line.values, **style)


def _leads(scores: xr.Dataset | xr.DataArray):
    return in_clock_units(scores["lead_time"].values)
