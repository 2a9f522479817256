"""What `leaderboard` found, and the files that it can write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import pandas as pd
import xarray as xr

from keras_wx.verification.leaderboard import report
from keras_wx.verification.leaderboard.table import lead_time_table

FILES = ("leaderboard.csv", "leaderboard.md", "differences.csv", "by_lead_time.csv")
"""What `Leaderboard.save` writes."""


@dataclass(frozen=True)
class Leaderboard:
    """What `leaderboard` found.

    Attributes:
        table: a row a model; means over lead times with 95 % intervals, and the cost in
            milliseconds. See `keras_wx.verification.leaderboard.table`.
        differences: model minus the best baseline, a row for each score, with 95 % intervals.
        scores: model -> `keras_wx.verify` by lead time.
        spectra: model -> `keras_wx.verification.spectra` by lead time.
        cases: model -> `keras_wx.verify` of every start and lead time.
        cost: milliseconds of a forecast, a row a model.
        baselines: models without training, the strongest of which the others are compared with.
        left_out: model -> why it is not in the table, or failed on the way.
        facts: what was scored, on what, and how.
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

    @property
    def ensembles(self) -> dict[str, xr.Dataset]:
        """The scores of the models that forecast several members."""
        return {name: found for name, found in self.scores.items() if "rank" in found.dims}

    def to_markdown(self, pictures: Mapping[str, str] | None = None) -> str:
        """The tables, what was left out and how it was done; with pictures, title -> file."""
        return report.markdown(self, pictures or {})

    def save(
        self, folder: str | PathLike, *, pictures: Mapping[str, str] | None = None
    ) -> list[Path]:
        """Writes `leaderboard.csv`, `leaderboard.md`, `differences.csv` and `by_lead_time.csv`.

        Args:
            folder: made where missing; files of these names in it are replaced.
            pictures: title -> file in the folder, to be shown in the Markdown.

        Returns:
            The files.
        """
        folder = Path(folder).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        texts = (
            report.csv(self.table, self.facts),
            self.to_markdown(pictures),
            report.csv(self.differences, self.facts, index=False),
            report.csv(lead_time_table(self.scores), self.facts, index=False),
        )
        files = [folder / name for name in FILES]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text, encoding="utf-8")
        return files
