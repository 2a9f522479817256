"""What a search gives: the table of its trials, and the best of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from keras_wx.training.files import rewriting
from keras_wx.training.saver import BEST, publish
from keras_wx.tuning.search import STATE, own_values

TABLE = "trials.csv"


@dataclass(frozen=True)
class SweepResult:
    """A search so far.

    Attributes:
        trials: one row a trial, by its id: the values that it chose by their dotted keys, `score`,
            `status` ("completed", "failed", "running"), `epochs`, `best_epoch`, `duration` in
            seconds, `directory`, `message`. `attrs` has `objective`, `direction` and `parameters`.
        directory: of the search.
        best_preset: a folder that `keras_wx.load` opens, with the weights of the best trial; None
            where none has completed.
    """

    trials: pd.DataFrame
    directory: Path
    best_preset: Path | None

    @property
    def best(self) -> pd.Series | None:
        """The row of the best trial."""
        found = best_trial(self.trials)
        return None if found is None else self.trials.loc[found]

    def __repr__(self) -> str:
        counts = self.trials["status"].value_counts()
        parts = ", ".join(f"{count} {status}" for status, count in counts.items())
        text = f"<SweepResult {self.directory}: {parts or 'no trials'}"
        if self.best is not None:
            chosen = ", ".join(f"{k}={self.best[k]}" for k in self.trials.attrs["parameters"])
            text += f"; {self.trials.attrs['objective']} {self.best['score']:.5g} with {chosen}"
        return f"{text}>"


def read_trials(directory: str | Path) -> pd.DataFrame:
    """The table of a search from its folder, also while it runs."""
    directory = Path(directory)
    saved = json.loads((directory / STATE).read_text(encoding="utf-8"))
    oracle = saved["oracle"]
    rows = {}
    parameters = {hp["config"]["name"]: None for hp in oracle["hyperparameters"]["space"]}
    for trial in oracle["trials"]:
        values = own_values(trial["hyperparameters"]["values"])
        parameters |= dict.fromkeys(values)
        facts = saved["facts"][trial["trial_id"]]
        rows[trial["trial_id"]] = values | {
            "score": trial["score"] if trial["status"] == "COMPLETED" else None,
            "status": trial["status"].lower(),
            **{key: facts.get(key) for key in ("epochs", "best_epoch", "duration")},
            "directory": facts.get("best", f"trials/{trial['trial_id']}"),
            "message": facts.get("message", ""),
        }
    columns = [
        *parameters, "score", "status", "epochs", "best_epoch", "duration", "directory", "message"
    ]  # fmt: skip
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("trial")
    table["score"] = table["score"].astype(float)
    table.attrs = {**saved["about"], "parameters": list(parameters)}
    return table


def best_trial(trials: pd.DataFrame) -> str | None:
    """The id of the best of the completed trials."""
    scores = trials["score"].dropna()
    if scores.empty:
        return None
    return scores.idxmin() if trials.attrs["direction"] == "min" else scores.idxmax()


def collect(directory: Path) -> SweepResult:
    """Writes the table, the best model and the pictures of a search into its folder."""
    trials = read_trials(directory)
    with rewriting(directory / TABLE) as file:
        trials.to_csv(file)
    found = best_trial(trials)
    if found is None:
        return SweepResult(trials, directory, None)
    publish(directory / trials.loc[found, "directory"] / BEST, directory / BEST)
    _draw(trials, directory / "plots")
    return SweepResult(trials, directory, directory / BEST)


def _draw(trials: pd.DataFrame, folder: Path) -> None:
    from keras_wx.plots import search

    folder.mkdir(exist_ok=True)
    pictures: dict[str, Any] = {
        "history": search.search_history,
        "parallel_coordinates": search.parallel_coordinates,
    }
    if search.can_tell_importance(trials):
        pictures["importance"] = search.importance
    for name, draw in pictures.items():
        draw(trials, path=folder / f"{name}.png")
