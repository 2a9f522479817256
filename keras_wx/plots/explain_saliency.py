"""`saliency`: where, and in which input, lies what a network's output depends on."""

from __future__ import annotations

from os import PathLike

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from keras_wx.errors import DataError
from keras_wx.plots.explain_field import around_zero, draw_field, from_zero, panel_size
from keras_wx.plots.layout import finish
from keras_wx.plots.panel import add_color_bar
from keras_wx.plots.style import ColorScale, lead_labels

_MOST_FRAMES = 5
_SIGNED = {"gradient": "Gradient", "attribution": "Attribution"}


def saliency(
    explained: xr.Dataset, *, init_time=None, path: str | PathLike | None = None
) -> Figure:
    """Shows gradients or attributions: a row an input, of forecasts a column a frame.

    Red raises the output, blue lowers it. Of a saliency the first row is the greatest size among
    the inputs. The line is the top of the blind zone; gray is missing. Colours end at the 99.5th
    percentile.

    Args:
        explained: what `keras_wx.explain.saliency` or `integrated_gradients` returns.
        init_time: which forecast to show; by default the first.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: a dataset of another kind, or an init_time that is not there.

    Example:

    >>> saliency(keras_wx.explain.saliency(model, curtain), path="saliency.png")
    """
    signed = next((name for name in _SIGNED if name in explained), None)
    if signed is None:
        raise DataError(
            "Expected what keras_wx.explain.saliency or integrated_gradients returns. "
            f"Received: a dataset of {list(explained.data_vars)}"
        )
    explained = _of_one_forecast(explained, init_time)
    rows = {
        str(name): explained[signed].sel(variable=name) for name in explained["variable"].values
    }
    colors = dict.fromkeys(
        rows, around_zero(rows.values(), f"{_SIGNED[signed]}\n(network numbers)")
    )
    if "saliency" in explained:
        greatest = explained["saliency"]
        rows = {"Greatest of all": greatest} | rows
        colors["Greatest of all"] = from_zero([greatest], "Size of gradient\n(network numbers)")
    return finish(_figure(rows, colors), path)


def _of_one_forecast(explained: xr.Dataset, init_time) -> xr.Dataset:
    if "init_time" not in explained.dims:
        return explained
    if init_time is None:
        return explained.isel(init_time=0)
    try:
        return explained.sel(init_time=np.datetime64(init_time, "ns"))
    except KeyError:
        raise DataError(
            f"init_time: expected one of {explained['init_time'].values.astype('M8[s]')}. "
            f"Received: {init_time!r}"
        ) from None


def _figure(rows: dict[str, xr.DataArray], colors: dict[str, ColorScale]) -> Figure:
    first = next(iter(rows.values()))
    frames = [()]
    if "lag" in first.dims:
        count = first.sizes["lag"]
        shown = np.linspace(0, count - 1, min(count, _MOST_FRAMES)).round().astype(int)
        frames = [{"lag": int(frame)} for frame in shown]
    width, height = panel_size(first.isel(frames[0] or {}))
    size = width * len(frames) + 1.5, height * len(rows) + 0.6
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(rows), len(frames), squeeze=False, sharex=True, sharey=True)
    images = {}
    for row, (name, field) in zip(grid, rows.items(), strict=True):
        for axes, frame in zip(row, frames, strict=True):
            images[name] = draw_field(axes, field.isel(frame or {}), colors[name])
        if len(frames) == 1:
            row[0].set_title(name, loc="left", fontsize="medium")
        else:
            row[0].set_ylabel(name)
    for scale in {id(each): each for each in colors.values()}.values():
        share = [number for number, name in enumerate(rows) if colors[name] is scale]
        add_color_bar(figure, images[list(rows)[share[0]]], list(grid[share].flat), scale)
    if "lag" in first.dims:
        labels = lead_labels(-first["lag"].values[[frame["lag"] for frame in frames]])
        for axes, label in zip(grid[0], labels, strict=True):
            axes.set_title(label, fontsize="medium")
    return figure
