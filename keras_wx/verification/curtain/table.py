"""Scores of curtains as a table: a row a model, for terminals and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import xarray as xr

from keras_wx.errors import DataError
from keras_wx.verification.curtain.events import EVENTS
from keras_wx.verification.table import row_a_model

_COLUMNS = {
    "mae": "MAE",
    "rmse": "RMSE",
    "mean_error": "mean error",
    "dice": "Dice",
    "emd": "EMD",
    "edge_correlation": "edge correlation",
    "lowest_echo_mae": "lowest echo MAE",
    "lowest_echo_bias": "lowest echo bias",
    "csi": "CSI",
    "pod": "POD",
    "far": "FAR",
    "hss": "HSS",
    "crps": "CRPS",
    "crps_fair": "fair CRPS",
    "spread": "spread",
    "spread_skill_ratio": "spread/skill",
    "coverage": "coverage",
    "unsure_coverage": "coverage where unsure",
    "spearman": "Spearman",
}


def to_frame(
    scores: xr.Dataset | Mapping[str, xr.Dataset],
    *,
    columns: Sequence[str] = (
        *("mae", "rmse", "dice", "emd", "edge_correlation", "csi"),
        *("crps", "spread_skill_ratio", "coverage", "spearman"),
    ),
) -> pd.DataFrame:
    """One row a model, one column a score, or a score of an event.

    Args:
        scores: what `verify_curtain` returns, or a mapping from a model's name to it.
        columns: the scores to show, in order. One that a model does not have is left empty.

    Returns:
        A DataFrame with the index `model` and columns such as "MAE", "Dice" and "CSI virga".

    Raises:
        DataError: a score that is no single number, or scores by block.

    Example:

    >>> to_frame({"unet3plus_kazr": ours, "marching_average": theirs}).round(3)
    """
    return row_a_model(scores, columns, _COLUMNS, _row, unnamed="reconstruction")


def _row(model: str, scores: xr.Dataset, columns: Sequence[str]) -> dict[str, float]:
    if "block" in scores.dims:
        raise DataError(
            f"The scores of {model!r} are by block. A table is made of the scores of all columns: "
            "verify_curtain without by_block."
        )
    row = {}
    for name in columns:
        if name not in scores:
            continue
        score = scores[name]
        if "event" in score.dims:
            for event in EVENTS:
                title = f"{_COLUMNS[name]} {event.replace('_', ' ')}"
                row[title] = float(score.sel(event=event))
        else:
            row[_COLUMNS[name]] = float(score)
    return row
