"""Scores of downscaled fields as a table: a row a model, season and area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import pandas as pd
import xarray as xr

from keras_wx.data.downscale.groups import SEASONS, groups_of
from keras_wx.errors import DataError
from keras_wx.verification.downscale.verify import verify_downscaled

_COLUMNS = {
    "r2_correlation": "R2 (correlation)",
    "r2_determination": "R2 (1 - SSE/SST)",
    "nse": "NSE",
    "kge": "KGE",
    "kge_correlation": "KGE correlation",
    "kge_variability": "KGE variability",
    "kge_bias": "KGE bias",
    "rmse": "RMSE",
    "mae": "MAE",
    "mse": "MSE",
    "mean_error": "mean error",
    "crps": "CRPS",
    "crps_fair": "fair CRPS",
    "spread": "spread",
    "spread_skill_ratio": "spread/skill",
    "p999_bias": "99.9 % bias",
    "variogram_error": "variogram error",
}
_DAILY = ("mean", "std", "min", "max")


def to_frame(
    scores: xr.Dataset | Mapping[str, xr.Dataset | Sequence[xr.Dataset]],
    *,
    columns: Sequence[str] = (
        *("r2_correlation", "r2_determination", "nse", "kge", "rmse", "mae", "mean_error"),
        *("crps", "crps_fair", "spread_skill_ratio", "p999_bias", "variogram_error"),
    ),
) -> pd.DataFrame:
    """One row a model and, where the scores have them, a season and an area.

    Args:
        scores: what `verify_downscaled` returns, or a mapping from a model's name to it, or to one
            of each area.
        columns: the scores to show, in order. One that a model does not have is left empty.

    Returns:
        A DataFrame with the index `model` and the dims of the scores, such as `season` and `area`.

    Raises:
        DataError: a score that does not exist.

    Example:

    >>> to_frame({"ddpm": ours, "bicubic": theirs}).round(3)
    """
    unknown = [name for name in columns if name not in _COLUMNS]
    if unknown:
        raise DataError(f"No such score: {unknown}. Expected some of {sorted(_COLUMNS)}.")
    if isinstance(scores, xr.Dataset):
        scores = {scores.attrs.get("model", "forecast"): scores}
    rows, dims = [], []
    for model, parts in scores.items():
        for part in [parts] if isinstance(parts, xr.Dataset) else parts:
            dims = _dims(part, columns)
            for at in product(*(part[dim].values for dim in dims)):
                here = part.sel(dict(zip(dims, at, strict=True)))
                values = {_COLUMNS[name]: float(here[name]) for name in columns if name in here}
                rows.append({"model": model, **dict(zip(dims, at, strict=True)), **values})
    if not rows:
        raise DataError("Expected the scores of a model, or of several by name. Received none.")
    return pd.DataFrame(rows).set_index(["model", *dims])


def season_area_table(
    forecasts: Mapping[str, xr.Dataset | Sequence[xr.Dataset]],
    truth: xr.Dataset | Sequence[xr.Dataset],
    *,
    columns: Sequence[str] = ("r2_correlation", "rmse", "nse", "kge", "crps"),
    daily: bool = False,
    **options,
) -> pd.DataFrame:
    """The paper's table: the scores of each model by season and area, from the fields themselves.

    Args:
        forecasts: name of a model -> its fields, as `verify_downscaled` takes them; or one dataset
            of each area, in the order of `truth`.
        truth: what was there; one dataset of each area, with the attribute `area`, or a single one.
        columns: the scores to show, in order.
        daily: instead of the scores of all pixels and times of a season, the mean, standard
            deviation, least and greatest of those of its single fields, as the paper prints them.
            Not for `nse`, `p999_bias` and `variogram_error`, which a single field does not have.
        options: of `verify_downscaled`, such as `floor=1e-6, log10=True` for the paper's scores.

    Returns:
        A DataFrame with the index `model`, `season`, `area`; with `daily` each score has columns
        mean, std, min and max.

    Raises:
        DataError: what `verify_downscaled` raises; numbers of datasets that differ.

    References:
        Xiang et al. (2025), arXiv:2512.05139, table 3.

    Example:

    >>> season_area_table({"ddpm": [fine_a0, fine_a1]}, [truth_a0, truth_a1], log10=True)
    """
    truths = [truth] if isinstance(truth, xr.Dataset) else list(truth)
    # Only what single numbers are made of: neither lags nor, unless asked for, variograms.
    fast = {"lags": 0} | ({} if "variogram_error" in columns else {"variogram_bins": 0})
    tables = []
    for model, parts in forecasts.items():
        parts = [parts] if isinstance(parts, xr.Dataset) else list(parts)
        if len(parts) != len(truths):
            raise DataError(
                f"Expected one dataset of {model!r} for each of the {len(truths)} of the truth. "
                f"Received: {len(parts)}"
            )
        for part, observed in zip(parts, truths, strict=True):
            by = ("time" if daily else "season", "area")
            scores = verify_downscaled(part, observed, by=by, **(fast | options))
            table = to_frame({model: scores}, columns=columns)
            tables.append(_of_days(table) if daily else table)
    return pd.concat(tables)


def _dims(scores: xr.Dataset, columns: Sequence[str]) -> list[str]:
    shown = [name for name in columns if name in scores]
    return list(dict.fromkeys(str(dim) for name in shown for dim in scores[name].dims))


def _of_days(table: pd.DataFrame) -> pd.DataFrame:
    """Statistics over the single fields of a season, in the order of the year."""
    times = table.index.get_level_values("time").to_numpy()
    season = pd.Categorical(groups_of(["season"], times), SEASONS, ordered=True)
    keys = [table.index.get_level_values("model"), season, table.index.get_level_values("area")]
    found = table.groupby(keys, observed=True, sort=True).agg(_DAILY)
    return found.rename_axis(["model", "season", "area"])
