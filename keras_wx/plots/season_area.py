"""`season_area`: a table of scores by season and area, in colours."""

from __future__ import annotations

from os import PathLike

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from keras_wx.errors import DataError
from keras_wx.plots.layout import finish, panels

_INDEX = ["model", "season", "area"]


def season_area(
    table: pd.DataFrame,
    column: str | tuple[str, str] | None = None,
    *,
    path: str | PathLike | None = None,
) -> Figure:
    """Shows one score of each model by season and area, as numbers on colours: a panel a model.

    All panels share the colours.

    Args:
        table: what `keras_wx.verification.season_area_table` returns.
        column: which of its columns, such as "RMSE", or ("RMSE", "mean") of a table of single
            days; by default the first.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: another table, or a column that it does not have.

    Example:

    >>> season_area(season_area_table({"ddpm": fine}, truth), "RMSE", path="table.png")
    """
    if list(table.index.names) != _INDEX:
        raise DataError(
            "Expected the table that keras_wx.verification.season_area_table gives, with the index "
            f"{_INDEX}. Received: {list(table.index.names)}"
        )
    column = table.columns[0] if column is None else column
    if column not in table.columns:
        raise DataError(f"column: expected one of {list(table.columns)}. Received: {column!r}")
    cells = table[column].unstack("area", sort=False)
    limits = float(np.nanmin(cells)), float(np.nanmax(cells))
    cmap = matplotlib.colormaps["cividis"]
    models = list(dict.fromkeys(table.index.get_level_values("model")))
    figure, grid = panels(len(models))
    for axes, model in zip(grid, models, strict=True):
        part = cells.loc[model]
        image = axes.imshow(part, cmap=cmap, vmin=limits[0], vmax=limits[1], aspect="auto")
        axes.set_xticks(range(part.shape[1]), part.columns)
        axes.set_yticks(range(part.shape[0]), part.index)
        axes.set_title(model, fontsize="medium")
        for (row, place), value in np.ndenumerate(part.values):
            if np.isnan(value):  # a season without truth
                continue
            # White on the dark half of the colours, black on the light one.
            color = "white" if image.norm(value) < 0.5 else "black"
            axes.text(place, row, f"{value:.3g}", ha="center", va="center", color=color)
    label = column if isinstance(column, str) else " ".join(column)
    figure.colorbar(image, ax=grid, label=label, aspect=30, pad=0.01)
    return finish(figure, path)
