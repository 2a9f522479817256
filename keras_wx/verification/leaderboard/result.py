"""What `leaderboard` found, and the files that it can write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import pandas as pd
import xarray as xr

from keras_wx.spec import Task
from keras_wx.verification.leaderboard import report
from keras_wx.verification.leaderboard.table import event_table, lead_time_table, number_table

_DETAILS = {
    "nowcast": ("by_lead_time.csv", lead_time_table),
    "inpaint": ("by_event.csv", event_table),
    "downscale": ("by_score.csv", number_table),
}
"""Task -> file of all scores, and who makes it."""

FILES = (
    *("leaderboard.csv", "leaderboard.md", "differences.csv"),
    *(file for file, _ in _DETAILS.values()),
)
"""What `Leaderboard.save` may write."""


@dataclass(frozen=True)
class Leaderboard:
    """What `leaderboard` found.

    Attributes:
        table: a row a model; means over lead times with 95 % intervals, and the cost in
            milliseconds. See `keras_wx.verification.leaderboard.table`.
        differences: model minus the best baseline, a row for each score, with 95 % intervals.
        scores: model -> `keras_wx.verify` by lead time, or of all columns of a curtain, or of all
            fine fields.
        spectra: model -> `keras_wx.verification.spectra` by lead time. Those of curtains and fine
            fields are among their scores.
        cases: model -> `keras_wx.verify` of every start and lead time, of every block of columns of
            a curtain, or of every fine field.
        cost: milliseconds of a forecast, a scene of a curtain or a fine field, a row a model.
        baselines: models without training, the strongest of which the others are compared with.
        left_out: model -> why it is not in the table, or failed on the way.
        facts: what was scored, on what, and how.
        task: "nowcast", "inpaint" for curtains, "downscale" for fine fields.
        examples: model -> what it makes of the columns with most cloud in the blind zone, or the
            fine field of the time in the middle.
        observed: those columns, or that field with the coarse one; None where there are no
            examples.
    """

    table: pd.DataFrame
    differences: pd.DataFrame
    scores: dict[str, xr.Dataset]
    spectra: dict[str, xr.Dataset]
    cases: dict[str, xr.Dataset]
    cost: pd.DataFrame
    baselines: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    task: Task = "nowcast"
    examples: dict[str, xr.Dataset] = field(default_factory=dict)
    observed: xr.Dataset | None = None

    @property
    def ensembles(self) -> dict[str, xr.Dataset]:
        """The scores of the models that forecast several members."""
        return {name: found for name, found in self.scores.items() if "rank" in found.dims}

    @property
    def example(self) -> xr.Dataset | None:
        """What the first model makes of `observed`."""
        return next(iter(self.examples.values()), None)

    def to_markdown(self, pictures: Mapping[str, str] | None = None) -> str:
        """The tables, what was left out and how it was done; with pictures, title -> file."""
        return report.markdown(self, pictures or {})

    def save(
        self, folder: str | PathLike, *, pictures: Mapping[str, str] | None = None
    ) -> list[Path]:
        """Writes `leaderboard.csv`, `leaderboard.md`, `differences.csv`, and `by_lead_time.csv`, of
        curtains `by_event.csv` or, of fine fields, `by_score.csv`.

        Args:
            folder: made where missing; files of these names in it are replaced.
            pictures: title -> file in the folder, to be shown in the Markdown.

        Returns:
            The files.
        """
        folder = Path(folder).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        details, tabled = _DETAILS[self.task]
        texts = {
            "leaderboard.csv": report.csv(self.table, self.facts),
            "leaderboard.md": self.to_markdown(pictures),
            "differences.csv": report.csv(self.differences, self.facts, index=False),
            details: report.csv(tabled(self.scores), self.facts, index=False),
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        return [folder / name for name in texts]
