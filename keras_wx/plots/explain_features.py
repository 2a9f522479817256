"""`feature_maps`: what a layer makes of a dataset, a panel a feature."""

from __future__ import annotations

from os import PathLike

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from keras_wx.errors import DataError
from keras_wx.plots.explain_field import around_zero, draw_field, from_zero, panel_size
from keras_wx.plots.layout import finish, panels
from keras_wx.plots.panel import add_color_bar

_MOST = 12


def feature_maps(
    maps: xr.Dataset, *, most: int = _MOST, path: str | PathLike | None = None, **indexers: int
) -> Figure:
    """Shows the features of a layer, those that vary most first.

    Args:
        maps: what `keras_wx.explain.feature_maps` returns.
        most: how many features.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.
        **indexers: positions along the other dims, such as `frame=-1`, `init_time=0` or `call=2`;
            by default the last.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: a dataset of another kind, a dim that is not there, or features without a grid.

    Example:

    >>> feature_maps(keras_wx.explain.feature_maps(model, curtain, "encoder_2"), most=6)
    """
    if "features" not in maps:
        raise DataError(
            "Expected what keras_wx.explain.feature_maps returns. "
            f"Received: a dataset of {list(maps.data_vars)}"
        )
    field = maps["features"]
    *others, _, _, _ = field.dims if field.ndim >= 3 else (None,) * 3
    if field.ndim < 3 or not set(indexers) <= set(others):
        raise DataError(
            f"Expected features on a grid, and positions along {others}. "
            f"Received: features with dims {field.dims}, {indexers}"
        )
    field = field.isel(dict.fromkeys(others, -1) | indexers)
    spread = field.std(field.dims[:2]).values
    shown = np.argsort(-spread, kind="stable")[:most]
    chosen = [field.isel(feature=int(number)) for number in shown]
    scale = around_zero if min(float(each.min()) for each in chosen) < 0 else from_zero
    colors = scale(chosen, field.attrs.get("long_name", "Feature"))
    figure, grid = panels(len(chosen), size=panel_size(chosen[0]), sharex=True, sharey=True)
    for axes, each, number in zip(grid, chosen, shown, strict=True):
        image = draw_field(axes, each, colors)
        axes.set_title(f"Feature {number}", loc="left", fontsize="medium")
    add_color_bar(figure, image, grid, colors)
    return finish(figure, path)
