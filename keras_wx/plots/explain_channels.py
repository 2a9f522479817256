"""`channel_importance`: what each input of a network is worth."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from keras_wx.errors import DataError
from keras_wx.plots.layout import finish, panels
from keras_wx.plots.style import LINE_COLORS


def channel_importance(
    importance: xr.Dataset | Mapping[str, xr.Dataset], *, path: str | PathLike | None = None
) -> Figure:
    """Shows the importance of inputs as bars, the first panel's most important at the top.

    Dots are the single repeats.

    Args:
        importance: what `keras_wx.explain.channel_drop_importance` or `permutation_importance`
            returns, or a mapping from the title of a panel to it.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: a dataset of another kind, or no panel.

    Example:

    >>> channel_importance({"Shuffled": shuffled, "Left out": left_out}, path="importance.png")
    """
    named = importance
    if isinstance(named, xr.Dataset):
        named = {str(named.attrs.get("model", "")): named}
    if not named or any("importance" not in each for each in named.values()):
        raise DataError(
            "Expected what keras_wx.explain.channel_drop_importance or permutation_importance "
            f"returns. Received: { {name: list(each.data_vars) for name, each in named.items()} }"
        )
    first = next(iter(named.values()))["importance"].mean("repeat")
    order = first["variable"].values[np.argsort(first.values, kind="stable")]
    figure, grid = panels(len(named), size=(3.6, 0.4 * len(order) + 1.0), sharey=True)
    for axes, (title, dataset) in zip(grid, named.items(), strict=True):
        field = dataset["importance"].reindex(variable=order)
        rows = np.arange(len(order))
        axes.barh(rows, field.mean("repeat").values, color=LINE_COLORS[0], height=0.6)
        if field.sizes["repeat"] > 1:
            for each in field.transpose("repeat", "variable").values:
                axes.plot(each, rows, ".", color="black", markersize=3)
        axes.axvline(0, color="0.3", lw=1)
        axes.set_yticks(rows, [str(name).replace("_", " ") for name in order])
        axes.set_title(title, loc="left", fontsize="medium")
        label = field.attrs.get("long_name", "Importance")
        axes.set_xlabel(label.replace(", ", ",\n"), fontsize="small")
        axes.spines[["top", "right"]].set_visible(False)
    return finish(figure, path)
