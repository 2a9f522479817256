"""The leaderboard as text: CSV for programs, Markdown for people."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from keras_wx.verification.markdown import markdown_table

if TYPE_CHECKING:
    from keras_wx.verification.leaderboard.result import Leaderboard

_SCORES = {
    "nowcast": "Means over lead times; thresholds, MAE and CRPS in {units}, MSE in its square; "
    "bias is the frequency bias. In brackets the intervals ({intervals}). An ensemble is scored by "
    "its mean, and by its members in the CRPS; the CRPS of a single forecast is its MAE.",
    "inpaint": "Of the gates in the blind zone; MAE, RMSE and CRPS in dB, EMD in per cent of the "
    "range from -60 to 30 dBZ; edge r is the correlation at the lowest gate that was observed. CSI "
    "of events in scenes of 128 columns: cloud in the blind zone, shallow precipitation, virga. In "
    "brackets the intervals ({intervals}). An ensemble is scored by the median of its members, and "
    "by its members in the CRPS and in Spearman's correlation of spread and error; the CRPS of a "
    "single reconstruction is its MAE.",
    "downscale": "Of all pixels and times; CRPS, MAE, RMSE, mean error and the bias of the 99.9th "
    "percentile in {units}. In brackets the intervals ({intervals}); other scores have none. R2, "
    "NSE (about the mean at each pixel) and KGE, as all errors, are those of an ensemble's mean; "
    "CRPS, percentile, spectra and variograms are those of its members; the CRPS of a single field "
    "is its MAE. Variogram error: sum of the differences over that of the truth's. Spectrum error: "
    "mean over wavenumbers of how far the power is from the truth's, in dB.",
}
_COST = {
    "nowcast": "Milliseconds of `predict` per forecast with all its members, on {machine}. Warm "
    "calls, the models in turn; a call makes the forecasts of all windows together.",
    "inpaint": "Milliseconds of `predict` per scene of 128 columns with all its members, on "
    "{machine}. Warm calls, the models in turn; a call fills all columns together.",
    "downscale": "Milliseconds of `predict` per fine field with all its members, on {machine}. "
    "Warm calls, the models in turn; a call makes several fields.",
}
"""Task -> what stands above a table."""
_UNSIGNED, _SIGNED = "{:.3f}", "{:+.3f}"


def csv(frame: pd.DataFrame, facts: Mapping[str, str], *, index: bool = True) -> str:
    """A table below lines that begin with # and say what it is of."""
    out = io.StringIO()
    for key, value in facts.items():
        out.write(f"# {key}: {value}\n")
    frame.to_csv(out, index=index, float_format="%.6g", lineterminator="\n")
    return out.getvalue()


