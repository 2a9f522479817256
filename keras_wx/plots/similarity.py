"""`domain_similarity`: how far two domains are apart, day by day and in their distributions."""

from __future__ import annotations

import textwrap
from os import PathLike

import numpy as np
import xarray as xr
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from keras_wx.errors import DataError
from keras_wx.plots.layout import finish, panels
from keras_wx.plots.style import LINE_COLORS


def domain_similarity(found: xr.Dataset, *, path: str | PathLike | None = None) -> Figure:
    """Shows the distances of two domains over time, and how often they have which value.

    The dashed line is the mean distance of two days of the first domain: domains are as alike as
    can be asked where theirs lies below it.

    Args:
        found: what `keras_wx.data.domain_similarity` returns.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: anything else.

    Example:

    >>> found = keras_wx.data.domain_similarity(pair["dust"], pair["coarse_dust"])
    >>> domain_similarity(found, path="similarity.png")
    """
    needed = {"distance", "distance_within", "pooled_distance", "density"}
    if not isinstance(found, xr.Dataset) or not needed <= set(found.data_vars):
        raise DataError(
            "domain_similarity: expected what keras_wx.data.domain_similarity gives. "
            f"Received: {type(found).__name__}"
        )
    figure, (days, values) = panels(2, size=(4.2, 3.0))
    days.plot(found["time"].values, found["distance"].values, color=LINE_COLORS[0], lw=1)
    days.axhline(float(found["distance_within"].mean()), color="0.3", lw=1, ls=(0, (4, 4)))
    days.set_ylim(bottom=0)
    days.set_ylabel("Wasserstein distance")
    locator = AutoDateLocator(maxticks=6)
    days.xaxis.set_major_locator(locator)
    days.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    days.set_title(f"Each day (dashed: within {found['domain'].values[0]})", fontsize="medium")
    edges = np.linspace(0, 1, found.sizes["value"] + 1)
    for number, density in enumerate(found["density"]):
        name = str(density["domain"].values)
        values.stairs(density.values, edges, color=LINE_COLORS[number], lw=1.5, label=name)
    values.legend(frameon=False, fontsize="small")
    values.set_xlabel("Value in the joint range")
    values.set_ylabel("Density")
    pooled = float(found["pooled_distance"])
    values.set_title(f"All days: distance {pooled:.4f}", fontsize="medium")
    for axes in (days, values):
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(textwrap.fill(found.attrs["verdict"], 90), fontsize="small")
    return finish(figure, path)
