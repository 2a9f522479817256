"""Scores of several models as tables in the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from keras_wx.cli._console import console, table
from keras_wx.plots.style import pretty_units
from keras_wx.verification import curtain, downscale
from keras_wx.verification.bootstrap import difference
from keras_wx.verification.fields import BLOCK
from keras_wx.verification.leaderboard.table import bounds, cells, drawn
from keras_wx.verification.table import to_frame

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from keras_wx.verification.leaderboard import Leaderboard

_LEADS = {
    "forecasts": ("csi", "mse", "crps"),
    "curtains": ("dice", "mae", "csi", "crps"),
    "fields": ("rmse", "mae", "crps"),
}
"""Scores whose differences are printed."""
_DRAWN = {
    "forecasts": ("event", "events"),
    "curtains": ("block", "blocks of columns"),
    "fields": ("block", f"blocks of {BLOCK[:-1]} days"),
}
"""What their intervals are over: one, and several."""


def print_scores(scores: Mapping[str, xr.Dataset], lines: Iterable[str]) -> None:
    """Prints means over lead times, or scores of a curtain or of fine fields: a row a model, below
    the lines that say of what."""
    first = next(iter(scores.values()))
    if "event" in first.dims:
        print_columns(curtain.to_frame(scores).dropna(axis=1, how="all"), lines)
        return
    if "r2_correlation" in first:
        print_columns(downscale.to_frame(scores).dropna(axis=1, how="all"), lines)
        return
    columns = to_frame(scores, columns=("csi", "frequency_bias", "mse", "mae", "crps"))
    print_means(columns, first.attrs["units"], lines)


def print_means(columns: pd.DataFrame, units: str, lines: Iterable[str]) -> None:
    """Prints means over lead times that were made already, as `print_scores` does."""
    units = pretty_units(units)
    squared = f"({units})²" if "/" in units else f"{units}²"
    linear = "thresholds, MAE and CRPS" if "CRPS" in columns else "thresholds and MAE"
    said = "" if units == "1" else f"; {linear} in {units}, MSE in {squared}"
    lines = [*lines, f"Means over lead times{said}"]
    print_columns(columns, lines, "" if units == "1" else units)


def print_columns(columns: pd.DataFrame, lines: Iterable[str], units: str = "") -> None:
    """Prints a table of scores below lines that say of what.

    Args:
        columns: a row a model; of "CSI@10", the number is a threshold.
        lines: what it is of.
        units: of thresholds.
    """
    out = console()
    for line in lines:
        out.print(line)
    out.print()
    # As many columns beside each other as there is room for: rain rates have many thresholds.
    room = out.width - max(map(len, columns.index))
    headings = [_heading(name, units) for name in columns]
    widths = [max(5, *map(len, heading.split("\n"))) + 2 for heading in headings]
    begin = 0
    while begin < len(headings):
        end = begin + 1
        while end < len(headings) and sum(widths[begin : end + 1]) <= room:
            end += 1
        out.print(_table(columns.iloc[:, begin:end], headings[begin:end]))
        out.print()
        begin = end


def print_differences(cases: Mapping[str, xr.Dataset]) -> None:
    """Prints how far the first model is ahead of each other one, with a bootstrap interval."""
    (name, ours), *rivals = cases.items()
    kind = "curtains" if "event" in ours.dims else "fields" if "time" in ours.dims else "forecasts"
    one, several = _DRAWN[kind]
    block = BLOCK if kind == "fields" else None
    out = console()
    for rival, theirs in rivals:
        leads = {
            score: difference(ours, theirs, score, block=block)
            for score in _LEADS[kind]
            if score in ours
        }
        first = next(iter(leads.values()))
        if drawn(first) > 1:
            how = f"and 95 % of {first.attrs['draws']} bootstrap draws of {drawn(first)} {several}"
        else:
            how = f"in a single {one}, which says nothing of others"
        out.print(f"{name} minus {rival}, {how}:")
        rows = [
            (
                label.replace("@", " >= "),
                _lead(float(cell["difference"]), *bounds(cell, drawn(found))),
            )
            for score, found in leads.items()
            for label, cell in cells(found, score)
        ]
        width = max(12, *(len(label) for label, _ in rows))
        for label, lead in rows:
            out.print(f"  {label:<{width}} {lead}")
        out.print()


def print_leads(board: Leaderboard) -> None:
    """Prints how far each trained model is ahead of the best baseline, score by score."""
    out = console()
    leads = board.differences
    leads = leads[~leads["score"].str.startswith("FSS") & ~leads["model"].isin(board.baselines)]
    for name, rows in leads.groupby("model", sort=False):
        out.print(f"{name} minus the best baseline (intervals: {board.facts['intervals']}):")
        labels = [label.replace("@", " >= ") for label in rows["score"]]
        width = max(12, *map(len, labels))
        for label, row in zip(labels, rows.itertuples(), strict=True):
            lead = _lead(row.difference, row.low, row.high)
            out.print(f"  {label:<{width}} {lead:<27} {row.baseline}")
        out.print()


def _lead(middle: float, low: float, high: float) -> str:
    if np.isnan(middle):
        return "-"
    return f"{middle:+.3f}" if np.isnan(low) else f"{middle:+.3f}  ({low:+.3f} to {high:+.3f})"


def _heading(name: str, units: str) -> str:
    """A word or a threshold a line."""
    score, _, threshold = name.partition("@")
    if threshold:
        return f"{score}\n>= {threshold}\n{units}".rstrip()
    return re.sub(r" (?!%|[^(]*\))", "\n", score)  # what is in brackets stays in a line


def _table(columns: pd.DataFrame, headings: Iterable[str]) -> Table:
    rows = table()
    rows.add_column("Model", vertical="bottom", no_wrap=True)
    for heading in headings:
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
