"""Replays searches on the table of recipes/sweep_table.py, and says which oracle is ahead.

    python recipes/sweep_replay.py --table docs/sweeps/table.csv --out docs/sweeps

Every configuration of the space has been trained once, so that what a search would find is looked
up and nothing is trained. Each oracle searches 50 times, from other seeds, with the same budget.
Writes `replay.md`, `replay.csv` and `replay.png`.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import keras_tuner
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import wilcoxon

from keras_wx.plots.layout import finish
from keras_wx.plots.style import LINE_COLORS
from keras_wx.tuning.changes import changes_of
from keras_wx.tuning.oracles import make_oracle
from keras_wx.tuning.space import Space, read_space

SPACE = Path(__file__).with_name("sweep_table.yaml")
SCORE = "mse_dbz2"
ORACLES = ("bayesian", "random")
QUANTILES = {"first quartile": 0.25, "median": 0.5, "third quartile": 0.75}


def main():
    options = arguments()
    space = read_space(SPACE, "convlstm")
    scores = read(options.table, space)
    curves = {
        name: np.array(
            [replay(name, space, scores, seed, options.budget) for seed in range(options.seeds)]
        )
        for name in ORACLES
    }
    options.out.mkdir(parents=True, exist_ok=True)
    summary = summarise(curves)
    summary.to_csv(options.out / "replay.csv", float_format="%.5f")
    draw(curves, scores, options.out / "replay.png")
    (options.out / "replay.md").write_text(report(curves, scores), encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, required=True, help="of recipes/sweep_table.py")
    parser.add_argument("--out", type=Path, required=True, help="folder for table and picture")
    parser.add_argument("--seeds", type=int, default=50, help="searches with each oracle")
    parser.add_argument("--budget", type=int, default=40, help="trials in a search")
    return parser.parse_args()


def read(table: Path, space: Space) -> dict[tuple[str, ...], float | None]:
    """Names of the choices -> score; None where the training failed."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {
        tuple(row[key] for key in space.parameters): float(row[SCORE]) if row[SCORE] else None
        for row in rows
    }
    whole = np.prod([len(parameter.options) for parameter in space.parameters.values()])
    if len(found) < whole:
        raise SystemExit(
            f"{table} has {len(found)} of {whole} configurations. recipes/sweep_table.py goes on."
        )
    return found


def replay(name: str, space: Space, scores: dict, seed: int, budget: int) -> list[float]:
    """The best score after each trial of one search; infinite before one has completed."""
    hp = keras_tuner.HyperParameters()
    changes_of(space, hp)
    oracle = make_oracle(name, hp, objective="score", direction="min", seed=seed, max_trials=budget)
    best = []
    for _ in range(budget):
        trial = oracle.create_trial("replay")
        values = trial.hyperparameters.values
        score = scores[tuple(str(values[key]) for key in space.parameters)]
        if score is None:
            trial.status = "FAILED"
        else:
            oracle.update_trial(trial.trial_id, {"score": score})
            trial.status = "COMPLETED"
        oracle.end_trial(trial)
        best.append(min([*best[-1:], np.inf if score is None else score]))
    return best


def summarise(curves: dict[str, np.ndarray]) -> pd.DataFrame:
    """Quartiles over the seeds of the best score so far, by trial."""
    columns = {
        f"{name} {label}": np.quantile(curve, q, axis=0, method="nearest")
        for name, curve in curves.items()
        for label, q in QUANTILES.items()
    }
    trials = len(next(iter(curves.values()))[0])
    return pd.DataFrame(columns, index=pd.RangeIndex(1, trials + 1, name="trials"))


def report(curves: dict[str, np.ndarray], scores: dict) -> str:
    completed = np.sort([score for score in scores.values() if score is not None])
    seeds, budget = curves["random"].shape
    lines = [
        f"{seeds} searches with each oracle among {len(scores)} configurations, of which "
        f"{len(scores) - len(completed)} failed. The best has {completed[0]:.3f} dBZ², the median "
        f"{np.median(completed):.3f} dBZ². Best score so far, median over the searches with first "
        "and third quartile:",
        "",
        "| trials | " + " | ".join(curves) + " | bayesian ahead / behind |",
        "|---|" + "---|" * (len(curves) + 1),
    ]
    marks = sorted({*range(10, budget + 1, 10), budget})
    for mark in marks:
        cells = []
        for curve in curves.values():
            low, middle, high = np.quantile(
                curve[:, mark - 1], list(QUANTILES.values()), method="nearest"
            )
            cells.append(f"{middle:.3f} ({low:.3f} to {high:.3f})")
        gap = curves["random"][:, mark - 1] - curves["bayesian"][:, mark - 1]
        lines.append(
            f"| {mark} | " + " | ".join(cells) + f" | {(gap > 0).sum()} / {(gap < 0).sum()} |"
        )
    lines += ["", verdict(curves), ""]
    lines += found_best(curves, completed)
    return "\n".join(lines) + "\n"


def verdict(curves: dict[str, np.ndarray]) -> str:
    """Which is ahead at the end, and whether chance explains it."""
    gap = curves["random"][:, -1] - curves["bayesian"][:, -1]
    budget = curves["random"].shape[1]
    if not gap.any():
        return f"After {budget} trials both have found the same in every search."
    chance = wilcoxon(gap).pvalue
    if chance > 0.05:
        return (
            f"After {budget} trials neither is ahead (Wilcoxon's signed ranks, p = {chance:.2g})."
        )
    ahead = "Bayesian" if np.mean(gap) > 0 else "Random"
    return (
        f"After {budget} trials {ahead} search is ahead "
        f"(Wilcoxon's signed ranks, p = {chance:.1g})."
    )


def found_best(curves: dict[str, np.ndarray], completed: np.ndarray) -> list[str]:
    """How many searches have found one of the best, and how soon the median search has."""
    limit = completed[max(1, round(0.05 * len(completed))) - 1]
    lines = []
    for name, curve in curves.items():
        reached = curve <= limit
        first = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, np.inf)
        middle = np.quantile(first, 0.5, method="nearest")
        when = f"the median one after {middle:.0f} trials" if np.isfinite(middle) else "most not"
        lines.append(
            f"* {name}: {reached[:, -1].sum()} of {len(curve)} searches found one of the best 5 % "
            f"({limit:.3f} dBZ² or less), {when}."
        )
    return lines


def draw(curves: dict[str, np.ndarray], scores: dict, path: Path) -> None:
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    axes = figure.subplots()
    for (name, curve), color in zip(curves.items(), LINE_COLORS, strict=False):
        low, middle, high = np.quantile(curve, list(QUANTILES.values()), axis=0, method="nearest")
        trials = np.arange(1, len(middle) + 1)
        axes.plot(trials, middle, color=color, label=f"{name}: median, quartiles")
        axes.fill_between(trials, low, high, color=color, alpha=0.2, lw=0)
    axes.axhline(min(s for s in scores.values() if s is not None), color="0.5", lw=1, ls="--")
    axes.set_xlabel("Trials")
    axes.set_ylabel("Best so far [dBZ²]")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    finish(figure, path)


if __name__ == "__main__":
    main()
