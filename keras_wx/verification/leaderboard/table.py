"""Scores of several models as tables: means over lead times with intervals, leads, lead times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from keras_wx.verification.bootstrap import difference, interval
from keras_wx.verification.fields import BLOCK


@dataclass(frozen=True)
class Score:
    """A score of the table.

    Attributes:
        title: what its columns are called.
        larger_is_better: None where neither is, as of a bias.
        made_of: what is added up over cases before the score is taken.
    """

    title: str
    larger_is_better: bool | None
    made_of: tuple[str, ...] = ("n_pairs",)


_COUNTS = ("hits", "misses", "false_alarms", "correct_negatives")
SCORES = {
    "csi": Score("CSI", True, _COUNTS),
    "frequency_bias": Score("bias", None, _COUNTS),
    "fss": Score("FSS", True, ("fss_error", "fss_reference")),
    "mse": Score("MSE", False),
    "mae": Score("MAE", False),
    "crps": Score("CRPS", False),
}
"""Score of a forecast -> what it is in the table."""

CURTAIN_SCORES = {
    "dice": Score("Dice", True, ("forecast_cloud", "truth_cloud", "cloud_in_both")),
    "mae": Score("MAE", False),
    "rmse": Score("RMSE", False, ("mse", "n_pairs")),
    "emd": Score("EMD", False, ("forecast_histogram", "truth_histogram")),
    "edge_correlation": Score("edge r", True, ("edge_moments",)),
    "csi": Score("CSI", True, _COUNTS),
    "crps": Score("CRPS", False),
    "spearman": Score("Spearman", True, ("spread_error_histogram",)),
}
"""Score of a reconstructed curtain -> what it is in the table."""

FIELD_SCORES = {
    "crps": Score("CRPS", False),
    "crps_fair": Score("fair CRPS", False),
    "mae": Score("MAE", False),
    "rmse": Score("RMSE", False, ("mse", "n_pairs")),
    "mean_error": Score("mean error", None),
    "spread_skill_ratio": Score(
        "spread/skill", None, ("ensemble_variance", "mse", "rank_histogram", "n_pairs")
    ),
}
"""Score of a fine field -> what it is in the table."""

_SUMS = ("n_pairs", "n_forecasts", *_COUNTS, *SCORES["fss"].made_of)
_BULKY = ("rank", "probability_bin", "wavenumber")
"""Dims of what is drawn and not tabled."""
_HOW = ("level", "draws", "events", "blocks")


def score_table(cases: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """The pooled scores, of forecasts their means over lead times: a row a model.

    Args:
        cases: model -> scores of every start and lead time, or of every block of columns, see
            `with_crps`.

    Returns:
        For each score a column such as "CSI@10", "FSS@10/4" (threshold / side of the neighbourhood
        in grid points) or "CSI virga", and its 95 % interval "CSI@10 low", "CSI@10 high"; NaN for
        the interval of a single event or block. The attributes `level`, `draws` and `events`, or
        `blocks`, say how.
    """
    rows, how = {}, {}
    for model, found in cases.items():
        row = rows[model] = {}
        for score in scores_in(found):
            estimate = interval(_lean(found, score), score, **_drawing(found))
            how = estimate.attrs
            for label, cell in cells(estimate, score):
                low, high = bounds(cell, drawn(estimate))
                row |= {label: float(cell["value"]), f"{label} low": low, f"{label} high": high}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
    table.attrs = {key: how[key] for key in _HOW if key in how}
    return table


def difference_table(
    cases: Mapping[str, xr.Dataset], table: pd.DataFrame, baselines: Sequence[str]
) -> pd.DataFrame:
    """How far each model is from the baseline that is the best one at a score, threshold and scale.

    Args:
        cases: see `score_table`.
        table: what it gives.
        baselines: models to choose the best one of.

    Returns:
        Columns `model, score, baseline, difference, low, high`: model minus baseline, with its 95 %
        interval from the same draws of events for both. The baseline itself has no row.
    """
    rows = []
    for model, ours in cases.items():
        for score, larger in scores_in(ours).items():
            if larger is None:
                continue
            against: dict[str, xr.Dataset] = {}
            for label in dict(cells(ours[score].to_dataset(), score)):
                best = _best(table[label].reindex(baselines), larger)
                if best in (None, model):
                    continue
                if best not in against:
                    pair = (_lean(each, score) for each in (ours, cases[best]))
                    against[best] = difference(*pair, score, **_drawing(ours))
                cell = dict(cells(against[best], score))[label]
                ends = bounds(cell, drawn(against[best]))
                rows.append((model, label, best, float(cell["difference"]), *ends))
    columns = ["model", "score", "baseline", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def lead_time_table(scores: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Every score of every model, threshold, scale and lead time: a row each.

    Args:
        scores: model -> what `keras_wx.verify` returns.

    Returns:
        Columns `model, score, threshold, scale, lead_minutes, value`.
    """
    parts = []
    for model, found in scores.items():
        found = found.drop_dims(_BULKY, errors="ignore").drop_vars(_SUMS, errors="ignore")
        for name, values in found.data_vars.items():
            part = values.reset_coords(drop=True).to_dataframe(name="value").reset_index()
            minutes = part.pop("lead_time") / np.timedelta64(1, "m")
            parts.append(part.assign(model=model, score=name, lead_minutes=minutes))
    columns = ["model", "score", "threshold", "scale", "lead_minutes", "value"]
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)


