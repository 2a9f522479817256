"""The leaderboard of downscaling: every model's fine fields of the same times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from keras_wx.inference.predict import predict
from keras_wx.verification.downscale import to_frame
from keras_wx.verification.fields import fit_baselines, score_fields
from keras_wx.verification.hindcasts import frames_around, members_of, start_windows
from keras_wx.verification.leaderboard.cost import fields_cost_table
from keras_wx.verification.leaderboard.entries import Entries
from keras_wx.verification.leaderboard.facts import field_facts_of
from keras_wx.verification.leaderboard.result import Leaderboard
from keras_wx.verification.leaderboard.table import difference_table, score_table

_WHOLE = (
    *("r2_correlation", "r2_determination", "nse", "kge"),
    *("p999_bias", "variogram_error"),
)
"""Scores of all fields together, which have no interval."""
_SPECTRUM = "spectrum error"
_SMALLER_IS_BETTER = ("variogram error", _SPECTRUM)
"""Those of them by which a model is compared with the best baseline."""


def compare_fields(
    entries: Entries,
    dataset: xr.Dataset,
    conversions: Mapping[str, Any],
    starts: Mapping[str, Any],
    *,
    thresholds: Sequence[float] | None,
    members: int,
    seed: int,
    batch_size: int | None,
    repetitions: int,
) -> Leaderboard:
    """Scores and cost of fine fields; for the arguments see `leaderboard`."""
    windows = start_windows(entries.data, entries.window, **starts)
    entries.drop_without_history(windows.init_times)
    fitted = fit_baselines(entries.models, dataset, **conversions)
    drawing = {"members": members, "seed": seed, "batch_size": batch_size}
    failures: dict[str, Exception] = {}
    cases, scores = score_fields(
        entries.models,
        entries.data,
        entries.sample,
        windows.init_times,
        thresholds=thresholds,
        failures=failures,
        **drawing,
    )
    entries.note(failures)
    measured = fields_cost_table(entries, cases, windows.init_times, repetitions, **drawing)
    baselines = [name for name in entries.baselines if name in cases]
    table = score_table(cases)
    differences = difference_table(cases, table, baselines)
    for name, column in whole_scores(scores).items():
        table[name] = column
        table[[f"{name} low", f"{name} high"]] = np.nan
    leads = _leads(table, baselines)
    differences = pd.concat([differences, leads], ignore_index=True) if len(leads) else differences
    table.insert(0, "members", [members_of(entries.models[name], members) for name in cases])
    table["ms"] = measured["median_ms"].reindex(table.index)
    middle = windows.init_times[[len(windows.init_times) // 2]]
    observed = frames_around(entries.data, middle, entries.sample, entries.models.values())
    return Leaderboard(
        table,
        differences,
        scores=scores,
        spectra={},
        cases=cases,
        cost=measured,
        baselines=tuple(baselines),
        left_out=entries.left_out,
        facts=field_facts_of(dataset, entries, windows, starts["split"], table, fitted),
        task="downscale",
        examples={
            name: predict(
                entries.models[name],
                observed,
                init_times=middle,
                members=members_of(entries.models[name], members),
                seed=seed,
                batch_size=batch_size,
                progress=False,
            )
            for name in cases
        },
        observed=observed,
    )


def whole_scores(scores: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """The scores that are no means over times: a row a model.

    Args:
        scores: model -> what `keras_wx.verify` returns of all fields together.
    """
    table = to_frame(scores, columns=_WHOLE)
    table[_SPECTRUM] = [spectrum_error(found) for found in scores.values()]
    return table


def spectrum_error(scores: xr.Dataset) -> float:
    """Mean over wavenumbers of how far the power is from the truth's, in dB; NaN without power."""
    if "forecast_power" not in scores:
        return np.nan
    forecast, truth = scores["forecast_power"].values, scores["truth_power"].values
    known = (forecast > 0) & (truth > 0)
    if not known.any():
        return np.nan
    return float(np.abs(10 * np.log10(forecast[known] / truth[known])).mean())


def _leads(table: pd.DataFrame, baselines: Sequence[str]) -> pd.DataFrame:
    """Model minus the best baseline, as `difference_table` has it, of scores without interval."""
    rows = []
    for score in _SMALLER_IS_BETTER:
        known = table[score].reindex(baselines).dropna()
        if known.empty:
            continue
        best = known.idxmin()
        rows += [
            (model, score, best, value - known[best], np.nan, np.nan)
            for model, value in table[score].items()
            if model != best
        ]
    columns = ["model", "score", "baseline", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
