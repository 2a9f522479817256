"""`film_strip`: frames of forecasts below those of the observation."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from keras_wx.plots.case import Case, Forecasts, select
from keras_wx.plots.panel import add_color_bar, add_scale_bar, draw, extent
from keras_wx.plots.style import ColorScale, lead_labels, utc

_MOST_LEAD_TIMES = 6
_PANEL_AREA = 2.6  # square inches
_DPI = 150


def film_strip(
    forecast: Forecasts,
    truth: xr.Dataset | None = None,
    *,
    init_time=None,
    lead_times: Sequence | None = None,
    past: int = 1,
    variable: str | None = None,
    floor: float | None = None,
    path: str | PathLike | None = None,
) -> Figure:
    """Shows forecasts frame by frame, below what was observed at the same times.

    All panels have one colour scale. White is no echo, gray is missing.

    Args:
        forecast: what `keras_wx.predict` returns, or a mapping from a model's name to it: one row
            each. An ensemble is shown by its mean, and labelled so.
        truth: observations `(time, y, x)` in the same units, for the top row.
        init_time: which forecast to show; by default the first that all models have.
        lead_times: timedeltas, or numbers of minutes; by default every n-th, up to six.
        past: how many observed frames up to init_time to show before the forecast.
        variable: which one, if the forecast has several.
        floor: values below it count as it, as in `keras_wx.verify`, before any mean is taken. Where
            "no echo" is -32 dBZ, the mean of an ensemble would hide rain that half of it forecasts.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: an init_time, lead time or variable that is not there, or units that differ.

    Example:

    >>> film_strip({"convlstm_hko": ours, "persistence": last_frame}, radar, path="strip.png")
    """
    figure = _figure(
        select(
            forecast,
            truth,
            variable=variable,
            init_time=init_time,
            lead_times=lead_times,
            at_most=_MOST_LEAD_TIMES,
            past=past,
            floor=floor,
        )
    )
    if path is not None:
        figure.savefig(path, dpi=_DPI)
    return figure


def _figure(case: Case) -> Figure:
    rows = case.rows
    columns = next(iter(rows.values()))["lead_time"].values
    colors = ColorScale.of(case.name, case.units, [field.values for field in rows.values()])
    height, width = extent(next(iter(rows.values()))[0])
    panel = np.sqrt(_PANEL_AREA * np.array([width / height, height / width]))
    size = panel * (len(columns), len(rows)) + (1.5, 0.8)
    figure = Figure(figsize=tuple(size), layout="constrained")
    figure.suptitle(f"{case.name}, forecast from {utc(case.init_time)}")
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    for axes, label in zip(grid[0], lead_labels(columns), strict=True):
        axes.set_title(label, fontsize="medium")
    for row, (name, field) in zip(grid, rows.items(), strict=True):
        # A forecast has no frames of the past: those panels stay empty.
        empty = len(columns) - len(field)
        for axes in row[:empty]:
            axes.set_axis_off()
        for axes, frame in zip(row[empty:], field, strict=True):
            image = draw(axes, frame, colors)
        row[empty].set_ylabel(name)
    add_scale_bar(grid[0, 0], next(iter(rows.values()))[0])
    add_color_bar(figure, image, grid, colors)
    return figure
