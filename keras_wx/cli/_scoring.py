"""Scores of several models as tables in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from keras_wx.cli._console import console, table
from keras_wx.plots.style import pretty_units
from keras_wx.verification.bootstrap import difference
from keras_wx.verification.table import to_frame

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from keras_wx.verification.leaderboard import Leaderboard

COLUMN_WIDTH = 7
"""Of a score in the table, with the blanks before it."""


def print_scores(scores: Mapping[str, xr.Dataset], lines: Iterable[str]) -> None:
    """Prints means over lead times: a row a model, below the lines that say of what."""
    columns = to_frame(scores, columns=("csi", "frequency_bias", "mse", "mae", "crps"))
    print_columns(columns, next(iter(scores.values())).attrs["units"], lines)


def print_columns(columns: pd.DataFrame, units: str, lines: Iterable[str]) -> None:
    """Prints means over lead times that were made already, as `print_scores` does."""
    units = pretty_units(units)
    squared = f"({units})²" if "/" in units else f"{units}²"
    out = console()
    for line in lines:
        out.print(line)
    linear = "thresholds, MAE and CRPS" if "CRPS" in columns else "thresholds and MAE"
    said = "" if units == "1" else f"; {linear} in {units}, MSE in {squared}"
    out.print(f"Means over lead times{said}\n")
    # As many columns beside each other as there is room for: rain rates have many thresholds.
    room = max(1, (out.width - max(map(len, columns.index))) // COLUMN_WIDTH)
    for begin in range(0, columns.shape[1], room):
        out.print(_table(columns.iloc[:, begin : begin + room], "" if units == "1" else units))
        out.print()


def print_differences(cases: Mapping[str, xr.Dataset]) -> None:
    """Prints how far the first model is ahead of each other one, with a bootstrap interval."""
    (name, ours), *rivals = cases.items()
    out = console()
    for rival, theirs in rivals:
        csi = difference(ours, theirs, "csi")
        draws, events = csi.attrs["draws"], csi.attrs["events"]
        if events > 1:
            how = f"and 95 % of {draws} bootstrap draws of {events} events"
        else:
            how = "in a single event, which says nothing of others"
        out.print(f"{name} minus {rival}, {how}:")
        for threshold in csi["threshold"].values:
            out.print(f"  CSI >= {threshold:<6g}{_found(csi.sel(threshold=threshold), events)}")
        for score in (score for score in ("mse", "crps") if score in ours):
            found = difference(ours, theirs, score)
            out.print(f"  {score.upper():<13}{_found(found, events)}")
        out.print()


def print_leads(board: Leaderboard) -> None:
    """Prints how far each trained model is ahead of the best baseline, score by score."""
    out = console()
    leads = board.differences
    leads = leads[~leads["score"].str.startswith("FSS") & ~leads["model"].isin(board.baselines)]
    for name, rows in leads.groupby("model", sort=False):
        out.print(f"{name} minus the best baseline (intervals: {board.facts['intervals']}):")
        for row in rows.itertuples():
            lead = _lead(row.difference, row.low, row.high)
            out.print(f"  {row.score.replace('@', ' >= '):<13}{lead:<28}{row.baseline}")
        out.print()


def _found(found: xr.Dataset, events: int) -> str:
    middle, low, high = (float(found[name]) for name in ("difference", "low", "high"))
    # Draws of one event are all the same: their interval would be a point.
    return _lead(middle, low, high) if events > 1 else _lead(middle, np.nan, np.nan)


def _lead(middle: float, low: float, high: float) -> str:
    if np.isnan(middle):
        return "-"
    return f"{middle:+.3f}" if np.isnan(low) else f"{middle:+.3f}  ({low:+.3f} to {high:+.3f})"


def _table(columns: pd.DataFrame, units: str) -> Table:
    rows = table()
    rows.add_column("Model", vertical="bottom", no_wrap=True)
    for name in columns:
        score, _, threshold = name.partition("@")
        heading = f"{score}\n>= {threshold}\n{units}".rstrip() if threshold else score
        rows.add_column(heading, justify="right", no_wrap=True)
    texts = columns.apply(_numbers)
    for model, values in texts.iterrows():
        rows.add_row(model, *values)
    return rows


def _numbers(values: pd.Series) -> pd.Series:
    """Three digits or more, as many decimals in each row; a dash where there is no score."""
    largest = values.abs().max()
    decimals = 3 if largest < 10 else 2 if largest < 100 else 1
    return values.map(lambda value: "-" if np.isnan(value) else f"{value:.{decimals}f}")
