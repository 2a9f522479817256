"""One field of an explanation: a map or a curtain, in colours that may have a middle."""

from __future__ import annotations

from collections.abc import Iterable

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

from keras_wx.plots.panel import draw, extent
from keras_wx.plots.style import MISSING, ColorScale

_MAP_AREA = 5.0  # square inches
_CURTAIN = (6.0, 1.7)  # inches
_SHOWN = 99.5
"""Percentile at which colours end: gradients have few values that are far larger than the rest."""


def is_curtain(field: xr.DataArray) -> bool:
    return {"height", "time"} <= set(field.dims)


def panel_size(field: xr.DataArray) -> tuple[float, float]:
    """Width and height of a panel in inches."""
    if is_curtain(field):
        return _CURTAIN
    height, width = extent(field)
    return (_MAP_AREA * width / height) ** 0.5, (_MAP_AREA * height / width) ** 0.5


def around_zero(fields: Iterable[xr.DataArray], label: str) -> ColorScale:
    """Colours of signed numbers: white is 0."""
    return _scale("RdBu_r", -1, fields, label)


def from_zero(fields: Iterable[xr.DataArray], label: str) -> ColorScale:
    """Colours of sizes: none of them is below 0."""
    return _scale("magma_r", 0, fields, label)


def _scale(cmap: str, low: int, fields: Iterable[xr.DataArray], label: str) -> ColorScale:
    sizes = np.concatenate([np.abs(field.values[np.isfinite(field.values)]) for field in fields])
    high = (float(np.percentile(sizes, _SHOWN)) if sizes.size else 0) or 1.0
    return ColorScale(
        matplotlib.colormaps[cmap].with_extremes(bad=MISSING), Normalize(low * high, high), label
    )


def draw_field(axes: Axes, field: xr.DataArray, colors: ColorScale) -> ScalarMappable:
    """Shows a map to scale, or a curtain with height and time, and the top of its blind zone."""
    if not is_curtain(field):
        return draw(axes, field, colors)
    field = field.transpose("height", "time")
    x, height = date2num(field["time"].values), field["height"].values / 1000
    image = axes.pcolormesh(
        x,
        height,
        np.ma.masked_invalid(field.values),
        cmap=colors.cmap,
        norm=colors.norm,
        shading="nearest",
        rasterized=True,
    )
    axes.set_facecolor(MISSING)
    axes.set_ylabel("Height [km]")
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    if "blind_zone" in field.coords:
        blind = field["blind_zone"].transpose("height", "time").values == 1
        axes.contour(x, height, blind, levels=[0.5], colors="black", linewidths=1)
    return image
