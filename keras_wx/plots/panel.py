"""One map: a field in its colours, to scale."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke

from keras_wx.data.geometry import spacing_km
from keras_wx.plots.style import ColorScale


def draw(axes: Axes, field: xr.DataArray, colors: ColorScale) -> AxesImage:
    """Shows a field `(y, x)`, north up, in km where the grid says how long they are."""
    height, width = extent(field)
    y = field[field.dims[0]] if field.dims[0] in field.coords else None
    northward = y is not None and y.size > 1 and y[-1] > y[0]
    image = axes.imshow(
        np.ma.masked_invalid(field.values),
        cmap=colors.cmap,
        norm=colors.norm,
        origin="lower" if northward else "upper",
        extent=(0, width, 0, height),
    )
    axes.set(xticks=[], yticks=[])
    return image


def extent(field: xr.DataArray) -> tuple[float, float]:
    """Height and width of a field `(y, x)` in km, or in pixels if the grid does not say."""
    dy, dx = spacing_km(field, field.dims) or (1.0, 1.0)
    return field.shape[0] * dy, field.shape[1] * dx


def add_scale_bar(axes: Axes, field: xr.DataArray):
    """A bar of a round length in the lower left corner, if the grid says how long a km is."""
    if spacing_km(field, field.dims) is None:
        return
    height, width = extent(field)
    length = _round_length(0.4 * width)
    left, bottom = 0.05 * width, 0.04 * height
    halo = [withStroke(linewidth=3, foreground="white")]
    axes.plot([left, left + length], [bottom, bottom], "k-", lw=1.5, path_effects=halo)
    axes.text(
        left,
        bottom + 0.015 * height,
        f"{length:g} km",
        ha="left",
        va="bottom",
        fontsize="small",
        path_effects=halo,
    )
    axes.set(xlim=(0, width), ylim=(0, height))


def _round_length(most: float) -> float:
    """The largest of 1, 2, 5, 10, 20, ... that is not above `most`."""
    power = 10.0 ** math.floor(math.log10(most))
    return max(factor * power for factor in (1, 2, 5) if factor * power <= most)


def add_color_bar(figure: Figure, image: AxesImage, axes, colors: ColorScale):
    """One colour bar for all axes; its ends are what lies beyond the classes."""
    bar = figure.colorbar(
        image,
        ax=axes,
        label=colors.label,
        ticks=colors.ticks,
        format="%g",
        extend="both",
        aspect=30,
        pad=0.01,
    )
    bar.ax.tick_params(labelsize="small")
    bar.ax.minorticks_off()