def event_table(scores: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Every score of every model that is a single number, of all columns or of an event.

    Args:
        scores: model -> what `keras_wx.verify` returns of a curtain.

    Returns:
        Columns `model, score, event, value`.
    """
    rows = []
    for model, found in scores.items():
        for name, values in found.data_vars.items():
            if values.dims == ("event",):
                rows += [(model, name, str(each["event"].item()), float(each)) for each in values]
            elif not values.dims:
                rows.append((model, name, "", float(values)))
    return pd.DataFrame(rows, columns=["model", "score", "event", "value"])


def number_table(scores: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Every score of every model that is a single number.

    Args:
        scores: model -> what `keras_wx.verify` returns of fine fields.

    Returns:
        Columns `model, score, value`.
    """
    rows = [
        (model, name, float(value))
        for model, found in scores.items()
        for name, value in found.data_vars.items()
        if not value.dims
    ]
    return pd.DataFrame(rows, columns=["model", "score", "value"])


def scores_in(cases: xr.Dataset) -> dict[str, bool | None]:
    """The scores of the table that there are -> whether larger is better."""
    return {name: score.larger_is_better for name, score in _known(cases).items() if name in cases}


def _known(cases: xr.Dataset) -> dict[str, Score]:
    if "event" in cases.dims:
        return CURTAIN_SCORES
    return FIELD_SCORES if "time" in cases.dims else SCORES


def _drawing(cases: xr.Dataset) -> dict[str, str]:
    """What is drawn for an interval, where it is not what `interval` sees itself."""
    return {"block": BLOCK} if "time" in cases.dims else {}


def _lean(cases: xr.Dataset, score: str) -> xr.Dataset:
    """Without what a bootstrap of this score would resample for nothing."""
    return cases[[score, *_known(cases)[score].made_of]]


def cells(found: xr.Dataset, score: str) -> Iterator[tuple[str, xr.Dataset]]:
    """Label of a column -> what is found there."""
    title = (SCORES | CURTAIN_SCORES | FIELD_SCORES)[score].title
    if "event" in found.dims:
        for event in found["event"].values:
            yield f"{title} {event.replace('_', ' ')}", found.sel(event=event)
        return
    if "threshold" not in found.dims:
        yield title, found
        return
    for threshold in found["threshold"].values:
        at = found.sel(threshold=threshold)
        if "scale" not in found.dims:
            yield f"{title}@{threshold:g}", at
            continue
        for scale in found["scale"].values:
            yield f"{title}@{threshold:g}/{scale:g}", at.sel(scale=scale)


def drawn(estimate: xr.Dataset) -> int:
    """Of how many events or blocks an interval was made."""
    return next(estimate.attrs[key] for key in ("events", "blocks") if key in estimate.attrs)


def bounds(cell: xr.Dataset, number: int) -> tuple[float, float]:
    """The interval; none of a single event or block, whose draws are all alike."""
    return (float(cell["low"]), float(cell["high"])) if number > 1 else (np.nan, np.nan)


def _best(values: pd.Series, larger: bool) -> str | None:
    known = values.dropna()
    if known.empty:
        return None
    return known.idxmax() if larger else known.idxmin()
