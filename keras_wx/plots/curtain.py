"""`curtain`: reconstructions of a blind zone below what was observed there."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

import cmweather  # noqa: F401  (adds its colour maps to matplotlib's)
import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import BoundaryNorm
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from keras_wx.errors import DataError
from keras_wx.inference.summary import middle
from keras_wx.plots.layout import finish
from keras_wx.plots.panel import add_color_bar
from keras_wx.plots.style import MISSING, NO_ECHO, RADAR_COLORS, ColorScale

_PANEL = (9.0, 1.7)  # inches
_CLASS = 5.0  # dB
_LONGEST_STEP = 1.5  # of the usual one: a longer step is a gap, and stays empty


def curtain(
    reconstruction: xr.Dataset | Mapping[str, xr.Dataset],
    truth: xr.Dataset | None = None,
    *,
    period: slice | None = None,
    top: float | None = None,
    uncertain: float = 10.0,
    low: float = -60.0,
    high: float = 30.0,
    variable: str = "reflectivity",
    path: str | PathLike | None = None,
) -> Figure:
    """Shows curtains one below the other: the observation, then a panel a reconstruction.

    White is no echo, gray is missing. The line is the top of the blind zone. An ensemble is shown
    by its median, as it is scored, and hatched where its members differ; so is what
    `keras_wx.summarise` makes of it, and a distribution that `keras_wx.predict` gives with
    `quantiles` or `thresholds`.

    Args:
        reconstruction: what `keras_wx.predict` or `keras_wx.summarise` returns of a curtain, or a
            mapping from a model's name to it.
        truth: the observation `(time, height)`, for the first panel.
        period: of time, such as `slice("2017-01-05T03", "2017-01-05T04")`; by default all that the
            first reconstruction has.
        top: of the panels, in metres; by default that of the curtain.
        uncertain: standard deviation, in dB, from which gates are hatched.
        low: dBZ that means "no echo".
        high: upper end of the colours, in dBZ.
        variable: which one to show.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: a variable that is no curtain, or a period without a column.

    Example:

    >>> curtain({"unet3plus_kazr": ours, "repeat": theirs}, radar, top=4000, path="case.png")
    """
    named = reconstruction
    if isinstance(named, xr.Dataset):
        named = {str(named.attrs.get("model", "Reconstruction")): named}
    if not named:
        raise DataError("Expected at least one reconstruction to show. Received: an empty mapping")
    rows = {name: _panel(dataset, name, variable, period, low) for name, dataset in named.items()}
    first = next(iter(rows.values()))
    if truth is not None:
        observed = _panel(truth, "truth", variable, None, low).reindex(time=first["time"])
        rows = {"Observation": observed.assign_coords(blind_zone=first["blind_zone"])} | rows

    colors = _colors(low, high)
    size = _PANEL[0], _PANEL[1] * len(rows) + 0.6
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(rows), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, (name, panel) in zip(grid, rows.items(), strict=True):
        image = _draw(axes, panel, colors, low, uncertain)
        if "spread" in panel:
            name = f"{name}, {panel.attrs['what']}, hatched: spread ≥ {uncertain:g} dB"
        axes.set_title(name, loc="left", fontsize="medium")
    grid[0].set_ylim(0, _edges(first)[-1] if top is None else top / 1000)
    if "along_track" in first.coords:
        grid[-1].set_xlabel("Along track [km]")
    else:
        locator = AutoDateLocator()
        grid[-1].xaxis.set_major_locator(locator)
        grid[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))
    figure.supylabel("Height [km]", fontsize="medium")
    add_color_bar(figure, image, list(grid), colors)
    return finish(figure, path)


def _panel(
    dataset: xr.Dataset, name: str, variable: str, period: slice | None, low: float
) -> xr.Dataset:
    """`shown (height, time)` and, of several possible curtains, `spread`."""
    field, spread = _shown(dataset, name, variable), dataset.get(f"{variable}_std")
    panel = xr.Dataset({"shown": field} if spread is None else {"shown": field, "spread": spread})
    panel = (panel if period is None else panel.sel(time=period)).sortby("height")
    if not panel.sizes["time"]:
        raise DataError(
            f"{name!r} has no column in the period {period}. It has {dataset['time'].values[0]} to "
            f"{dataset['time'].values[-1]}"
        )
    panel, what = panel.load().transpose(..., "height", "time"), "median"
    if "realization" in panel.dims:
        members, what = panel["shown"], f"median of {panel.sizes['realization']} members"
        middles = middle(np.maximum(members.values, low))
        panel["shown"] = members.isel(realization=0, drop=True).copy(data=middles)
        panel["spread"] = members.std("realization", ddof=1, skipna=False)
    return panel.assign_attrs(what=what)


def _shown(dataset: xr.Dataset, name: str, variable: str) -> xr.DataArray:
    """A curtain, or the members of one."""
    quantiles = dataset.get(f"{variable}_quantile")
    if variable not in dataset and quantiles is not None and 0.5 in quantiles["quantile"]:
        return quantiles.sel(quantile=0.5, drop=True)
    if variable not in dataset.data_vars or not {"time", "height"} <= set(dataset[variable].dims):
        raise DataError(
            f"{name!r} has no curtain {variable!r} with dims time and height. "
            f"Received: { {key: each.dims for key, each in dataset.data_vars.items()} }"
        )
    return dataset[variable]


def _draw(
    axes: Axes, panel: xr.Dataset, colors: ColorScale, low: float, uncertain: float
) -> QuadMesh:
    x, panel = _across(panel)
    height = panel["height"].values / 1000
    clear = low - 1  # below every class
    shown = panel["shown"].values
    if "spread" in panel and np.nanmax(panel["spread"], initial=0) >= uncertain:
        levels = [uncertain, np.inf]
        axes.contourf(
            x, height, panel["spread"], levels, hatches=["/////"], colors="none", zorder=2
        )
    image = axes.pcolormesh(
        x,
        height,
        np.ma.masked_invalid(np.where(shown <= low, clear, shown)),
        cmap=colors.cmap,
        norm=colors.norm,
        shading="nearest",
        rasterized=True,
        zorder=1,
    )
    axes.set_facecolor(MISSING)
    if "blind_zone" in panel.coords:
        _blind_zone_line(axes, x, panel)
    return image


def _across(field: xr.Dataset) -> tuple[np.ndarray, xr.Dataset]:
    """Kilometres along the track, or dates; where columns are missing, empty ones at either end of
    the gap, lest its neighbours be drawn into it."""
    if "along_track" in field.coords:
        return field["along_track"].values, field
    times = field["time"].values
    steps = np.diff(times)
    if steps.size:
        usual = np.median(steps)
        gaps = np.flatnonzero(steps > _LONGEST_STEP * usual)
        ends = np.concatenate([times[gaps] + usual, times[gaps + 1] - usual])
        field = field.reindex(time=np.union1d(times, ends))
    return date2num(field["time"].values), field


def _blind_zone_line(axes: Axes, x: np.ndarray, field: xr.Dataset) -> None:
    mask = field["blind_zone"].transpose("time", "height").values
    edges = _edges(field)[(mask >= 1).sum(axis=1)]
    edges = np.where(np.isnan(mask).any(axis=1), np.nan, edges)
    halo = [withStroke(linewidth=3, foreground="white")]
    axes.step(x, edges, where="mid", color="black", lw=1.2, path_effects=halo, zorder=3)


def _edges(field: xr.Dataset) -> np.ndarray:
    """Lower and upper ends of the gates in km."""
    height = field["height"].values / 1000
    middle = (height[1:] + height[:-1]) / 2
    return np.concatenate([[2 * height[0] - middle[0]], middle, [2 * height[-1] - middle[-1]]])


def _colors(low: float, high: float) -> ColorScale:
    classes = np.arange(low, high + _CLASS / 2, _CLASS)
    cmap = matplotlib.colormaps[RADAR_COLORS].with_extremes(under=NO_ECHO, bad=MISSING)
    return ColorScale(cmap, BoundaryNorm(classes, cmap.N), "Reflectivity [dBZ]", classes[::2])
