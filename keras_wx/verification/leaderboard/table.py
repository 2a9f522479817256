"""Scores of several models as tables: means over lead times with intervals, leads, lead times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from keras_wx.verification.bootstrap import difference, interval

SCORES = {
    "csi": "CSI",
    "frequency_bias": "bias",
    "fss": "FSS",
    "mse": "MSE",
    "mae": "MAE",
    "crps": "CRPS",
}
"""Score -> how its columns are called."""

_LARGER_IS_BETTER = {"csi": True, "fss": True, "mse": False, "mae": False, "crps": False}
_COUNTS = ("hits", "misses", "false_alarms", "correct_negatives")
_MADE_OF = {
    "csi": _COUNTS,
    "frequency_bias": _COUNTS,
    "fss": ("fss_error", "fss_reference"),
}
"""What is added up over events before the score is taken; of the others, the number of pixels."""

_SUMS = ("n_pairs", "n_forecasts", *_COUNTS, *_MADE_OF["fss"])
_BULKY = ("rank", "probability_bin", "wavenumber")
"""Dims of what is drawn and not tabled."""


def score_table(cases: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Means over lead times of the pooled scores: a row a model.

    Args:
        cases: model -> scores of every start and lead time, see `with_crps`.

    Returns:
        For each score a column such as "CSI@10" or "FSS@10/4" (threshold / side of the
        neighbourhood in grid points), and its 95 % interval "CSI@10 low", "CSI@10 high"; NaN for
        the interval of a single event. The attributes `level`, `draws` and `events` say how.
    """
    rows, how = {}, {}
    for model, found in cases.items():
        row = rows[model] = {}
        for score in (name for name in SCORES if name in found):
            estimate = interval(_lean(found, score), score)
            how = {key: estimate.attrs[key] for key in ("level", "draws", "events")}
            for label, cell in _cells(estimate, score):
                low, high = _bounds(cell, how["events"])
                row |= {label: float(cell["value"]), f"{label} low": low, f"{label} high": high}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
    table.attrs = how
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
        for score, larger in _LARGER_IS_BETTER.items():
            if score not in ours:
                continue
            against: dict[str, dict[str, xr.Dataset]] = {}
            for label in dict(_cells(ours[score].to_dataset(), score)):
                best = _best(table[label].reindex(baselines), larger)
                if best in (None, model):
                    continue
                if best not in against:
                    pair = (_lean(each, score) for each in (ours, cases[best]))
                    found = difference(*pair, score)
                    against[best] = dict(_cells(found, score)) | {"events": found.attrs["events"]}
                cell = against[best][label]
                bounds = _bounds(cell, against[best]["events"])
                rows.append((model, label, best, float(cell["difference"]), *bounds))
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


def _lean(cases: xr.Dataset, score: str) -> xr.Dataset:
    """Without what a bootstrap of this score would resample for nothing."""
    return cases[[score, *_MADE_OF.get(score, ("n_pairs",))]]


def _cells(found: xr.Dataset, score: str) -> Iterator[tuple[str, xr.Dataset]]:
    """Label of a column -> what is found there."""
    name = SCORES[score]
    if "threshold" not in found.dims:
        yield name, found
        return
    for threshold in found["threshold"].values:
        at = found.sel(threshold=threshold)
        if "scale" not in found.dims:
            yield f"{name}@{threshold:g}", at
            continue
        for scale in found["scale"].values:
            yield f"{name}@{threshold:g}/{scale:g}", at.sel(scale=scale)


def _bounds(cell: xr.Dataset, events: int) -> tuple[float, float]:
    """The interval; none of a single event, whose draws are all alike."""
    return (float(cell["low"]), float(cell["high"])) if events > 1 else (np.nan, np.nan)


def _best(values: pd.Series, larger: bool) -> str | None:
    known = values.dropna()
    if known.empty:
        return None
    return known.idxmax() if larger else known.idxmin()
