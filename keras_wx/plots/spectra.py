"""`spectra`: how much variance a forecast has at each scale, beside the observation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from keras_wx.errors import DataError
from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.scored import (
    Scores,
    by_group,
    by_model,
    chosen_leads,
    require,
    require_dims,
)
from keras_wx.plots.style import lead_labels, line_style, pretty_units

_MOST_LEAD_TIMES = 3
_FROM = "; keras_wx.verification.spectra(forecast, truth) gives them"
_POWER = ("forecast_power", "truth_power")


def spectra(
    spectra: Scores,
    *,
    lead_times: Sequence | None = None,
    path: str | PathLike | None = None,
) -> Figure:
    """Shows radially averaged power against wavelength: a panel a lead time, a line a model.

    The broad gray line is the observation. A forecast that falls below it at short wavelengths is
    smoother than the weather.

    Args:
        spectra: what `keras_wx.verification.spectra` returns or, of downscaled fields,
            `keras_wx.verify`, with a panel a season or area; or a mapping from a model's name to
            it. The observation is drawn from the first.
        lead_times: timedeltas, or numbers of minutes; by default up to three, the first and the
            last among them.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: a lead time or variable that is not there.

    Example:

    >>> spectra({"convlstm_hko": keras_wx.verification.spectra(forecast, radar)}, lead_times=[30])
    """
    models = by_model(spectra)
    require(models, *_POWER, hint=_FROM)
    selections = _selections(models, lead_times)
    if not any((found["truth_power"] > 0).any() for found in models.values()):
        raise DataError(
            "Power is drawn on a logarithmic scale, and the observations have none: expected "
            "frames with echo. Received frames without, or with missing values only."
        )
    figure, grid = panels(len(selections), sharex=True, sharey=True)
    first = next(iter(models.values()))
    for axes, (title, selection) in zip(grid, selections.items(), strict=True):
        _draw(axes, first["truth_power"].sel(selection), "Observation", color="0.65", lw=5)
        for number, (name, dataset) in enumerate(models.items()):
            style = line_style(number) | {"marker": None}
            _draw(axes, dataset["forecast_power"].sel(selection), name, **style)
        axes.set_title(title, fontsize="medium")
        axes.grid(color="0.9", lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].set(xscale="log", yscale="log")
    grid[0].xaxis.set_inverted(True)
    for axes in grid:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    length = first["wavelength"].attrs.get("units", "km")
    units = pretty_units(first["forecast_power"].attrs.get("units", ""))
    figure.supxlabel(
        f"Wavelength [{'grid points' if length == '1' else length}]", fontsize="medium"
    )
    figure.supylabel(f"Power [{units}]" if units else "Power", fontsize="medium")
    legend(figure, *grid[0].get_legend_handles_labels())
    return finish(figure, path)


def _selections(models: Mapping[str, xr.Dataset], lead_times: Sequence | None) -> dict[str, dict]:
    """Title of a panel -> what is drawn in it."""
    if not any("lead_time" in dataset.dims for dataset in models.values()):
        return by_group(models, "forecast_power", "wavenumber")
    for name in _POWER:
        require_dims(models, name, "lead_time", "wavenumber")
    leads = chosen_leads(models, lead_times, _MOST_LEAD_TIMES)
    return {
        title: {"lead_time": lead} for title, lead in zip(lead_labels(leads), leads, strict=True)
    }


def _draw(axes: Axes, power: xr.DataArray, name: str, **style) -> None:
    axes.plot(power["wavelength"].values, power.values, label=name, **style)
