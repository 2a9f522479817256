"""Scores as a table: a row a model, for terminals and reports."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import product

import pandas as pd
import xarray as xr

from keras_wx.errors import DataError
from keras_wx.verification.pooling import OWN_DIMS

_COLUMNS = {
    "csi": "CSI",
    "pod": "POD",
    "far": "FAR",
    "hss": "HSS",
    "frequency_bias": "bias",
    "mae": "MAE",
    "mse": "MSE",
    "rmse": "RMSE",
    "mean_error": "mean error",
    "rainfall_mse": "rainfall MSE",
    "correlation": "correlation",
    "fss": "FSS",
    "crps": "CRPS",
    "crps_fair": "fair CRPS",
    "brier": "Brier",
    "spread": "spread",
    "spread_skill_ratio": "spread/skill",
}


def to_frame(
    scores: xr.Dataset | Mapping[str, xr.Dataset],
    *,
    columns: Sequence[str] = (
        "csi",
        "far",
        "pod",
        "hss",
        "mae",
        "mse",
        "rainfall_mse",
        "correlation",
        "fss",
        "crps",
        "spread_skill_ratio",
    ),
) -> pd.DataFrame:
    """The mean over lead times, as the papers print it: one row a model.

    A lead time at which a score is undefined is left out of its mean.

    Args:
        scores: what `verify` returns, or a mapping from a model's name to it.
        columns: the scores to show, in order. One that was not computed is left out.

    Returns:
        A DataFrame with the index `model` and columns such as "CSI@10" (at 10 dBZ), "FSS@10/4" (and
        in neighbourhoods of 4 grid points) and "MAE".

    Raises:
        DataError: a score that does not exist, or scores that still have init_time or realization.

    Example:

    >>> to_frame({"convlstm_hko": ours, "persistence": baseline}).round(3)
    """
    return row_a_model(scores, columns, _COLUMNS, _row, unnamed="forecast")


def row_a_model(
    scores: xr.Dataset | Mapping[str, xr.Dataset],
    columns: Sequence[str],
    known: Collection[str],
    row: Callable[[str, xr.Dataset, Sequence[str]], dict[str, float]],
    *,
    unnamed: str,
) -> pd.DataFrame:
    """A table of scores.

    Args:
        scores: of one model, or a mapping from a model's name to them.
        columns: the scores to show.
        known: those that there are.
        row: what a model's name, its scores and `columns` make, by the titles of the columns.
        unnamed: what scores are called that do not say of which model they are.

    Raises:
        DataError: a score that is not known.
    """
    unknown = [name for name in columns if name not in known]
    if unknown:
        raise DataError(f"No such score: {unknown}. Expected some of {sorted(known)}.")
    if isinstance(scores, xr.Dataset):
        scores = {scores.attrs.get("model", unnamed): scores}
    if not scores:
        raise DataError("Expected the scores of a model, or of several by name. Received none.")
    rows = {name: row(name, dataset, columns) for name, dataset in scores.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def _row(model: str, scores: xr.Dataset, columns: Sequence[str]) -> dict[str, float]:
    extra = set(scores.dims) - {"lead_time", *OWN_DIMS}
    if extra:
        raise DataError(
            f"The scores of {model!r} still have {sorted(extra)}. A table is made of pooled "
            f"scores: keras_wx.verification.pool(scores, {sorted(extra)})"
        )
    row = {}
    for name in columns:
        if name not in scores:
            continue
        score = scores[name]
        score = score.mean("lead_time") if "lead_time" in score.dims else score
        levels = [dim for dim in ("threshold", "scale") if dim in score.dims]
        for at in product(*(score[dim].values for dim in levels)):
            where = "/".join(f"{level:g}" for level in at)
            title = f"{_COLUMNS[name]}@{where}" if levels else _COLUMNS[name]
            row[title] = float(score.sel(dict(zip(levels, at, strict=True))))
    return row