def read_csv(text: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """The table and the facts that `csv` wrote."""
    head = [line for line in text.splitlines() if line.startswith("# ")]
    facts = dict(line.removeprefix("# ").split(": ", 1) for line in head)
    return pd.read_csv(io.StringIO(text), skiprows=len(head), index_col=0), facts


def summary(table: pd.DataFrame) -> str:
    """The table in brief, as Markdown: CSI, Dice or the CRPS of fine fields with their intervals,
    other scores, cost."""
    shown = pd.DataFrame({"members": table["members"].astype(int).astype(str)})
    names = _shown(table)
    certain = [name for name in names if name.startswith(("CSI", "Dice"))] or ["CRPS"]
    for name in certain:
        shown[name] = _with_interval(table, name)
    for name in (name for name in names if name not in certain):
        shown[name] = table[name].map(_number)
    if table["ms"].notna().any():
        shown["ms"] = table["ms"].map(_cost)
    return _markdown(shown)


def markdown(board: Leaderboard, pictures: Mapping[str, str]) -> str:
    """The whole report."""
    table, facts = board.table, board.facts
    units = facts["units"]
    lines = ["# Leaderboard", "", *(f"* {key}: {text}" for key, text in facts.items()), ""]
    lines += [
        "## Scores",
        "",
        _SCORES[board.task].format_map(facts),
        "",
        _markdown(_scores(table)),
    ]
    if not board.differences.empty:
        lines += [
            "## Ahead of the best baseline",
            "",
            "Model minus the baseline that is the best one here at this score; intervals from the "
            "same draws for both.",
            "",
            _markdown(_differences(board.differences, list(table.index))),
        ]
    fss = _starting(table, "FSS@")
    if fss:
        lines += [
            "## Fractions skill score",
            "",
            f"FSS@threshold/side: threshold in {units}, side of the neighbourhood in grid points.",
            "",
            _markdown(pd.DataFrame({name: _with_interval(table, name) for name in fss})),
        ]
    if not board.cost.empty:
        lines += [
            "## Cost of a forecast",
            "",
            _COST[board.task].format_map(facts),
            "",
            _markdown(_costs(board.cost)),
        ]
    if board.left_out:
        lines += ["## Left out", ""]
        for reason, names in grouped(board.left_out).items():
            lines.append(f"* {reason}: " + ", ".join(f"`{name}`" for name in names))
        lines.append("")
    for title, file in pictures.items():
        lines += [f"## {title}", "", f"![{title}]({file})", ""]
    return "\n".join(lines).rstrip() + "\n"


def grouped(left_out: Mapping[str, str]) -> dict[str, list[str]]:
    """Reason -> the names of those that share it."""
    names: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        names.setdefault(reason, []).append(name)
    return names


def _scores(table: pd.DataFrame) -> pd.DataFrame:
    columns = {name: _with_interval(table, name) for name in _shown(table)}
    return pd.DataFrame({"members": table["members"].astype(str), **columns})


def _differences(differences: pd.DataFrame, models: Iterable[str]) -> pd.DataFrame:
    """A row a model; each column names the baseline that it is measured by."""
    shown = differences[~differences["score"].str.startswith("FSS@")]
    against = shown.groupby("score", sort=False)["baseline"].first()
    cells = {
        (row.model, row.score): _bracketed(row.difference, row.low, row.high, _SIGNED)
        for row in shown.itertuples()
    }
    models = [name for name in models if name in set(shown["model"])]
    return pd.DataFrame(
        {
            f"{score} (best: {baseline})": [cells.get((name, score), "") for name in models]
            for score, baseline in against.items()
        },
        index=pd.Index(models, name="model"),
    )


def _costs(cost: pd.DataFrame) -> pd.DataFrame:
    times = [name for name in cost if name.endswith("_ms")]
    shown = cost[times].map(_cost).join(cost.drop(columns=times).astype(str))
    return shown.rename(columns=lambda name: name.replace("_", " "))


def _shown(table: pd.DataFrame) -> list[str]:
    """The scores of the first table: all but the FSS, which has one of its own."""
    return [name for name in table if f"{name} low" in table and not name.startswith("FSS@")]


def _starting(table: pd.DataFrame, prefix: str) -> list[str]:
    return [name for name in table if name.startswith(prefix) and not re.search("low|high", name)]


def _with_interval(table: pd.DataFrame, name: str) -> pd.Series:
    columns = table[[name, f"{name} low", f"{name} high"]]
    return columns.apply(lambda row: _bracketed(*row, _UNSIGNED), axis=1)


def _bracketed(value: float, low: float, high: float, form: str) -> str:
    if np.isnan(value):
        return "-"
    text = form.format(value)
    return text if np.isnan(low) else f"{text} ({form.format(low)} to {form.format(high)})"


def _number(value: float) -> str:
    return "-" if np.isnan(value) else _UNSIGNED.format(value)


def _cost(milliseconds: float) -> str:
    """Two digits: the machine is never quiet."""
    return "-" if np.isnan(milliseconds) else f"{float(f'{milliseconds:.2g}'):g}"


def _markdown(cells: pd.DataFrame) -> str:
    rows = ([f"`{name}`", *row] for name, row in zip(cells.index, cells.values, strict=True))
    return markdown_table(["model", *cells.columns], rows)
